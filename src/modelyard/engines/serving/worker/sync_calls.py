"""Requests to a plain function: the main thread reads, works and replies; nothing is handed between threads."""

# ruff: noqa: B905 - zip is not strict before Python 3.10
from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from .activity import Activity
from .answers import Asked, Batch, Model, answer_one, report
from .frames import FAREWELL, BrokenStream, read_request, reply, request_inbox

# An endpoint that does not take a reply for so long is given up, so that others are served.
SEND_SECONDS = 10
# After a farewell an endpoint closes its direction; who does not is not listened to any more.
FAREWELL_SECONDS = 2.0


class EndOfStream(Exception):
    """An endpoint sends nothing more."""


class Connection:
    """An endpoint's connection; `slot` is where what was begun is told."""

    def __init__(self, link: socket.socket, slot: int) -> None:
        self.socket = link
        self.slot = slot
        self.inbox = request_inbox()
        link.setblocking(True)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))

    def receive(self) -> list[memoryview]:
        """The frames that have come; raises OSError and BrokenStream, and EndOfStream at the end."""
        count = self.socket.recv_into(self.inbox.room())
        if not count:
            raise EndOfStream
        return self.inbox.took(count)

    def stop_reading(self) -> None:
        """Lets nothing more be sent to us; what was sent before is still read."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RD)


class Waiting(NamedTuple):
    """A request that has come and is not begun."""

    connection: Connection
    number: int
    asked: Asked


class SyncCalls:
    """The loop of the main thread. `adopt` and `drain` may be called from another."""

    def __init__(
        self, model: Model, numbers: memoryview, activity: Activity, closed: Callable[[int], None]
    ) -> None:
        self._model = model
        self._numbers = numbers
        self._activity = activity
        self._closed = closed
        self._connections: dict[int, Connection] = {}
        self._pending: deque[Waiting] = deque()
        self._arrived: deque[Connection] = deque()
        self._finished: list[Connection] = []
        self._poll = select.poll()
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self._poll.register(self._inner, select.POLLIN)
        self._drain_asked = False
        self._draining_since: float | None = None

    def adopt(self, link: socket.socket, slot: int) -> None:
        """Takes a connection that has been greeted."""
        self._arrived.append(Connection(link, slot))
        self._wake()

    def drain(self) -> None:
        """Begins to end: what has been sent is still done."""
        self._drain_asked = True
        self._wake()

    def run(self) -> None:
        """Works until it has been drained."""
        while self._draining_since is None or self._connections:
            try:
                self._turn()
            except BaseException as error:  # such as what an alarm of the model's own raises
                report("The replica was interrupted; it goes on.", error)

    def _turn(self) -> None:
        self._listen(self._patience())
        while self._pending:
            self._work()
        while self._finished:
            connection = self._finished.pop()
            if connection.socket.fileno() != -1:
                self._close(connection)

    def _work(self) -> None:
        """Does what waits: the first request, or as large a batch as the model takes."""
        if self._model.max_batch_size > 1:
            self._listen(0)  # batches are as large as they can be
            self._work_together()
            return
        activity, pending = self._activity, self._pending
        connection, number, asked = pending[0]
        try:
            pending.popleft()
            activity.busy_since = time.monotonic()
            self._numbers[connection.slot] = number
            answer = answer_one(self._model, asked)
            activity.served += 1
            activity.waiting = len(pending)
            if not pending:
                activity.busy_since = 0.0
            connection.socket.sendall(reply(number, *answer))
        except OSError:
            self._abandon(connection)
        except BaseException:
            self._abandon(connection)
            raise

    def _work_together(self) -> None:
        activity, pending = self._activity, self._pending
        batch = list(islice(pending, self._model.max_batch_size))
        try:
            for _ in batch:
                pending.popleft()
            activity.busy_since = time.monotonic()
            activity.waiting = len(pending)
            for connection, number, _ in batch:
                self._numbers[connection.slot] = number
            answers = Batch(self._model, [one.asked for one in batch]).answer()
            activity.served += len(batch)
            if not pending:
                activity.busy_since = 0.0
        except BaseException:
            for connection in {one.connection for one in batch}:
                self._abandon(connection)
            raise
        for (connection, number, _), answer in zip(batch, answers):
            self._send(connection, reply(number, *answer))

    def _send(self, connection: Connection, frame: bytes) -> None:
        try:
            connection.socket.sendall(frame)
        except OSError:
            self._abandon(connection)
        except BaseException:
            self._abandon(connection)
            raise

    def _listen(self, milliseconds: float | None) -> None:
        """Takes in what has arrived, or waits for it."""
        for descriptor, _ in self._poll.poll(milliseconds):
            connection = self._connections.get(descriptor)
            if connection is None:
                self._woken()
            else:
                self._receive(connection)

    def _receive(self, connection: Connection) -> None:
        try:
            for frame in connection.receive():
                number, request_id, body = read_request(frame)
                self._pending.append(Waiting(connection, number, Asked(request_id, body)))
        except EndOfStream:
            # What came before is still answered.
            self._poll.unregister(connection.socket)
            self._finished.append(connection)
        except (OSError, BrokenStream):
            self._abandon(connection)
        except BaseException:
            self._abandon(connection)
            raise

    def _abandon(self, connection: Connection) -> None:
        """Closes a connection on which a frame may have been lost.

        What it has sent is not begun any more: its endpoint asks others for that.
        """
        for one in [one for one in self._pending if one.connection is connection]:
            self._pending.remove(one)
        if self._connections.get(connection.socket.fileno()) is connection:
            with contextlib.suppress(KeyError):
                self._poll.unregister(connection.socket)
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        del self._connections[connection.socket.fileno()]
        connection.socket.close()
        self._closed(connection.slot)

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._inner.recv(4096)
        while self._arrived:
            connection = self._arrived.popleft()
            self._connections[connection.socket.fileno()] = connection
            self._poll.register(connection.socket, select.POLLIN)
            if self._draining_since is not None:
                self._send(connection, reply(0, FAREWELL, 0, b""))
        if self._drain_asked and self._draining_since is None:
            self._draining_since = time.monotonic()
            for connection in list(self._connections.values()):
                self._send(connection, reply(0, FAREWELL, 0, b""))

    def _patience(self) -> float | None:
        """Milliseconds to wait; once they are over in draining, endpoints that did not listen are cut off."""
        if self._draining_since is None:
            return None
        left = self._draining_since + FAREWELL_SECONDS - time.monotonic()
        if left <= 0:
            for connection in self._connections.values():
                connection.stop_reading()
            return 100.0
        return left * 1000.0

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._outer.send(b"w")
