"""Durable work: claimed once, guarded by its lease, taken over by the next life."""

import asyncio

import pytest

from modelyard.kit import queries
from modelyard.kit.db import Database
from modelyard.kit.work import Kind, Lease, LeaseLost, Worker, applying, enqueue


async def _queue(db: Database, *subjects: str) -> None:
    async with db.transaction() as tx:
        for subject in subjects:
            await enqueue(tx, "test", subject)


async def _waiting(db: Database) -> int:
    return int(await db.value("SELECT count(*) FROM work"))


async def test_work_is_queued_once_and_claimed_once(db: Database) -> None:
    await _queue(db, "a", "b", "a")
    one, other = await asyncio.gather(
        queries.claim_oldest(db, "n1", 60, "test", 1), queries.claim_oldest(db, "n2", 60, "test", 5)
    )
    assert sorted(lease.subject_id for lease in [*one, *other]) == ["a", "b"]
    assert await queries.claim_oldest(db, "n3", 60, "test", 5) == []


async def test_a_replaced_lease_cannot_write(db: Database) -> None:
    await _queue(db, "a")
    (first,) = await queries.claim_oldest(db, "n", 60, "test", 1)
    (second,) = await queries.reclaim_own(db, "n", 60)
    with pytest.raises(LeaseLost):
        async with applying(db, first, finish=True):
            pass
    async with applying(db, second, finish=True):
        pass
    assert await _waiting(db) == 0


async def test_a_failed_change_keeps_the_work(db: Database) -> None:
    await _queue(db, "a")
    (lease,) = await queries.claim_oldest(db, "n", 60, "test", 1)
    with pytest.raises(ZeroDivisionError):
        async with applying(db, lease, finish=True):
            raise ZeroDivisionError
    assert await _waiting(db) == 1


async def test_a_worker_does_what_is_queued_and_takes_over_what_it_had(db: Database, dsn: str) -> None:
    await _queue(db, "left")
    await queries.claim_oldest(db, "node", 60, "test", 1)
    done: list[str] = []
    stop = asyncio.Event()

    async def claim(holder: str, seconds: float) -> list[Lease]:
        return await queries.claim_oldest(db, holder, seconds, "test", 10)

    async def perform(lease: Lease) -> None:
        async with applying(db, lease, finish=True):
            done.append(lease.subject_id)

    worker = asyncio.create_task(Worker(db, dsn, "node", [Kind("test", claim, perform)]).run(stop))
    await _queue(db, "new")
    async with asyncio.timeout(20):
        while await _waiting(db):
            await asyncio.sleep(0.02)
    stop.set()
    await worker
    assert sorted(done) == ["left", "new"]


async def test_failing_work_waits_and_comes_again(db: Database, dsn: str) -> None:
    await _queue(db, "a")
    stop = asyncio.Event()

    async def claim(holder: str, seconds: float) -> list[Lease]:
        return await queries.claim_oldest(db, holder, seconds, "test", 10)

    async def perform(_: Lease) -> None:
        raise ZeroDivisionError

    worker = asyncio.create_task(Worker(db, dsn, "node", [Kind("test", claim, perform)]).run(stop))
    async with asyncio.timeout(20):
        while not await db.value("SELECT attempts FROM work WHERE lease_token IS NULL AND attempts > 0"):
            await asyncio.sleep(0.02)
    stop.set()
    await worker
    assert await db.value("SELECT available_at > now() FROM work") is True
