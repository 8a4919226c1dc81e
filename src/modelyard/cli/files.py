"""`modelyard download` and `history`."""

import contextlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Annotated, Any
from urllib.parse import quote

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from modelyard.cli.connection import CommandError, Server
from modelyard.cli.finding import find_project
from modelyard.cli.options import OfProject
from modelyard.cli.output import as_json, err, table
from modelyard.kit.errors import BadRequest
from modelyard.kit.safe_path import SafePath

Commit = Annotated[str | None, typer.Option(help="Commit; the newest one when left out.")]


def download(
    path: Annotated[str, typer.Argument(help="A file or folder of the project; all files when left out.")] = "",
    project: OfProject = None,
    commit: Commit = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder to write to; the current one for a file, else one named after what is fetched."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Fetch a file, a folder or all files of a project."""
    server, wanted = Server.find(), _checked(path)
    found = find_project(server, project)
    commit_id, sizes = _look_up(server, found, wanted, commit)
    is_file = set(sizes) == {""}
    folder = output or Path() if is_file else output or Path(wanted.name or found["name"])
    sizes = {wanted.name: sizes[""]} if is_file else sizes
    _refuse_to_overwrite(folder, list(sizes), force=force)
    with _building(folder) as building:
        if is_file:
            url = f"/api/projects/v1/projects/{found['id']}/files/{commit_id}/{quote(wanted)}/content"
            with _received(server.download(url), wanted, sum(sizes.values())) as content:
                _save(content, building / wanted.name)
        else:
            query = {"commitId": commit_id, "path": wanted, "format": "tar"}
            total = sum(1024 + -(-size // 512) * 512 for size in sizes.values())
            archive = server.download(f"/v4/projects/{found['id']}/archive", **query)
            with _received(archive, wanted or found["name"], total) as content:
                _unpack(content, building, depth=len(wanted.split("/")) + 1 if wanted else 1)
        count = _put_in_place(building, folder)
    files = f"{count:,} {'file' if count == 1 else 'files'}"
    err.print(f"{files} of {found['name']} at commit {commit_id[:10]} written to {folder}", highlight=False)


def history(
    path: Annotated[str, typer.Argument(help="A file of the project, also one that is gone.")],
    project: OfProject = None,
    commit: Commit = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the commits that changed a file, newest first."""
    server = Server.find()
    url = f"/v4/projects/{find_project(server, project)['id']}/files/history"
    reply = server.get(url, path=_checked(path), commitId=commit, limit=limit)
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


def _checked(path: str) -> SafePath:
    try:
        return SafePath(path.removeprefix("./"))
    except BadRequest as error:
        raise CommandError(error.message) from None


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


def _refuse_to_overwrite(folder: Path, names: list[str], *, force: bool) -> None:
    there = [name for name in names if os.path.lexists(folder / name)]
    if there and not force:
        more = f" (and {len(there) - 1:,} more)" if len(there) > 1 else ""
        raise CommandError(
            f"{folder / there[0]}{more} is there already; give --force to overwrite, or another --output."
        )


@contextlib.contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A fresh folder inside one that is made where it is missing; nothing of it stays after the block."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".modelyard-") as building:
            yield Path(building)
    except OSError as error:
        reason = f"{error.strerror or error} ({error.filename or folder})"
        raise CommandError(f"The files cannot be written to {folder}: {reason}.") from None
    finally:
        with contextlib.suppress(OSError):  # only where nothing was written at all
            folder.rmdir()


@contextlib.contextmanager
def _received(pieces: Iterator[bytes], name: str, total: int) -> Iterator[io.BufferedReader]:
    """What comes from the server as a file, with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task(name, total=total)

        def counted() -> Iterator[bytes]:
            for piece in pieces:
                progress.advance(bar, len(piece))
                yield piece

        yield io.BufferedReader(_Reader(counted()), 2**20)


def _save(content: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(content, file, 2**20)


def _unpack(content: IO[bytes], folder: Path, depth: int) -> None:
    """Unpacks a tar stream without so many leading folders; links that leave the folder are left out."""
    with tarfile.open(fileobj=content, mode="r|") as archive:
        for member in archive:
            name = "/".join(member.name.split("/")[depth:])
            try:
                archive.extract(member.replace(name=name, deep=False), folder, filter="data")
            except tarfile.FilterError:
                err.print(f"[yellow]{name} is left out: it leads out of the folder.[/]", highlight=False)


def _put_in_place(building: Path, folder: Path) -> int:
    count = 0
    for root, _, names in os.walk(building):
        target = folder / Path(root).relative_to(building)
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            (Path(root) / name).replace(target / name)
            count += 1
    return count


class _Reader(io.RawIOBase):
    """Pieces as a file that is read once, from its beginning to its end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
