"""Files as a tar or zip stream, in pieces and with bounded memory.

Nothing in an archive depends on when or where it is made: owners are 0, times are given.
"""

import io
import re
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

ArchiveFormat = Literal["tar.gz", "tar", "zip"]

FILE = stat.S_IFREG | 0o644
EXECUTABLE = stat.S_IFREG | 0o755
LINK = stat.S_IFLNK | 0o777
FOLDER = stat.S_IFDIR | 0o755

PIECE_BYTES = 2**18
_GZIP, _FAST = 31, 1
# What a zip file's two-second clock can say, in seconds since 1970.
_ZIP_BEGIN, _ZIP_END = 315532800, 4354819198


class Member(msgspec.Struct, frozen=True):
    """What goes into an archive: its path, mode, size in bytes and content, which for a link is its target."""

    path: str
    mode: int
    size: int
    chunks: Iterable[bytes]


def archive(members: Iterable[Member], kind: ArchiveFormat, moment: int) -> Iterator[bytes]:
    """An archive of members whose times are all `moment`, in seconds since 1970."""
    if kind == "zip":
        return _gathered(_zip(members, moment))
    tar = _tar(members, moment)
    return _gathered(_gzip(tar) if kind == "tar.gz" else tar)


def file_name(text: str) -> str:
    """A text as the name of an archive, or of the folder in it, on any file system."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)


def _tar(members: Iterable[Member], moment: int) -> Iterator[bytes]:
    for member in members:
        info = tarfile.TarInfo(member.path)
        info.mode, info.mtime = stat.S_IMODE(member.mode), moment
        if stat.S_ISDIR(member.mode):
            info.type = tarfile.DIRTYPE
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


def _zip(members: Iterable[Member], moment: int) -> Iterator[bytes]:
    written = _Written()
    shown = time.gmtime(min(max(moment, _ZIP_BEGIN), _ZIP_END))
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        for member in members:
            name = member.path.encode("utf-8", "replace").decode() + "/" * stat.S_ISDIR(member.mode)
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
