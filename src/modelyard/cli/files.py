"""`modelyard download` and `history`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.fetching import checked, fetch_file, fetch_folder, refuse_to_overwrite
from modelyard.cli.finding import find_project
from modelyard.cli.options import Force, Json, OfProject, Output
from modelyard.cli.output import as_json, count_of, err, say, table
from modelyard.kit.safe_path import SafePath

Commit = Annotated[str | None, typer.Option(help="Commit; the newest one when left out.")]


def download(
    path: Annotated[str, typer.Argument(help="A file or folder of the project; all files when left out.")] = "",
    project: OfProject = None,
    commit: Commit = None,
    output: Output = None,
    force: Force = False,
) -> None:
    """Fetch a file, a folder or all files of a project."""
    server, wanted = Server.find(), checked(path)
    found = find_project(server, project)
    commit_id, sizes = _look_up(server, found, wanted, commit)
    if set(sizes) == {""}:
        folder, count = output or Path(), 1
        url = f"/api/projects/v1/projects/{found['id']}/files/{commit_id}/{quote(wanted)}/content"
        fetch_file(server.download(url), folder, wanted.name, sizes[""], force=force)
    else:
        folder = output or Path(wanted.name or found["name"])
        if not force:
            refuse_to_overwrite(folder, sizes)
        query = {"commitId": commit_id, "path": wanted, "format": "tar"}
        archive = server.download(f"/v4/projects/{found['id']}/archive", **query)
        total = sum(1024 + -(-size // 512) * 512 for size in sizes.values())
        depth = len(wanted.split("/")) + 1 if wanted else 1
        count = fetch_folder(archive, folder, wanted or found["name"], total, depth, force=force)
    say(f"{count_of(count, 'file')} of {found['name']} at commit {commit_id[:10]} written to {folder}")


def history(
    path: Annotated[str, typer.Argument(help="A file of the project, also one that is gone.")],
    project: OfProject = None,
    commit: Commit = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    json: Json = False,
) -> None:
    """List the commits that changed a file, newest first."""
    server = Server.find()
    url = f"/v4/projects/{find_project(server, project)['id']}/files/history"
    reply = server.get(url, path=checked(path), commitId=commit, limit=limit)
    if json:
        as_json(reply["revisions"])
        return
    table(["COMMIT", "TIME", "CHANGE", "BYTES", "AUTHOR", "MESSAGE"], map(_row, reply["revisions"]))
    if reply["hasMore"]:
        err.print(f"There are older ones; give a --limit over {limit}.", highlight=False)


def _row(revision: dict[str, Any]) -> list[str]:
    moment = datetime.fromtimestamp(revision["time"] / 1000).astimezone()
    size = f"{revision['size']:,}" if revision["change"] != "removed" else ""
    about = revision["message"].partition("\n")[0]
    shown = f"{moment:%Y-%m-%d %H:%M:%S}"
    return [revision["commitId"][:10], shown, revision["change"], size, revision["authorName"], about]


def _look_up(
    server: Server, project: dict[str, Any], path: SafePath, commit: str | None
) -> tuple[str, dict[str, int]]:
    """The commit, and the size of every file below a folder by its path there; a file's own is the empty one.

    Raises CommandError when there is neither a file nor a folder.
    """
    parent, _, name = path.rpartition("/")
    browsed = server.get(f"/v4/projects/{project['id']}/files", path=parent, commitId=commit)
    commit_id = str(browsed["commitId"])
    [entry] = [one for one in browsed["entries"] if one["name"] == name] or [None]
    if entry is not None and entry["kind"] == "file":
        return commit_id, {"": entry["size"]}
    if entry is None and path:
        raise CommandError(f"There is no file or folder {path} in {project['name']} at commit {commit_id[:10]}.")
    url = f"/v1/projects/{project['ownerUsername']}/{project['name']}/files/{commit_id}/{quote(path)}"
    listed = server.get(url.rstrip("/"))["data"]
    return commit_id, {file["path"].removeprefix(f"{path}/"): file["size"] for file in listed}
