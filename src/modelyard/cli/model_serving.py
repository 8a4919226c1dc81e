"""`modelyard models serve`: a registered model or a function becomes a model API, or its next version."""

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from modelyard.cli.asking import confirm
from modelyard.cli.connection import CommandError, Refused, Server
from modelyard.cli.finding import MODEL_APIS, Found, api_versions, find_environment, model_apis
from modelyard.cli.model_apis import calling, example_of, new_token, path_of, print_token, source_words
from modelyard.cli.model_logs import POLL_SECONDS, SETTLE_SECONDS, VersionLog
from modelyard.cli.model_sources import commit_of, default_environment, default_name, source_of, variables_of
from modelyard.cli.options import Json, Yes
from modelyard.cli.output import as_json, err, out, say

# These are commands of `modelyard models`.
app = typer.Typer()

LONGEST_EXAMPLE = 200

_PACKAGE = re.compile(r"\s*\+?\s*[\w.\[\]-]+==\S+")

What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="A registered model: MODEL, MODEL/VERSION, MODEL@ALIAS; or a function: FILE.py:FUNCTION.",
    ),
]
Version = Annotated[
    int | None, typer.Option("--version", metavar="N", help="Of the registered model; its latest.")
]
Name = Annotated[str | None, typer.Option(help="Name of the model API; that of the model or file when left out.")]
InProject = Annotated[
    str | None,
    typer.Option(
        "--project", metavar="NAME", help="Its project; the model's own, or your quick-start, if left out."
    ),
]
Environment = Annotated[str | None, typer.Option(help="Environment of a function, by name or id.")]
Commit = Annotated[str | None, typer.Option(metavar="ID", help="Commit of the project's files; the newest.")]
Folder = Annotated[Path | None, typer.Option(help="Folder that becomes the project's files before.")]
Replicas = Annotated[int | None, typer.Option(metavar="N", help="How many processes serve it; one.")]
Tier = Annotated[str | None, typer.Option(help="Hardware tier of each replica.")]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="KEY=VALUE", help="An environment variable; KEY alone takes yours. Repeatable."),
]
Public = Annotated[bool | None, typer.Option("--public/--private", help="Whether everybody may call it.")]
IsAsync = Annotated[
    bool, typer.Option("--async", help="For predictions that are asked for now and fetched later.")
]
Record = Annotated[bool, typer.Option("--record", help="Keep calls and answers in a dataset of the project.")]
New = Annotated[bool, typer.Option("--new", help="Another model API, though there is one of that name.")]
Token = Annotated[str | None, typer.Option(metavar="NAME", help="Make an access token and print it, this once.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it runs, with what is logged meanwhile.")]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served, where, and how."""

    name: str
    project: Found
    source: Found
    commit_id: str | None
    environment_id: str | None
    variables: dict[str, str]
    replicas: int | None
    tier: str | None
    is_public: bool | None
    is_async: bool
    is_recorded: bool


@app.command("serve")
def serve(
    what: What,
    version: Version = None,
    name: Name = None,
    project: InProject = None,
    environment: Environment = None,
    commit: Commit = None,
    folder: Folder = None,
    replicas: Replicas = None,
    tier: Tier = None,
    env: Env = None,
    public: Public = None,
    is_async: IsAsync = False,
    record: Record = False,
    new: New = False,
    token: Token = None,
    wait: Wait = True,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Serve a registered model or a function; of a model API of that name it becomes the next version."""
    server = Server.find()
    variables = variables_of(env or [])
    source, found = source_of(server, what, version, project)
    called = name or default_name(source)
    there = None if new else _existing(server, called, found, is_async=is_async, yes=yes)
    asked = Asked(
        name=called, project=found, source=source, commit_id=commit_of(server, found, folder, commit),
        environment_id=find_environment(server, environment)["id"] if environment else None,
        variables=variables, replicas=replicas, tier=tier, is_public=public, is_async=is_async, is_recorded=record,
    )  # fmt: skip
    api, made = _next_version(server, asked, there) if there else _new_model_api(server, asked)
    say(f"Version {made['number']} of {api['name']} ({api['id']}) serves {source_words(made)}.")
    secret = new_token(server, api["id"], token) if token is not None else None
    if wait:
        with err.status("Waiting until it runs ..."):
            for line in until_it_runs(server, api, made):
                err.print(f"  {line}", style="dim", markup=False, highlight=False, soft_wrap=True)
    _tell(server, api, made, secret, json=json)


