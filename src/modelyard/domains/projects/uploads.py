"""Uploaded bytes on their way into a commit: received into a folder, unpacked, checked."""

import asyncio
import lzma
import shutil
import tarfile
import tempfile
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from modelyard.kit.errors import BadRequest, TooLarge
from modelyard.kit.safe_path import SafePath

MAX_FILES = 100_000

# Small files stay in memory until the commit, up to this sum; all others go through the disk.
_SMALL_BYTES = 2**16
_KEPT_BYTES = 2**25
_PIECE_BYTES = 2**20
# Of an upload over the limit, so much more is read and dropped.
_DRAINED_BYTES = 2**26

_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, UnicodeError, ValueError)


class Uploads:
    """A folder where uploads lie while they are worked on, and their largest size in bytes."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self.max_bytes = max_bytes

    def sweep(self, seconds: float) -> None:
        """Removes what a process that was killed has left, once it is older than so many seconds."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.iterdir():
            with suppress(OSError):
                if left.stat().st_mtime < time.time() - seconds:
                    shutil.rmtree(left)

    @asynccontextmanager
    async def receive(self, body: AsyncIterator[bytes]) -> AsyncIterator[Path]:
        """A body as a file, alone in a folder that vanishes after the block; raises TooLarge."""
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._folder))
        try:
            path = folder / "body"
            with await asyncio.to_thread(path.open, "wb") as file:
                await self._write(body, file)
            yield path
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _write(self, body: AsyncIterator[bytes], file: IO[bytes]) -> None:
        pending, waiting, received = [], 0, 0
        async for chunk in body:
            received += len(chunk)
            if received > self.max_bytes:
                # Many clients read the reply only after they have sent everything.
                if received > self.max_bytes + _DRAINED_BYTES:
                    break
                continue
            waiting += len(chunk)
            pending.append(chunk)
            if waiting >= _PIECE_BYTES:
                await asyncio.to_thread(file.writelines, pending)
                pending, waiting = [], 0
        if received > self.max_bytes:
            raise TooLarge(f"The upload is over this server's limit of {self.max_bytes:,} bytes.")
        await asyncio.to_thread(file.writelines, pending)

    def unpack(self, archive: Path) -> "dict[SafePath, bytes | Path | None]":
        """The files of a tar archive (plain or compressed), unpacked beside it.

        Raises BadRequest for anything that is not a plain file or folder, for paths that leave the tree
        and for archives that cannot be read, TooLarge when the content is over the limit.
        """
        try:
            with tarfile.open(archive, "r|*") as tar:
                return self._unpack(tar, archive.parent)
        except _UNREADABLE as error:
            raise BadRequest(
                "The body is not a complete tar archive (plain, gzip, bzip2 or xz); send one as the body."
            ) from error

    def _unpack(self, tar: tarfile.TarFile, folder: Path) -> "dict[SafePath, bytes | Path | None]":
        files: dict[SafePath, bytes | Path | None] = {}
        total = kept = 0
        for number, member in enumerate(tar):
            path = _checked(member)
            total += member.size
            if total > self.max_bytes or number >= MAX_FILES:
                raise TooLarge(f"The archive holds more than {self.max_bytes:,} bytes or {MAX_FILES:,} files.")
            if member.isdir():
                continue
            source = tar.extractfile(member)
            assert source is not None  # noqa: S101
            small = member.size <= _SMALL_BYTES and kept + member.size <= _KEPT_BYTES
            if small and not member.mode & 0o100:
                kept += member.size
                files[path] = source.read()
            else:
                files[path] = _spooled(source, folder / str(number), executable=bool(member.mode & 0o100))
        if not files:
            raise BadRequest("The archive holds no files; nothing was committed.")
        return files


def _checked(member: tarfile.TarInfo) -> SafePath:
    shown = member.name[:200]
    if not (member.isreg() or member.isdir()):
        raise BadRequest(
            f"{shown!r} in the archive is a link or a device; only plain files and folders can be uploaded."
        )
    if member.name.startswith("/"):
        raise BadRequest(f"{shown!r} in the archive is an absolute path; give paths inside the project.")
    # Archives of a folder name everything below "./".
    name = "" if member.name == "." else member.name.removeprefix("./")
    path = SafePath(name)
    if not path and member.isreg():
        raise BadRequest("A file in the archive has no name.")
    return path


def _spooled(source: IO[bytes], path: Path, *, executable: bool) -> Path:
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, _PIECE_BYTES)
    path.chmod(0o700 if executable else 0o600)
    return path
