"""What `modelyard models serve` is to serve, from the words that people give."""

import os
import re
from pathlib import Path, PurePosixPath

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import Found, find_project
from modelyard.cli.jobs import upload_folder
from modelyard.cli.models import TRACKING, at
from modelyard.cli.output import err

_FILE = re.compile(r"([^:]+\.py):([A-Za-z_][\w.]*)")
_NUMBERED = re.compile(r"(.+)[/:@](\d+)")
_ALIASED = re.compile(r"(.+)@([^@]+)")


def variables_of(given: list[str]) -> dict[str, str]:
    """Environment variables as they are given; raises CommandError for one without a value here."""
    found = {}
    for one in given:
        key, equals, value = one.partition("=")
        if not equals and key not in os.environ:
            raise CommandError(f"--env {key}: there is no such variable here; give {key}=VALUE.")
        found[key] = value if equals else os.environ[key]
    return found


def source_of(server: Server, what: str, version: int | None, project: str | None) -> tuple[Found, Found]:
    """What is served, and in which project."""
    if file := _FILE.fullmatch(what):
        if version is not None:
            raise CommandError("--version is for registered models; give --commit to serve earlier files.")
        return {"type": "File", "file": file[1], "function": file[2]}, find_project(server, project)
    model, number = _model_version(server, what, version)
    found = server.get(at(model))
    if number is not None:
        number = server.get(f"{at(model)}/versions/{number}")["modelVersion"]
    elif (number := found.get("latestVersion")) is None:
        raise CommandError(f"The model {found['name']} has no versions yet.")
    source = {"type": "Registry", "registeredModelName": found["name"], "registeredModelVersion": number}
    return source, found["project"] if project is None else find_project(server, project)


def _model_version(server: Server, what: str, version: int | None) -> tuple[str, int | None]:
    if version is not None:
        return what, version
    if numbered := _NUMBERED.fullmatch(what):
        return numbered[1], int(numbered[2])
    if aliased := _ALIASED.fullmatch(what):
        path = f"{TRACKING}/registered-models/alias"
        found = server.get(path, name=aliased[1], alias=aliased[2])
        return aliased[1], int(found["model_version"]["version"])
    if what.endswith(".py"):
        raise CommandError(f"Say which function is served: {what}:FUNCTION.")
    return what, None


def default_name(source: Found) -> str:
    """What a model API is called when nobody says: as the model, or as the file."""
    if source["type"] == "Registry":
        return str(source["registeredModelName"]).rpartition("/")[2]
    return PurePosixPath(source["file"]).stem


def commit_of(server: Server, project: Found, folder: Path | None, commit: str | None) -> str | None:
    """The commit to serve: the one that is named, or that of a folder."""
    if folder is None:
        return commit
    if commit is not None:
        raise CommandError("Give --commit or --folder.")
    with err.status("Uploading the folder ..."):
        return upload_folder(server, project["id"], folder)


def default_environment(server: Server, project: Found) -> str:
    """The environment of a project's jobs, else the platform's."""
    settings = server.get(f"/v4/projects/{project['id']}/settings")
    found = settings.get("defaultEnvironmentId") or server.get("/v4/environments/defaultEnvironment")["id"]
    return str(found)
