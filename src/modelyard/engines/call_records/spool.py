"""The spool: segments of records by version, on this machine's disk.

    <version id>/<segment id>.open              being written; its writer holds a lock on it
    <version id>/<segment id>-<calls>.closed    waits to be turned

An open segment that nobody holds was left by a writer that was killed. Everything blocks.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelyard.engines.call_records.records import CallRecord, Head, count, framed
from modelyard.kit.ids import is_id, new_id

_CLOSED = re.compile(r"([0-9a-f]{24})-(\d+)\.closed")
_OPEN, _NEW = ".open", ".new"


class ClosedSegment(msgspec.Struct, frozen=True):
    """A segment that nobody writes to any more."""

    version_id: str
    id: str
    path: Path
    calls: int
    bytes: int


class Spool:
    """All segments below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, head: Head) -> "OpenSegment":
        """A new segment of a version; raises OSError."""
        folder = self._folder / head.version_id
        while True:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # removed with its last segment just now
                return OpenSegment(folder, head)

    def closed(self) -> list[ClosedSegment]:
        """All closed segments, the oldest first; those that killed writers have left are closed before."""
        for path in self._paths(_OPEN):
            _adopt(path)
        found = [self._closed(path) for path in self._paths(".closed")]
        return sorted((one for one in found if one is not None), key=lambda one: one.id)

    def remove(self, segment: ClosedSegment) -> None:
        """Forgets a segment, and the folder of its version when that was its last."""
        segment.path.unlink(missing_ok=True)
        try:
            segment.path.parent.rmdir()
        except OSError:
            return  # others are there, or come just now

    @property
    def size_bytes(self) -> int:
        """How much all segments take."""
        return sum(_size(path) for suffix in (_OPEN, ".closed") for path in self._paths(suffix))

    def trim(self, most_bytes: int) -> list[ClosedSegment]:
        """Drops the oldest closed segments until all take at most so much; those that were dropped."""
        left = self.size_bytes
        dropped = []
        for segment in self.closed():
            if left <= most_bytes:
                break
            self.remove(segment)
            left -= segment.bytes
            dropped.append(segment)
        return dropped

    def _paths(self, suffix: str) -> Iterator[Path]:
        if not self._folder.is_dir():
            return
        for folder in self._folder.iterdir():
            if is_id(folder.name):
                yield from (path for path in folder.glob(f"*{suffix}") if path.is_file())

    def _closed(self, path: Path) -> ClosedSegment | None:
        named = _CLOSED.fullmatch(path.name)
        if named is None:
            return None
        return ClosedSegment(path.parent.name, named[1], path, int(named[2]), _size(path))


class OpenSegment:
    """A segment that is being written, by one thread at a time."""

    def __init__(self, folder: Path, head: Head) -> None:
        self.head = head
        self.calls = 0
        self._id = new_id()
        self._folder = folder
        self._path = folder / f"{self._id}{_OPEN}"
        # It gets its name when it is locked already: one that is not locked is nobody's.
        fresh = folder / f"{self._id}{_NEW}"
        self._descriptor = os.open(fresh, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            self.bytes = _write(self._descriptor, framed([head]))
            fresh.rename(self._path)
        except OSError:
            os.close(self._descriptor)
            fresh.unlink(missing_ok=True)
            raise

    def append(self, records: list[CallRecord]) -> None:
        """Adds calls; they are there when the process is killed afterwards. Raises OSError, and adds none."""
        try:
            written = _write(self._descriptor, framed(records))
        except OSError:
            os.ftruncate(self._descriptor, self.bytes)
            raise
        self.bytes += written
        self.calls += len(records)

    def close(self) -> None:
        """Lets it be turned, unless nothing is in it."""
        try:
            if self.calls:
                self._path.rename(self._folder / f"{self._id}-{self.calls}.closed")
            else:
                self._path.unlink()
        finally:
            os.close(self._descriptor)


def _adopt(path: Path) -> None:
    """Closes an open segment that nobody holds."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # closed just now
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        calls = count(path)
        if calls:
            path.rename(path.with_name(f"{path.stem}-{calls}.closed"))
        else:
            path.unlink()
    except (BlockingIOError, FileNotFoundError):
        return  # somebody writes to it, or has closed it meanwhile
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> int:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    return len(content)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
