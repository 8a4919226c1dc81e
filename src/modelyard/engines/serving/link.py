"""An endpoint's connection to one replica: a raw socket, so that what a dead replica had said is still read."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from modelyard.engines.serving import Answer
from modelyard.engines.serving.calls import Call
from modelyard.engines.serving.worker.begun import FILE, SLOT_BYTES, SLOTS
from modelyard.engines.serving.worker.frames import (
    FAREWELL,
    GREETING,
    BrokenStream,
    read_reply,
    reply_inbox,
    request,
)

GREETING_SECONDS = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0
# A model that answers within this is given its next request while it works: the way takes as long as the work.
QUICK_MICROSECONDS = 5_000
_STATUSES = frozenset({200, 400, 500})


class LinkState(Enum):
    """`UP` takes calls, `LEAVING` only brings answers, `DOWN` is to be connected (again), `CLOSED` is over."""

    DOWN = auto()
    UP = auto()
    LEAVING = auto()
    CLOSED = auto()


class LinkOwner(Protocol):
    """What a link tells of."""

    def changed(self) -> None:
        """A link came up or went."""
        ...

    def freed(self) -> None:
        """A link has room for calls."""
        ...

    def lost(self, begun: list[Call], unbegun: list[Call]) -> None:
        """A replica is gone with these calls unanswered."""
        ...


class Link:
    """The connection to one replica. Its attributes are read by the endpoint on every call."""

    def __init__(self, address: str, owner: LinkOwner, loop: asyncio.AbstractEventLoop) -> None:
        self.state = LinkState.DOWN
        self.outstanding: dict[int, Call] = {}
        self.used_at = 0
        self.heard_at = 0.0
        self.is_quick = False
        self._address = address
        self._owner = owner
        self._loop = loop
        self._socket: socket.socket | None = None
        self._send: Callable[[bytes | bytearray], int] = _unconnected
        self._inbox = reply_inbox()
        self._number = 0
        self._slot: int | None = None
        self._begun_file = -1
        self._unsent = bytearray()
        self._pause = FIRST_PAUSE
        self._timer: asyncio.TimerHandle | None = None
        self._is_retired = False
        self._connect()

    def send(self, call: Call, now: float) -> None:
        """Asks the replica, which must be UP."""
        self._number = number = self._number + 1
        if not self.outstanding:
            self.heard_at = now
        self.outstanding[number] = call
        frame = request(number, call.request_id, call.body)
        if self._unsent:
            self._unsent += frame
            return
        try:
            sent = self._send(frame)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.state = LinkState.LEAVING  # its last words are still to be read
            self._loop.call_soon(self._owner.changed)
            return
        if sent < len(frame):
            self._unsent += frame[sent:]
            self._loop.add_writer(self._descriptor(), self._writable)

    def retire(self) -> None:
        """Takes no more calls; closes when all are answered."""
        self._is_retired = True
        if self.state is LinkState.UP:
            self.state = LinkState.LEAVING
        self.close_if_done()

    def close_if_done(self) -> None:
        """Closes a retired link for whose answers nobody waits any more."""
        if self._is_retired and all(call.is_over for call in self.outstanding.values()):
            self._close()

    def close(self) -> None:
        """Gives up the connection; its calls are told to the owner as lost."""
        self._is_retired = True
        self._lose()

    def _connect(self) -> None:
        self._timer = None
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.setblocking(False)
            link.connect(self._address)
            self._begun_file = os.open(
                Path(self._address).parent / FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            )
        except OSError:
            link.close()
            self._connect_later()
            return
        self._socket, self._send = link, link.send
        self._inbox = reply_inbox()
        self._number, self._slot = 0, None
        self._loop.add_reader(link.fileno(), self._readable)
        self._timer = self._loop.call_later(GREETING_SECONDS, self._lose)

    def _connect_later(self) -> None:
        self._timer = self._loop.call_later(self._pause, self._connect)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _readable(self) -> None:
        assert self._socket is not None  # noqa: S101 - a reader is there while the socket is
        try:
            count = self._socket.recv_into(self._inbox.room())
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0
        if not count:
            self._lose()
            return
        try:
            for frame in self._inbox.took(count):
                self._take(*read_reply(frame))
        except BrokenStream:
            self._lose()
            return
        if self._is_retired:
            self.close_if_done()
        self._owner.freed()

    def _take(self, number: int, status: int, microseconds: int, payload: bytes) -> None:
        call = self.outstanding.pop(number, None)
        if call is None:
            self._take_word(number, status, payload)
            return
        if status not in _STATUSES:
            self.outstanding[number] = call
            raise BrokenStream(f"a reply of status {status}")
        self.heard_at = self._loop.time()
        self.is_quick = microseconds < QUICK_MICROSECONDS
        if not call.answered.done():
            call.answered.set_result(Answer(status, payload, microseconds / 1e6))

    def _take_word(self, number: int, status: int, payload: bytes) -> None:
        """What the replica says of itself."""
        if number == 0 and status == GREETING and self._slot is None and payload.isdigit():
            self._slot = min(int(payload), SLOTS - 1)
            self._stop_timer()
            self._pause = FIRST_PAUSE
            self.state = LinkState.UP
            self._owner.changed()
        elif number == 0 and status == FAREWELL:
            self.state = LinkState.LEAVING
            self._say_end()
            self._owner.changed()
        else:
            raise BrokenStream(f"a reply to nobody: {number}")

    def _writable(self) -> None:
        try:
            sent = self._send(self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            sent = len(self._unsent)
            self.state = LinkState.LEAVING
            self._owner.changed()
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._descriptor())
            if self.state is LinkState.LEAVING:
                self._say_end()

    def _say_end(self) -> None:
        """Closes our direction once all is sent: the replica waits for that before it ends."""
        if not self._unsent and self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def _lose(self) -> None:
        """The replica is gone: what it had not begun can be asked of another."""
        begun_number = self._read_begun()
        calls, self.outstanding = self.outstanding, {}
        was_down = self.state is LinkState.DOWN
        self._disconnect()
        begun = [call for number, call in calls.items() if number <= begun_number and not call.is_over]
        unbegun = [call for number, call in calls.items() if number > begun_number and not call.is_over]
        if self._is_retired:
            self.state = LinkState.CLOSED
        else:
            self.state = LinkState.DOWN
            self._connect_later()
        self._owner.lost(begun, unbegun)
        if not was_down:
            self._owner.changed()

    def _read_begun(self) -> int:
        """The highest number that was begun; all of them where that cannot be known."""
        if self._slot is None:
            return 0
        with contextlib.suppress(OSError):
            told = os.pread(self._begun_file, SLOT_BYTES, self._slot * SLOT_BYTES)
            if len(told) == SLOT_BYTES:
                return int.from_bytes(told, sys.byteorder)
        return self._number

    def _close(self) -> None:
        self._is_retired = True
        self.outstanding = {}
        self._disconnect()
        self.state = LinkState.CLOSED
        self._owner.changed()

    def _disconnect(self) -> None:
        self._stop_timer()
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            os.close(self._begun_file)
        self._socket, self._send, self._begun_file = None, _unconnected, -1
        self._unsent = bytearray()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _descriptor(self) -> int:
        return -1 if self._socket is None else self._socket.fileno()


def _unconnected(_: bytes | bytearray) -> int:
    raise ConnectionError
