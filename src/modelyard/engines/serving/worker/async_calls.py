"""Requests to an async function: an event loop in the main thread, as many at once as the model allows."""

# ruff: noqa: B905 - zip is not strict before Python 3.10
from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .activity import Activity
from .answers import Answer, Asked, Batch, Model, answer_one_async, report
from .frames import FAREWELL, BrokenStream, read_request, reply, request_inbox
from .sync_calls import FAREWELL_SECONDS


class AsyncCalls:
    """The loop of the main thread. `adopt` and `drain` may be called from another."""

    def __init__(
        self, model: Model, numbers: memoryview, activity: Activity, closed: Callable[[int], None]
    ) -> None:
        self.numbers = numbers
        self.closed = closed
        self._model = model
        self._activity = activity
        self._connections: set[Connection] = set()
        self._pending: deque[tuple[Connection, int, Asked]] = deque()
        self._begun: dict[asyncio.Task[None], float] = {}
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        self._ended = asyncio.Event()
        self._is_draining = False

    def adopt(self, link: socket.socket, slot: int) -> None:
        """Takes a connection that has been greeted."""
        self._loop.call_soon_threadsafe(self._connect, link, slot)

    def drain(self) -> None:
        """Begins to end: what has been sent is still done."""
        self._loop.call_soon_threadsafe(self._drain)

    def run(self) -> None:
        """Works until it has been drained."""
        while not self._ended.is_set():
            try:
                self._loop.run_until_complete(self._ended.wait())
            except BaseException as error:
                report("The replica was interrupted; it goes on.", error)

    def came(self, connection: Connection, frames: list[memoryview]) -> None:
        """Takes requests that have come."""
        for frame in frames:
            number, request_id, body = read_request(frame)
            self._pending.append((connection, number, Asked(request_id, body)))
        connection.unanswered += len(frames)
        self._begin()

    def gone(self, connection: Connection) -> None:
        """Forgets a connection that is closed; what of it is not begun its endpoint asks others for."""
        self._pending = deque(one for one in self._pending if one[0] is not connection)
        self._connections.discard(connection)
        self.closed(connection.slot)
        self._end_if_done()

    def _connect(self, link: socket.socket, slot: int) -> None:
        link.setblocking(False)
        connection = Connection(self, slot)
        self._connections.add(connection)
        opening = self._loop.create_task(self._loop.connect_accepted_socket(lambda: connection, link))
        opening.add_done_callback(lambda _: connection.say_farewell() if self._is_draining else None)

    def _begin(self) -> None:
        pending, begun = self._pending, self._begun
        size = self._model.max_batch_size
        while pending and len(begun) < self._model.concurrency:
            batch = [pending.popleft() for _ in range(min(len(pending), size))]
            for connection, number, _ in batch:
                self.numbers[connection.slot] = number
            task = self._loop.create_task(self._answer(batch))
            begun[task] = time.monotonic()
            task.add_done_callback(self._done)
        self._note()

    async def _answer(self, batch: list[tuple[Connection, int, Asked]]) -> None:
        try:
            answers = await self._answers([asked for _, _, asked in batch])
            self._activity.served += len(batch)
            for (connection, number, _), answer in zip(batch, answers):
                connection.send(reply(number, *answer))
                connection.answered()
        except BaseException:
            for connection, _, _ in batch:
                connection.abort()  # who waits for an answer hears that none will come
            raise

    async def _answers(self, asked: list[Asked]) -> list[Answer]:
        if len(asked) == 1:
            return [await answer_one_async(self._model, asked[0])]
        return await Batch(self._model, asked).answer_async()

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._begun[task]
        if not task.cancelled() and task.exception() is not None:
            self._loop.call_exception_handler({"message": "a reply failed", "exception": task.exception()})
        self._begin()
        self._end_if_done()

    def _note(self) -> None:
        self._activity.waiting = len(self._pending)
        self._activity.busy_since = next(iter(self._begun.values()), 0.0)

    def _drain(self) -> None:
        if self._is_draining:
            return
        self._is_draining = True
        for connection in self._connections:
            connection.say_farewell()
        self._loop.call_later(FAREWELL_SECONDS, self._cut_off)
        self._end_if_done()

    def _cut_off(self) -> None:
        for connection in list(self._connections):
            connection.stop_reading()

    def _end_if_done(self) -> None:
        if self._is_draining and not self._connections and not self._begun and not self._pending:
            self._ended.set()


class Connection(asyncio.BufferedProtocol):
    """An endpoint's connection; `slot` is where what was begun is told."""

    def __init__(self, calls: AsyncCalls, slot: int) -> None:
        self.slot = slot
        self.unanswered = 0
        self._calls = calls
        self._inbox = request_inbox()
        self._transport: Any = None
        self._has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        return self._inbox.room()

    def buffer_updated(self, nbytes: int) -> None:
        try:
            frames = self._inbox.took(nbytes)
        except BrokenStream:
            self.abort()
            return
        self._calls.came(self, frames)

    def eof_received(self) -> bool:
        self._has_ended = True
        self._close_if_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._calls.gone(self)

    def send(self, frame: bytes) -> None:
        """Sends a frame, unless the endpoint is gone."""
        if not self._transport.is_closing():
            self._transport.write(frame)

    def answered(self) -> None:
        """Counts a reply."""
        self.unanswered -= 1
        self._close_if_done()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()

    def say_farewell(self) -> None:
        """Asks the endpoint to send no more."""
        if self._transport is not None:
            self.send(reply(0, FAREWELL, 0, b""))

    def stop_reading(self) -> None:
        """Lets nothing more be sent to us; what was sent before is still read."""
        link = self._transport.get_extra_info("socket")
        if link is not None:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RD)

    def _close_if_done(self) -> None:
        if self._has_ended and self.unanswered == 0:
            self._transport.close()
