"""`modelyard datasets`: files of datasets, uploaded, fetched, listed and deleted."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.fetching import checked, fetch_file, fetch_folder
from modelyard.cli.finding import Found, dataset_name, find_dataset, find_snapshot
from modelyard.cli.local_files import LocalFiles, look_through
from modelyard.cli.options import DatasetName, DatasetPath, Force, Json, OfProject, OfSnapshot, Output
from modelyard.cli.output import as_json, count_of, err, line, progress, say, size_of
from modelyard.cli.sending import Upload
from modelyard.kit.safe_path import SafePath

app = typer.Typer()

SHOWN = 5

LocalPaths = Annotated[
    list[Path], typer.Argument(metavar="PATH", help="Files and folders; `.` for all that is here.")
]
OnCollision = Annotated[
    Literal["ignore", "overwrite", "rename"] | None,
    typer.Option(
        case_sensitive=False,
        help="What becomes of files whose names are taken: ignore (the default) leaves them out, overwrite"
        " replaces the others, rename finds free names.",
    ),
]


@app.command("upload")
def upload(
    dataset: DatasetName,
    paths: LocalPaths,
    to: Annotated[str, typer.Option("--to", metavar="FOLDER", help="Folder of the dataset to put them in.")] = "",
    on_collision: OnCollision = None,
    jobs: Annotated[int, typer.Option(help="How many chunks are sent at a time.", min=1, max=32)] = 8,
    resume: Annotated[str | None, typer.Option(metavar="KEY", help="Go on with an upload that broke off.")] = None,
    project: OfProject = None,
    json: Json = False,
) -> None:
    """Upload files and folders into a dataset.

    All of them, or none: they are there when everything is sent. What broke off can be resumed.
    """
    if resume and on_collision:
        raise CommandError("--on-collision was chosen when the upload began; leave it out with --resume.")
    folder, server = checked(to), Server.find()
    found = find_dataset(server, dataset, project)
    with err.status("Looking through the files ..."):
        local = look_through(paths)
    _say_what_is_left_out(local)
    if not local.files:
        raise CommandError("There are no files to upload.")
    if resume:
        sending = Upload(server, found["id"], resume, resumed=True)
    else:
        sending = Upload.start(server, found["id"], (on_collision or "ignore").capitalize())
    say(f"Upload {sending.key} of {count_of(len(local.files), 'file')}, {size_of(local.size)}")
    again = ["modelyard", "datasets", "upload", dataset, *map(str, paths), *(["--to", to] if to else [])]
    again += [*(["--project", project] if project else []), "--resume", sending.key]
    ended = _send(sending, local, folder, jobs, again)
    if json:
        as_json(ended)
    else:
        _say_what_came_of_it(ended, f"{dataset_name(found)}/{folder}".rstrip("/"))


@app.command("cancel-upload")
def cancel_upload(
    dataset: DatasetName,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key of the upload.")],
    project: OfProject = None,
) -> None:
    """Forget an upload that broke off.

    The server does so by itself a week after the last of it came.
    """
    server = Server.find()
    Upload(server, find_dataset(server, dataset, project)["id"], key, resumed=True).cancel()
    say(f"The upload {key} is forgotten.")


@app.command("download")
def download(
    dataset: DatasetName,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file or folder of the dataset; all files when left out.")
    ] = "",
    snapshot: OfSnapshot = None,
    output: Output = None,
    force: Force = False,
    project: OfProject = None,
) -> None:
    """Fetch a file, a folder or all files of a dataset."""
    server, wanted = Server.find(), checked(path)
    found = find_dataset(server, dataset, project)
    taken = find_snapshot(server, found, snapshot) if snapshot else None
    version = taken["id"] if taken else None
    item = _existing(server, found, wanted, version) if wanted else None
    if item and item["kind"] == "link":
        raise CommandError(f"{wanted} is a link; fetch the folder that it is in.")
    url = f"/v4/datasetrw/datasets/{found['id']}"
    query = {"path": str(wanted)} | ({"snapshot": version} if version else {})
    if item and item["kind"] == "file":
        folder, count = output or Path(), 1
        fetch_file(server.download(f"{url}/file", **query), folder, wanted.name, item["size"], force=force)
    else:
        folder = output or Path(wanted.name or found["name"])
        depth = len(wanted.split("/")) + 1 if wanted else 1
        total = None if wanted else (taken or server.get(f"{url}/usage")).get("sizeBytes")
        archive = server.download(f"{url}/archive", **query, format="tar")
        count = fetch_folder(archive, folder, wanted or found["name"], total, depth, force=force)
    of = f", snapshot {taken['number']}," if taken else ""
    say(f"{count_of(count, 'file')} of {dataset_name(found)}{of} written to {folder}")


@app.command("ls")
def list_files(
    dataset: DatasetName,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A folder of the dataset; the topmost one when left out.")
    ] = "",
    snapshot: OfSnapshot = None,
    project: OfProject = None,
    json: Json = False,
) -> None:
    """List what lies in a folder of a dataset.

    Sizes are in bytes. Folders end with /, links with @, programs with *.
    """
    server, wanted = Server.find(), checked(path)
    found = find_dataset(server, dataset, project)
    if wanted and (item := _existing(server, found, wanted, snapshot))["kind"] != "folder":
        pages: Any = iter([[item]])
    else:
        pages = _pages(server, found, wanted, snapshot)
    if json:
        as_json([item for page in pages for item in page])
        return
    for page in pages:
        for item in page:
            mark = {"folder": "/", "link": "@"}.get(item["kind"], "*" if item["isExecutable"] else "")
            size = f"{item['size']:,}" if item["kind"] == "file" else ""
            line(f"{size:>19}  {item['name']}{mark}")


@app.command("rm")
def remove(dataset: DatasetName, path: DatasetPath, project: OfProject = None) -> None:
    """Delete a live file, or a folder with all below it.

    Snapshots keep theirs.
    """
    server = Server.find()
    found = find_dataset(server, dataset, project)
    usage = server.work("DELETE", f"/v4/datasetrw/datasets/{found['id']}/files", path=checked(path))
    left = f"{count_of(usage['fileCount'], 'file')}, {size_of(usage['sizeBytes'])}"
    say(f"Deleted {path} of {dataset_name(found)}; left: {left}.")


def _send(sending: Upload, local: LocalFiles, folder: SafePath, threads: int, again: list[str]) -> dict[str, Any]:
    """Sends everything; whatever ends that early is told together with the command that goes on."""
    resuming = f"Go on with: {shlex.join(again)}"
    try:
        with progress("Uploading", local.size) as arrived:
            sending.send(local.files, threads, arrived)
        with err.status("Putting the files in their places ..."):
            return sending.end(folder)
    except KeyboardInterrupt:
        raise CommandError(f"Stopped. {resuming}") from None
    except CommandError as error:
        if error.may_pass:
            raise CommandError(f"{error} {resuming}") from None
        raise


def _say_what_is_left_out(local: LocalFiles) -> None:
    for place, reason in list(local.left_out.items())[:SHOWN]:
        say(f"{place} is left out: {reason}.")
    if (more := len(local.left_out) - SHOWN) > 0:
        say(f"So are {more:,} more.")


def _say_what_came_of_it(ended: dict[str, Any], where: str) -> None:
    say(f"{count_of(ended['files'], 'file')} uploaded into {where}, {size_of(ended['bytes'])}.")
    why = "the dataset had files of their names"
    if ended["ignoredFiles"]:
        say(f"Left out: {ended['ignoredFiles']:,}; {why}.")
    if ended["renamedFiles"]:
        say(f"Renamed: {ended['renamedFiles']:,}; {why}.")


def _existing(server: Server, dataset: Found, path: SafePath, snapshot: str | None) -> Found:
    """The file, link or folder at a path; raises CommandError."""
    # Names are listed in the order of their paths, and a folder's path ends with a slash there.
    for place in (path, f"{path}/"):
        page = _page(server, dataset, path.rpartition("/")[0], snapshot, after=place, limit=1)
        if page["items"] and page["items"][0]["path"] == path:
            found: Found = page["items"][0]
            return found
    raise CommandError(f"There is no file or folder {path} in {dataset_name(dataset)}.")


def _pages(server: Server, dataset: Found, path: str, snapshot: str | None) -> Iterator[list[Found]]:
    """What lies in a folder."""
    page = _page(server, dataset, path, snapshot)
    yield page["items"]
    while "next" in page:
        page = _page(server, dataset, path, snapshot, after=page["next"])
        yield page["items"]


def _page(server: Server, dataset: Found, path: str, snapshot: str | None, **window: Any) -> Found:
    page: Found = server.work(
        "GET", f"/v4/datasetrw/datasets/{dataset['id']}/files", path=path, snapshot=snapshot, **window
    )
    return page
