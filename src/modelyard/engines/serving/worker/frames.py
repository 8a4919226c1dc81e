"""The frames between an endpoint and a replica, on a stream socket. Numbers are little-endian.

    request   length u32 | number u64 | length of the id u8 | id | body
    reply     length u32 | number u64 | status u16 | microseconds in the model u32 | JSON

A length counts what follows it. The endpoint numbers its requests on one connection upwards from 1. A reply with
the number 0 answers nobody: GREETING opens a connection and brings the connection's slot (see `begun`), FAREWELL
says that the replica ends. The endpoint then sends nothing more and closes its direction; the replica answers what
it was sent, and closes. An endpoint that loses a connection reads in the slot which requests had been begun.
"""

from __future__ import annotations

import struct

GREETING = 1
FAREWELL = 2

_LENGTH = struct.Struct("<I")
_REQUEST = struct.Struct("<IQB")
_REPLY = struct.Struct("<IQHI")
_REQUEST_REST = struct.Struct("<QB")
_REPLY_REST = struct.Struct("<QHI")

LENGTH_BYTES = _LENGTH.size
LONGEST_REQUEST = 2**30
LONGEST_REPLY = 2**26
LONGEST_ID = 255
_ROOM = 2**16
_LONGEST_TIME = 2**32 - 1


class BrokenStream(Exception):
    """What was received is no frame."""


def request(number: int, request_id: bytes, body: bytes) -> bytes:
    """A request; its id has at most LONGEST_ID bytes."""
    size = _REQUEST_REST.size + len(request_id) + len(body)
    return b"".join((_REQUEST.pack(size, number, len(request_id)), request_id, body))


def read_request(frame: memoryview) -> tuple[int, bytes, bytes]:
    """Number, id and body of a request without its length."""
    number, length = _REQUEST_REST.unpack_from(frame)
    start = _REQUEST_REST.size + length
    return number, bytes(frame[_REQUEST_REST.size : start]), bytes(frame[start:])


def reply(number: int, status: int, microseconds: int, payload: bytes) -> bytes:
    """A reply; times that are too long are cut."""
    microseconds = min(microseconds, _LONGEST_TIME)
    return _REPLY.pack(_REPLY_REST.size + len(payload), number, status, microseconds) + payload


def read_reply(frame: memoryview) -> tuple[int, int, int, bytes]:
    """Number, status, microseconds and JSON of a reply without its length."""
    number, status, microseconds = _REPLY_REST.unpack_from(frame)
    return number, status, microseconds, bytes(frame[_REPLY_REST.size :])


class Inbox:
    """Cuts what arrives into frames: receive into `room()`, then `took()` gives what is whole.

    The frames are views of the room: they hold until the next `room()`.
    """

    def __init__(self, shortest: int, longest: int) -> None:
        self._shortest = shortest
        self._longest = longest
        self._buffer = bytearray(_ROOM)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._filled = 0

    def room(self) -> memoryview:
        """Where to receive: what is left for the frame that has begun, or all."""
        if self._start == self._filled:
            self._start = self._filled = 0
            if len(self._buffer) > _ROOM:
                self._resize(_ROOM)
        else:
            self._make_room()
        return self._view[self._filled :]

    def took(self, count: int) -> list[memoryview]:
        """The frames that are whole after `count` more bytes; raises BrokenStream."""
        self._filled += count
        frames = []
        start, filled = self._start, self._filled
        while filled - start >= LENGTH_BYTES:
            end = start + LENGTH_BYTES + self._length(start)
            if end > filled:
                break
            frames.append(self._view[start + LENGTH_BYTES : end])
            start = end
        self._start = start
        return frames

    def _length(self, start: int) -> int:
        length: int = _LENGTH.unpack_from(self._buffer, start)[0]
        if not self._shortest <= length <= self._longest:
            raise BrokenStream(f"a frame of {length} bytes")
        return length

    def _make_room(self) -> None:
        """Moves the beginning of a frame to the front of a buffer that can hold all of it."""
        held = self._filled - self._start
        needed = LENGTH_BYTES
        if held >= LENGTH_BYTES:
            needed += self._length(self._start)
        if self._start + needed > len(self._buffer) or self._filled == len(self._buffer):
            self._resize(max(_ROOM, needed))

    def _resize(self, size: int) -> None:
        # A new buffer each time: views of the old one may still be held.
        kept = self._view[self._start : self._filled]
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._view[: len(kept)] = kept
        self._start, self._filled = 0, len(kept)


def request_inbox() -> Inbox:
    """An inbox of the replica."""
    return Inbox(_REQUEST_REST.size, LONGEST_REQUEST)


def reply_inbox() -> Inbox:
    """An inbox of the endpoint."""
    return Inbox(_REPLY_REST.size, LONGEST_REPLY)