def _new_model_api(server: Server, asked: Asked) -> tuple[Found, Found]:
    body = {
        "name": asked.name,
        "description": "",
        "environmentId": asked.environment_id or default_environment(server, asked.project),
        "isAsync": asked.is_async,
        "strictNodeAntiAffinity": False,
        "environmentVariables": [{"key": key, "value": value} for key, value in asked.variables.items()],
        "replicas": asked.replicas,
        "hardwareTierId": asked.tier,
        "access": {"isPublic": bool(asked.is_public)},
        "version": _version(asked),
    }
    made = server.post(MODEL_APIS, body)
    return made, api_versions(server, made)[0]


def _existing(server: Server, name: str, project: Found, *, is_async: bool, yes: bool) -> Found | None:
    """The model API of this name in a project, if it may get another version; raises CommandError."""
    there = model_apis(server, name, project["id"])
    if not there:
        return None
    if len(there) > 1:
        ids = ", ".join(one["id"] for one in there)
        raise CommandError(f"The project has several model APIs named {name} ({ids}); give another --name.")
    (api,) = there
    if is_async and not api["isAsync"]:
        raise CommandError(
            f"{api['name']} answers at once; give another --name, or --new, for an asynchronous one."
        )
    if not yes:
        question = f"There is a model API {api['name']}. This becomes its next version and takes over its calls?"
        confirm(question, "Nothing is served; give another --name, or --new for another model API of that name.")
    return api


def _next_version(server: Server, asked: Asked, api: Found) -> tuple[Found, Found]:
    """Adds a version to the model API that is there, and changes of it what is given."""
    for key, value in asked.variables.items():
        _set_variable(server, api, {"key": key, "value": value})
    _change(server, api, asked)
    made = server.post(f"{MODEL_APIS}/{api['id']}/versions", _version(asked))
    return server.get(f"{MODEL_APIS}/{api['id']}"), made


def _set_variable(server: Server, api: Found, variable: Found) -> None:
    path = f"{MODEL_APIS}/{api['id']}/environmentVariables"
    try:
        server.put(f"{path}/{variable['key']}", variable)
    except Refused as refusal:
        if refusal.status != 404:
            raise
        server.post(path, variable)


def _change(server: Server, api: Found, asked: Asked) -> None:
    """Replaces the settings of a model API that were given."""
    given = {"replicas": asked.replicas, "hardwareTierId": asked.tier}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if asked.is_public is not None:
        changes["access"] = {"isPublic": asked.is_public}
    if changes:
        kept = {key: api[key] for key in ("name", "description", "replicas", "environmentId")}
        server.put(f"{MODEL_APIS}/{api['id']}", kept | changes)


def _version(asked: Asked) -> dict[str, Any]:
    return {
        "projectId": asked.project["id"],
        "source": asked.source,
        "commitId": asked.commit_id,
        "environmentId": asked.environment_id,
        "logHttpRequestResponse": asked.is_recorded,
        "monitoringEnabled": False,
    }


def until_it_runs(server: Server, api: Found, version: Found) -> Iterator[str]:
    """What is logged of a version until it runs, but for the packages that are installed.

    Raises CommandError when it never will; what is logged before explains it.
    """
    log = VersionLog(server, version, ["build", "deployment"])
    while True:
        deployment = server.get(path_of(version))["deployment"]
        status, is_over = deployment["status"], not deployment["isPending"]
        if is_over and status != "Running":
            time.sleep(SETTLE_SECONDS)
        yield from (line["log"] for line in log.fresh() if not _PACKAGE.fullmatch(line["log"]))
        if status == "Running":
            return
        if is_over:
            how = "failed; the lines above say why" if status == "Failed" else "was stopped"
            raise CommandError(f"Version {version['number']} of {api['name']} {how}.")
        time.sleep(POLL_SECONDS)


def _tell(server: Server, api: Found, version: Found, secret: Found | None, *, json: bool) -> None:
    """Where it is called, and how."""
    address = calling(server, api["id"])
    if json:
        told = {"modelApi": api, "version": server.get(path_of(version)), "url": address}
        as_json(told | ({"accessToken": secret} if secret else {}))
        return
    out.print(address, highlight=False, soft_wrap=True)
    if secret:
        print_token(secret, api["name"])
    say(_curl(server, api, address))
    say(f"Or try it at {server.url}/models/{api['id']}")


def _curl(server: Server, api: Found, address: str) -> str:
    """The command that asks what the model's own example asks, if that is not too long to be read."""
    example = None if api["isAsync"] else example_of(server, api["id"])
    if api["isAsync"]:
        address, example = f"{server.url}/api/modelApis/async/v1/{api['id']}", {"parameters": {}}
    body = msgspec.json.encode(example or {"data": {}}).decode()
    shown = shlex.quote(body) if len(body) <= LONGEST_EXAMPLE else "@body.json"
    access = "" if api["access"]["isPublic"] else "-u TOKEN:TOKEN "
    return f"curl {access}-H 'Content-Type: application/json' -d {shown} {address}"
