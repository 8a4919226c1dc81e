"""The index of a run's log: fixed-size records that say which bytes arrived when.

A record is little-endian: time of its first line (u64 nanoseconds), offset in the stream's file (u64),
length in bytes (u32), number of lines (u32), stream (u8), a mark of completeness (u8), padding to 28 bytes.
Line i of a record has the record's time plus i; the times of a run's lines strictly increase.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelyard.engines.logs import STREAMS

_RECORD = struct.Struct("<QQIIBBxx")
_WHOLE = 0xA5
_BLOCK = 1024


class Record(msgspec.Struct, frozen=True):
    """Some whole lines of one stream that arrived together."""

    time_ns: int
    offset: int
    length: int
    lines: int
    stream: str

    @property
    def latest_ns(self) -> int:
        """The time of its last line."""
        return self.time_ns + self.lines - 1

    def packed(self) -> bytes:
        """The record as stored."""
        stream = STREAMS.index(self.stream)
        return _RECORD.pack(self.time_ns, self.offset, self.length, self.lines, stream, _WHOLE)


class Index:
    """A run's index file, for reading; it may grow meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self) -> int:
        """The number of whole records."""
        try:
            return self._path.stat().st_size // _RECORD.size
        except FileNotFoundError:
            return 0

    def records(self, start: int = 0) -> Iterator[Record]:
        """The records from number `start` on."""
        while block := self._block(start, _BLOCK):
            for position in range(0, len(block), _RECORD.size):
                record = _unpacked(block, position)
                if record is None:
                    return
                yield record
            start += _BLOCK

    def records_backwards(self) -> Iterator[Record]:
        """The records, the last one first."""
        end = self.count()
        while end > 0:
            start = max(0, end - _BLOCK)
            block = self._block(start, end - start)
            for position in range(len(block) - _RECORD.size, -1, -_RECORD.size):
                record = _unpacked(block, position)
                if record is not None:
                    yield record
            end = start

    def _block(self, start: int, count: int) -> bytes:
        """At most `count` whole records as stored; the file is not held open between two of them."""
        try:
            with self._path.open("rb") as file:
                file.seek(start * _RECORD.size)
                block = file.read(count * _RECORD.size)
        except FileNotFoundError:
            return b""
        return block[: len(block) - len(block) % _RECORD.size]

    def first_after(self, time_ns: int) -> int:
        """The number of the first record that may hold lines after a time."""
        low, high = 0, self.count()
        if not high:
            return 0
        with self._path.open("rb") as file:
            while low < high:
                middle = (low + high) // 2
                file.seek(middle * _RECORD.size)
                record = _unpacked(file.read(_RECORD.size), 0)
                if record is None or record.latest_ns > time_ns:
                    high = middle
                else:
                    low = middle + 1
        return low


def open_for_append(path: Path) -> tuple[int, dict[str, int], int]:
    """Opens an index to write on: its descriptor, the end of each stream, and the last time used.

    A record that was torn by a crash is cut off; its lines are stamped anew.
    """
    ends = dict.fromkeys(STREAMS, 0)
    latest = whole = 0
    for record in Index(path).records():
        ends[record.stream] = record.offset + record.length
        latest = record.latest_ns
        whole += 1
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.ftruncate(descriptor, whole * _RECORD.size)
    os.lseek(descriptor, 0, os.SEEK_END)
    return descriptor, ends, latest


def _unpacked(block: bytes, position: int) -> Record | None:
    if len(block) - position < _RECORD.size:
        return None
    time_ns, offset, length, lines, stream, whole = _RECORD.unpack_from(block, position)
    if whole != _WHOLE or stream >= len(STREAMS):
        return None
    return Record(time_ns, offset, length, lines, STREAMS[stream])
