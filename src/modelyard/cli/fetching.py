"""Files and folders that are fetched from a server: they are there as a whole, or not at all."""

import contextlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from modelyard.cli.connection import CommandError
from modelyard.cli.output import err, progress
from modelyard.kit.errors import BadRequest
from modelyard.kit.safe_path import SafePath


def checked(path: str) -> SafePath:
    """A path that somebody typed; raises CommandError."""
    try:
        return SafePath(path.removeprefix("./"))
    except BadRequest as error:
        raise CommandError(error.message) from None


def refuse_to_overwrite(folder: Path, names: Iterable[str]) -> None:
    """Raises CommandError when some of these files are in a folder already."""
    there = [name for name in names if os.path.lexists(folder / name)]
    if there:
        more = f" (and {len(there) - 1:,} more)" if len(there) > 1 else ""
        raise CommandError(
            f"{folder / there[0]}{more} is there already; give --force to overwrite, or another --output."
        )


def fetch_file(pieces: Iterator[bytes], folder: Path, name: str, size: int, *, force: bool) -> None:
    """Writes a file of `size` bytes into a folder; raises CommandError."""
    if not force:
        refuse_to_overwrite(folder, [name])
    with _building(folder) as fresh:
        with _received(pieces, name, size) as content, (fresh / name).open("wb") as file:
            shutil.copyfileobj(content, file, 2**20)
        _put_in_place(fresh, folder)


def fetch_folder(
    archive: Iterator[bytes], folder: Path, name: str, total: int | None, depth: int, *, force: bool
) -> int:
    """Writes what a tar stream has, without `depth` leading folders, into a folder; the number of files.

    Its `name` and its size, `total` bytes where that is known, are for the progress bar. Links that leave the
    folder are left out. Raises CommandError, also for names that the file system here takes for one and the same.
    """
    with _building(folder) as fresh:
        with _received(archive, name, total) as content:
            _unpack(content, fresh, depth, None if force else folder)
        return _put_in_place(fresh, folder)


@contextlib.contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A fresh folder inside one that is made where it is missing; nothing of it stays after the block."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".modelyard-") as fresh:
            yield Path(fresh)
    except OSError as error:
        reason = f"{error.strerror or error} ({error.filename or folder})"
        raise CommandError(f"The files cannot be written to {folder}: {reason}.") from None
    finally:
        with contextlib.suppress(OSError):  # only where nothing was written at all
            folder.rmdir()


@contextlib.contextmanager
def _received(pieces: Iterator[bytes], name: str, total: int | None) -> Iterator[io.BufferedReader]:
    """What comes from the server as a file, with a progress bar."""
    with progress(name, total) as arrived:

        def counted() -> Iterator[bytes]:
            for piece in pieces:
                arrived(len(piece))
                yield piece

        yield io.BufferedReader(_Reader(counted()), 2**20)


def _unpack(content: IO[bytes], fresh: Path, depth: int, kept: Path | None) -> None:
    """Unpacks a tar stream into a fresh folder; nothing that is in the folder `kept` may be overwritten later."""
    folders = {""}
    with tarfile.open(fileobj=content, mode="r|") as archive:
        for member in archive:
            name = "/".join(member.name.split("/")[depth:])
            _keep_apart(fresh, name, folders, is_folder=member.isdir())
            if kept is not None and not member.isdir():
                refuse_to_overwrite(kept, [name])
            try:
                archive.extract(member.replace(name=name, deep=False), fresh, filter="data")
            except tarfile.FilterError:
                err.print(f"[yellow]{name} is left out: it leads out of the folder.[/]", highlight=False)


def _keep_apart(fresh: Path, name: str, folders: set[str], *, is_folder: bool) -> None:
    """Raises CommandError when a new name leads to what was unpacked under another one; notes its folders."""
    steps = name.split("/")
    for count in range(1, len(steps) + 1):
        one = "/".join(steps[:count])
        if one in folders:
            continue
        if os.path.lexists(fresh / one):
            raise CommandError(
                f"The file system here takes {one} and another name, such as one in other case, for the same;"
                " choose an --output on one that keeps them apart."
            )
        if is_folder or count < len(steps):
            folders.add(one)


def _put_in_place(fresh: Path, folder: Path) -> int:
    count = 0
    for root, folders, names in os.walk(fresh):
        target = folder / Path(root).relative_to(fresh)
        target.mkdir(parents=True, exist_ok=True)
        for name in [*names, *(one for one in folders if (Path(root) / one).is_symlink())]:
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
