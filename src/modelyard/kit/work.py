"""Durable work: queued in the transaction that asks for it, done by whoever holds its lease.

A lease has a token, an expiry and a heartbeat. Work is loaded briefly, done outside any transaction and
applied in one transaction guarded by the token. Every piece of work may run twice, so it must be written
to go on from what its earlier life left behind.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import msgspec
import structlog

from modelyard.kit import queries
from modelyard.kit.db import LOST, Database, Transaction
from modelyard.kit.errors import Unavailable
from modelyard.kit.ids import new_id
from modelyard.kit.listening import listen
from modelyard.kit.queries import Lease

__all__ = ["Kind", "Lease", "LeaseLost", "Worker", "applying", "enqueue", "oldest_first", "patiently"]

log = structlog.get_logger()
T = TypeVar("T")

CHANNEL = "work"
LEASE_SECONDS = 60.0
HEARTBEAT_SECONDS = 15.0
SWEEP_SECONDS = 5.0


class LeaseLost(Exception):
    """Another holder has taken over this work; what was done here must not be written."""


class Kind(msgspec.Struct, frozen=True):
    """One kind of work: how it is claimed and how it is done.

    `claim` takes the holder's name and the lease time in seconds and returns leases; `perform` does one
    piece of work to its end, finishing it through `applying`.
    """

    name: str
    claim: Callable[[str, float], Awaitable[list[Lease]]]
    perform: Callable[[Lease], Awaitable[None]]


async def enqueue(tx: Transaction, kind: str, subject_id: str) -> None:
    """Queues work on a subject as part of the change that needs it; once per kind and subject."""
    await queries.enqueue(tx, new_id(), kind, subject_id)


def oldest_first(db: Database, name: str, at_once: int, perform: Callable[[Lease], Awaitable[None]]) -> Kind:
    """The kind of work that is done in the order it was queued, so many pieces at a time."""
    running: set[str] = set()

    async def claim(holder: str, seconds: float) -> list[Lease]:
        free = at_once - len(running)
        return await queries.claim_oldest(db, holder, seconds, name, free) if free > 0 else []

    async def counted(lease: Lease) -> None:
        running.add(lease.token)
        try:
            await perform(lease)
        finally:
            running.discard(lease.token)

    return Kind(name, claim, counted)


@contextlib.asynccontextmanager
async def applying(db: Database, lease: Lease, *, finish: bool = False):  # type: ignore[no-untyped-def]
    """A transaction in which this lease is still ours, or LeaseLost; `finish` ends the work with it."""
    async with db.transaction() as tx:
        held = await (queries.finish_work if finish else queries.holds)(tx, lease.token)
        if not held:
            raise LeaseLost(lease.subject_id)
        yield tx


async def patiently(step: Callable[[], Awaitable[T]]) -> T:
    """Does a step that needs the database, again and again while the database is away."""
    while True:
        try:
            return await step()
        except (Unavailable, *LOST, asyncpg.InterfaceError) as error:
            log.warning("waiting for the database", error=str(error))
            await asyncio.sleep(0.5)


class Worker:
    """Claims kinds of work for one holder and does them, woken by notification.

    A holder is one runner on one machine; its name outlives restarts, so that a new life takes over the
    leases of the one before.
    """

    def __init__(self, db: Database, dsn: str, holder: str, kinds: list[Kind]) -> None:
        self._db = db
        self._dsn = dsn
        self._holder = holder
        self._kinds = {kind.name: kind for kind in kinds}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; running work is then left as it is, for the next life to take over."""
        listener = asyncio.create_task(
            listen(self._dsn, CHANNEL, lambda _: self._wake.set(), began=self._wake.set)
        )
        heartbeat = asyncio.create_task(self._heartbeat())
        stopping = asyncio.create_task(stop.wait())
        reclaimed = False
        try:
            while not stop.is_set():
                try:
                    if not reclaimed:
                        self._start(await queries.reclaim_own(self._db, self._holder, LEASE_SECONDS))
                        reclaimed = True
                    await self._claim()
                except (Unavailable, asyncpg.PostgresError, *LOST) as error:
                    log.warning("work cannot be claimed", error=str(error))
                await self._rest(stopping)
        finally:
            for task in (listener, heartbeat, stopping, *self._running.values()):
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _rest(self, stopping: asyncio.Task[bool]) -> None:
        waking = asyncio.create_task(self._wake.wait())
        await asyncio.wait({waking, stopping}, timeout=SWEEP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        self._wake.clear()

    async def _claim(self) -> None:
        for kind in self._kinds.values():
            self._start(await kind.claim(self._holder, LEASE_SECONDS))

    def _start(self, leases: list[Lease]) -> None:
        for lease in leases:
            kind = self._kinds.get(lease.kind)
            if kind is not None:
                self._running[lease.token] = asyncio.create_task(self._perform(kind, lease))

    async def _perform(self, kind: Kind, lease: Lease) -> None:
        try:
            await kind.perform(lease)
        except LeaseLost:
            log.warning("lease lost", kind=lease.kind, subject=lease.subject_id)
        except Exception:
            log.exception("work failed", kind=lease.kind, subject=lease.subject_id, attempts=lease.attempts)
            await self._give_back(lease)
        finally:
            self._running.pop(lease.token, None)
            self._wake.set()

    async def _give_back(self, lease: Lease) -> None:
        delay = min(2.0 ** min(lease.attempts, 8), 300.0)
        while True:
            try:
                return await queries.postpone(self._db, lease.token, delay)
            except (Unavailable, asyncpg.PostgresError, *LOST):
                await asyncio.sleep(1)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            tokens = list(self._running)
            if not tokens:
                continue
            try:
                kept = set(await queries.extend_leases(self._db, tokens, LEASE_SECONDS))
            except (Unavailable, asyncpg.PostgresError, *LOST) as error:
                log.warning("leases not renewed", error=str(error))
                continue
            for token in set(tokens) - kept:
                if task := self._running.get(token):
                    task.cancel()
