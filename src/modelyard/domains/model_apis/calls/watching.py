"""An eye on all calls that are under way: whose time is over, and whose client has gone.

A timer and a task for each call would cost more than the rest of it, so there is one timer for all.
"""

import asyncio
import time
from collections.abc import Callable

from litestar.types import Receive

TICK_SECONDS = 0.1


class Watched:
    """A call under way, done by the current task; `ended` says why when it was ended from here."""

    __slots__ = ("deadline", "ended", "is_read", "leaving", "receive", "task")

    def __init__(self, receive: Receive, deadline: float) -> None:
        self.task = asyncio.current_task()
        self.receive = receive
        self.deadline = deadline
        self.is_read = False
        self.leaving: asyncio.Task[None] | None = None
        self.ended: str | None = None

    def end(self, why: str) -> None:
        """Interrupts the call."""
        if self.ended is None and self.task is not None:
            self.ended = why
            self.task.cancel()

    async def wait_for_leave(self) -> None:
        """Interrupts the call when its client goes; only once the body is read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass
        self.end("gone")


class Watch:
    """All calls of this process."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._calls: set[Watched] = set()
        self._is_ticking = False

    def begin(self, receive: Receive, deadline: float) -> Watched:
        """Watches the current task until `finish`."""
        watched = Watched(receive, deadline)
        self._calls.add(watched)
        if not self._is_ticking:
            self._is_ticking = True
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._look)
        return watched

    def finish(self, watched: Watched) -> None:
        """The call is answered."""
        self._calls.discard(watched)
        if watched.leaving is not None:
            watched.leaving.cancel()

    def _look(self) -> None:
        now = self._now()
        for watched in self._calls:
            if watched.deadline <= now:
                watched.end("late")
            elif watched.is_read and watched.leaving is None:
                watched.leaving = asyncio.ensure_future(watched.wait_for_leave())
        if self._calls:
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._look)
        else:
            self._is_ticking = False
