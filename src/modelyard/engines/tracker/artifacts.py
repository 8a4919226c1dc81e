"""The files of runs and logged models: plain files in the home, which MLflow lists and deletes."""

import asyncio
import os
import shutil
import stat
import tempfile
import time
from collections.abc import AsyncIterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from modelyard.engines.tracker import ARTIFACT_SCHEME
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.open_file import OpenFile

# No experiment has such an id.
INCOMING = ".incoming"
_PIECE_BYTES = 2**20
_LONGEST_NAME = 255
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ArtifactFiles:
    """Files below a folder; new ones lie in one of its own, on the same disk, until they are whole."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / INCOMING

    def sweep(self, seconds: float) -> None:
        """Removes what a process that was killed has left, once it is older than so many seconds."""
        if not self._incoming.is_dir():
            return
        for left in self._incoming.iterdir():
            with suppress(OSError):
                if left.stat().st_mtime < time.time() - seconds:
                    left.unlink()

    def open(self, path: str) -> OpenFile:
        """A file, to be read once; blocks. Raises NotFound, and BadRequest for what is no path."""
        missing = NotFound(f"There is no artifact {path[:500]}.")
        try:
            descriptor = os.open(self._at(path), _OPEN)
        except OSError:
            raise missing from None
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            os.close(descriptor)
            raise missing

        def pieces(first: int, after: int) -> Iterator[bytes]:
            with os.fdopen(descriptor, "rb", buffering=0) as file:
                file.seek(first)
                while first < after and (piece := file.read(min(_PIECE_BYTES, after - first))):
                    yield piece
                    first += len(piece)

        return OpenFile(f"{state.st_mtime_ns:x}-{state.st_size:x}", state.st_size, pieces)

    def copy(self, location: str, target: Path, *, link: bool) -> int:
        """Copies the folder `mlflow-artifacts:/<path>` to a place where nothing is; how many files it has.

        With `link` files are shared with the original where the disk can: nobody may write to the copy then.
        Blocks. Raises NotFound, BadRequest and OSError.
        """
        source, count = self._at(location.removeprefix(ARTIFACT_SCHEME)), 0
        if not source.is_dir():
            raise NotFound("There are no files where the model's files should be.")
        for root, _, names in os.walk(source):
            place = target / Path(root).relative_to(source)
            place.mkdir(mode=0o700, parents=True)
            for name in names:
                original = Path(root) / name
                if stat.S_ISREG(original.lstat().st_mode):
                    _copy(original, place / name, link=link)
                    count += 1
        return count

    async def receive(self, path: str, body: AsyncIterable[bytes]) -> None:
        """Puts a file at a path as a whole, or not at all; raises BadRequest and OSError."""
        target = self._at(path)
        if target.is_dir():
            raise BadRequest(f"There is a folder at {path[:500]}; give the file another name.")
        descriptor, name = await asyncio.to_thread(self._new)
        fresh = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                pending, waiting = list[bytes](), 0
                async for piece in body:
                    pending.append(piece)
                    waiting += len(piece)
                    if waiting >= _PIECE_BYTES:
                        await asyncio.to_thread(file.writelines, pending)
                        pending, waiting = [], 0
                await asyncio.to_thread(_end, file, pending)
            await asyncio.to_thread(self._place, fresh, target)
        finally:
            fresh.unlink(missing_ok=True)

    def _new(self) -> tuple[int, str]:
        self._incoming.mkdir(mode=0o700, exist_ok=True)
        return tempfile.mkstemp(dir=self._incoming)

    @staticmethod
    def _place(fresh: Path, target: Path) -> None:
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise BadRequest("A part of the path is a file; choose another path.") from None
        fresh.replace(target)

    def _at(self, path: str) -> Path:
        parts = path.strip("/").split("/")
        for part in parts:
            if part in {"", ".", ".."} or "\0" in part or len(os.fsencode(part)) > _LONGEST_NAME:
                raise BadRequest(f"{path[:500]!r} is no path of an artifact.")
        return self._root.joinpath(*parts)


def _end(file: IO[bytes], last: list[bytes]) -> None:
    """Writes what is left of a file, and has it on the disk."""
    file.writelines(last)
    file.flush()
    os.fsync(file.fileno())


def _copy(original: Path, copy: Path, *, link: bool) -> None:
    if link:
        with suppress(OSError):  # another disk, or one without links
            return copy.hardlink_to(original)
    shutil.copyfile(original, copy)
    return None
