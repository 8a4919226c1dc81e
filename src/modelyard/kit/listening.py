"""Notifications of PostgreSQL, heard on a connection of their own that is made anew when it is lost."""

import asyncio
from collections.abc import Callable

import asyncpg
import structlog

from modelyard.kit.db import LOST

log = structlog.get_logger()

PAUSE_SECONDS = 0.5
# A connection whose other end has silently gone says nothing, as one does on which nothing happens.
PROBE_SECONDS = 15.0
_PROBE = "SELECT 1"


def _nothing() -> None:
    pass


async def listen(
    dsn: str,
    channel: str,
    heard: Callable[[str], None],
    *,
    began: Callable[[], None],
    lost: Callable[[], None] = _nothing,
) -> None:
    """Calls `heard` with the payload of every notification on a channel, until it is cancelled.

    `began` is called each time that listening has begun: what was said before that was not heard. `lost` is
    called when it has ended.
    """
    while True:
        try:
            await _listen_once(dsn, channel, heard, began, lost)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, *LOST) as error:
            log.warning("not listening", channel=channel, error=str(error))
        await asyncio.sleep(PAUSE_SECONDS)


async def _listen_once(
    dsn: str, channel: str, heard: Callable[[str], None], began: Callable[[], None], lost: Callable[[], None]
) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        await connection.add_listener(channel, lambda *said: heard(str(said[3])))
        began()
        try:
            while not gone.is_set():
                await _probe(connection, gone)
        finally:
            lost()
    finally:
        await connection.close(timeout=1)


async def _probe(connection: "asyncpg.Connection[asyncpg.Record]", gone: asyncio.Event) -> None:
    """Waits for the connection's end, and after a while looks whether it is still there."""
    try:
        await asyncio.wait_for(gone.wait(), PROBE_SECONDS)
    except TimeoutError:
        await connection.execute(_PROBE, timeout=PROBE_SECONDS)
