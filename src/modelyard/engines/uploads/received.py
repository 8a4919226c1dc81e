"""What was received of the files of a session: logs with a line for every chunk, written after its bytes.

A line is one append, so that any number of processes write side by side. A file's lines are all in one of
sixteen logs, which keeps the search for one of them short. Nothing here waits for the disk: the kernel has what
was written even when its process is killed.
"""

import errno
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelyard.engines.uploads.chunk import SentFile


class _Line(msgspec.Struct, frozen=True, array_like=True):
    """One chunk: path, size and chunk size of its file, its number, the MD5 of its bytes in hex."""

    path: str
    size: int
    chunk_bytes: int
    number: int
    checksum: str


class Received(msgspec.Struct):
    """The newest announcement of a file, and the chunks of it that are there."""

    file: SentFile
    numbers: set[int]


def note(folder: Path, file: SentFile, number: int, checksum: bytes) -> None:
    """Adds a line; raises OSError when the disk is full."""
    # A line that a full disk has cut off ends where the next one begins.
    line = b"\n" + _start(file, number) + b'"' + checksum.hex().encode() + b'"]\n'
    descriptor = os.open(_log(folder, file), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def has(folder: Path, file: SentFile, number: int, checksum: bytes) -> bool:
    """Whether the chunk that came last under this number had these bytes."""
    try:
        with _log(folder, file).open("rb") as log, mmap.mmap(log.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            start = b"\n" + _start(file, number) + b'"'
            at = lines.rfind(start) + len(start)
            return at >= len(start) and lines[at : at + 32] == checksum.hex().encode()
    except (FileNotFoundError, ValueError):  # there is no log, or nothing in it
        return False


def read(folder: Path) -> Iterator[Received]:
    """All files of which chunks were received, each once, in any order."""
    for log in folder.iterdir():
        newest: dict[str, Received] = {}
        for text in log.read_bytes().splitlines():
            if (line := _decoded(text)) is None:
                continue
            file = SentFile(line.path, line.size, line.chunk_bytes)
            known = newest.get(file.path)
            if known is None or known.file != file:
                known = newest[file.path] = Received(file, set())
            known.numbers.add(line.number)
        yield from newest.values()


def _start(file: SentFile, number: int) -> bytes:
    return msgspec.json.encode([file.path, file.size, file.chunk_bytes, number])[:-1] + b","


def _log(folder: Path, file: SentFile) -> Path:
    return folder / file.place[0]


def _decoded(text: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(text, type=_Line)
    except msgspec.DecodeError:
        return None
