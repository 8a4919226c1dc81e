"""What is kept of a call, and the form of a segment.

A segment is a sequence of MessagePack values, each after its length in bytes (u32, little-endian): first a Head,
then one CallRecord a call. What a killed writer has left of a last value is passed over.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

_LENGTH = struct.Struct("<I")
# Nothing longer is written: whatever claims to be is no record.
_LONGEST = 2**28


class Head(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is true of all calls of a segment.

    `redacted_fields` were those of the model when the calls were made. `dropped` calls of this version were not
    recorded before, for want of room.
    """

    version_id: str
    version_number: int
    redacted_fields: tuple[str, ...]
    dropped: int


class CallRecord(msgspec.Struct, frozen=True, array_like=True):
    """One call; `is_cut` says that the request or the answer was longer than what is here of it."""

    time_ns: int
    request_id: str
    status: int
    seconds: float
    model_seconds: float | None
    caller: str | None
    request: bytes
    answer: bytes
    is_cut: bool


def framed(values: list[Head] | list[CallRecord]) -> bytes:
    """Values as they are appended to a segment."""
    pieces: list[bytes] = []
    for value in values:
        packed = msgspec.msgpack.encode(value)
        pieces += (_LENGTH.pack(len(packed)), packed)
    return b"".join(pieces)


def count(path: Path) -> int:
    """How many calls are in a segment."""
    return max(0, sum(1 for _ in _frames(path)) - 1)


def read(path: Path) -> tuple[Head, Iterator[CallRecord]]:
    """The head and the calls of a segment; raises ValueError when it has no head that can be read."""
    frames = _frames(path)
    first = next(frames, None)
    if first is None:
        raise ValueError("the segment is empty")
    try:
        head = msgspec.msgpack.decode(first, type=Head)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    return head, _records(frames)


def _records(frames: Iterator[bytes]) -> Iterator[CallRecord]:
    decoder = msgspec.msgpack.Decoder(CallRecord)
    for frame in frames:
        try:
            yield decoder.decode(frame)
        except msgspec.DecodeError:  # torn by a crash of the machine
            return


def _frames(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while len(prefix := file.read(_LENGTH.size)) == _LENGTH.size:
            (length,) = _LENGTH.unpack(prefix)
            frame = file.read(length) if length <= _LONGEST else b""
            if len(frame) < length:
                return
            yield frame
