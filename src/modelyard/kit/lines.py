"""Lines that somebody says while something takes its time, stored every moment in the order they were said."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from modelyard.kit.errors import Unavailable

log = structlog.get_logger()

Store = Callable[[list[tuple[int, str]]], Awaitable[None]]

FLUSH_SECONDS = 0.3
# How often storing is tried, half a second apart, once nothing more can be said.
LAST_TRIES = 6


class Lines:
    """Lines that are not stored yet, with strictly increasing times in nanoseconds since 1970."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, str]] = []
        self._latest = 0
        self._some = asyncio.Event()
        self._over = asyncio.Event()

    def say(self, text: str) -> None:
        """Adds a line, or several."""
        for line in text.splitlines() or [""]:
            self._latest = max(time.time_ns(), self._latest + 1)
            self._waiting.append((self._latest, _storable(line)))
        self._some.set()

    async def keep_storing(self, store: Store) -> None:
        """Stores what is said until `end`, and all of it then."""
        while not self._over.is_set() or self._waiting:
            await self._some.wait()
            self._some.clear()
            if self._waiting:
                taken, self._waiting = self._waiting, []
                await self._stored(store, taken)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), FLUSH_SECONDS)

    def end(self) -> None:
        """Says that nothing more will be said."""
        self._over.set()
        self._some.set()

    async def _stored(self, store: Store, taken: list[tuple[int, str]]) -> None:
        tries = 0
        while tries < LAST_TRIES:
            try:
                await store(taken)
            except Unavailable as error:
                log.warning("lines are not stored yet", error=str(error))
            else:
                return
            tries = tries + 1 if self._over.is_set() else 0
            await asyncio.sleep(0.5)
        log.error("lines were not stored", lines=len(taken))


@contextlib.asynccontextmanager
async def stored_lines(store: Store) -> AsyncIterator[Lines]:
    """Lines that are stored every moment while the block runs, and all of them at its end."""
    lines = Lines()
    storing = asyncio.create_task(lines.keep_storing(store))
    try:
        yield lines
    finally:
        lines.end()
        await storing


def _storable(line: str) -> str:
    """A line as PostgreSQL takes it, which knows neither null characters nor halves of surrogate pairs."""
    return line.replace("\0", "").encode("utf-8", "replace").decode()
