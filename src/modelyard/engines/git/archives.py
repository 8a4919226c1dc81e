"""A folder at a commit as a tar or zip stream, in pieces and with bounded memory.

Nothing in an archive depends on when or where it is made: owners are 0, times are the commit's.
"""

import io
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pygit2
from pygit2.enums import FileMode

from modelyard.engines.git import ArchiveFormat, objects
from modelyard.kit.safe_path import SafePath

PIECE_BYTES = 2**18
_GZIP, _FAST = 31, 1
_MODES = {
    FileMode.BLOB: stat.S_IFREG | 0o644,
    FileMode.BLOB_EXECUTABLE: stat.S_IFREG | 0o755,
    FileMode.LINK: stat.S_IFLNK | 0o777,
}
# What a zip file's two-second clock can say, in seconds since 1970.
_ZIP_BEGIN, _ZIP_END = 315532800, 4354819198


class _Member(msgspec.Struct, frozen=True):
    path: str
    mode: int
    size: int
    chunks: Iterator[bytes]


def stream(
    repository: pygit2.Repository, commit: pygit2.Commit, folder: SafePath, kind: ArchiveFormat, top: str
) -> Iterator[bytes]:
    """The archive of a folder, every path below `top`; raises NotFound at once."""
    tree = objects.folder_of(repository, str(commit.id), folder)
    members = _members(repository, tree, f"{top}/{folder}" if folder else top)
    if kind == "zip":
        return _gathered(_zip(members, commit.commit_time))
    tar = _tar(members, commit.commit_time)
    return _gathered(_gzip(tar) if kind == "tar.gz" else tar)


def _members(repository: pygit2.Repository, tree: pygit2.Tree, prefix: str) -> Iterator[_Member]:
    for entry in tree:
        path = f"{prefix}/{entry.name}"
        if isinstance(entry, pygit2.Tree):
            yield from _members(repository, entry, path)
        elif isinstance(entry, pygit2.Blob):
            content = objects.content(repository, entry.id)
            mode = _MODES.get(FileMode(entry.filemode), _MODES[FileMode.BLOB])
            yield _Member(path, mode, content.size, content.chunks)


def _tar(members: Iterable[_Member], moment: int) -> Iterator[bytes]:
    for member in members:
        info = tarfile.TarInfo(member.path)
        info.mode, info.mtime = stat.S_IMODE(member.mode), moment
        if stat.S_ISLNK(member.mode):
            info.type = tarfile.SYMTYPE
            info.linkname = b"".join(member.chunks).decode("utf-8", "surrogateescape")
            yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
            continue
        info.size = member.size
        yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
        yield from member.chunks
        yield bytes(-member.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP)
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


def _zip(members: Iterable[_Member], moment: int) -> Iterator[bytes]:
    written = _Written()
    shown = time.gmtime(min(max(moment, _ZIP_BEGIN), _ZIP_END))
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        for member in members:
            name = member.path.encode("utf-8", "replace").decode()
            info = zipfile.ZipInfo(name, shown[:6])
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
            info.external_attr = member.mode << 16
            info.file_size = member.size  # from 2 GiB on, this makes room for 64-bit sizes
            with archive.open(info, "w") as file:
                for chunk in member.chunks:
                    file.write(chunk)
                    yield written.taken()
            yield written.taken()
    yield written.taken()


def _gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are worth a hop between threads."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


class _Written(io.RawIOBase):
    """A file that cannot be rewound and holds only what was written since it was last taken."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._bytes += memoryview(data)
        return memoryview(data).nbytes

    def taken(self) -> bytes:
        """What was written since."""
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken
