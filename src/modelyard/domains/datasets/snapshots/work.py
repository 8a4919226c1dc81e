"""Datasets as durable work of a runner: what they are and were is taken, filled in, kept, and given back."""

import errno

import structlog

from modelyard.domains.datasets import lifecycle, queries
from modelyard.domains.datasets.files import service as files
from modelyard.domains.datasets.mounts import queries as mounts
from modelyard.domains.datasets.mounts.keeping import WANTED, keep
from modelyard.domains.datasets.queries import Snapshot
from modelyard.domains.datasets.service import FILL, KEEP, RECLAIM, SNAPSHOT, STORE
from modelyard.domains.datasets.snapshots import queries as snapshots
from modelyard.domains.datasets.snapshots.reclaiming import reclaim
from modelyard.domains.datasets.snapshots.service import activate
from modelyard.domains.datasets.storage import Storage, live_folder, snapshot_hold
from modelyard.engines.folders import Taken
from modelyard.kit import events, work
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Database
from modelyard.kit.errors import Failure, Unavailable
from modelyard.kit.safe_path import SafePath
from modelyard.kit.threads import apart
from modelyard.kit.work import Kind, Lease, applying, oldest_first

log = structlog.get_logger()

AT_ONCE = 2


def dataset_kinds(db: Database, storage: Storage) -> list[Kind]:
    """The kinds of work that datasets need."""
    doer = _DatasetWork(db, storage)
    return [
        oldest_first(db, SNAPSHOT, AT_ONCE, doer.take_snapshot),
        oldest_first(db, FILL, AT_ONCE, doer.fill),
        oldest_first(db, KEEP, AT_ONCE, doer.keep),
        oldest_first(db, RECLAIM, 1, doer.reclaim),
    ]


class _DatasetWork:
    """What a runner does for datasets; everything may be done twice."""

    def __init__(self, db: Database, storage: Storage) -> None:
        self._db = db
        self._storage = storage

    async def take_snapshot(self, lease: Lease) -> None:
        """Takes a snapshot that is pending, or was being taken when its runner was killed."""
        snapshot = await queries.find_snapshot(self._db, lease.subject_id)
        async with applying(self._db, lease) as tx:
            if snapshot is None or snapshot.status not in {lifecycle.PENDING, lifecycle.COPYING}:
                await kit_queries.finish_work(tx, lease.token)
                return
            await lifecycle.move(tx, [snapshot.id], lifecycle.COPYING)
        try:
            taken = await self._take(snapshot)
        except Unavailable:
            raise
        except (Failure, OSError) as error:
            await self._fail(lease, snapshot, _reason(error))
            return
        async with applying(self._db, lease, finish=True) as tx:
            await activate(tx, snapshot.id, taken)

    async def fill(self, lease: Lease) -> None:
        """Gives a new dataset the content that it is to begin with."""
        await live_folder(self._db, self._storage, lease.subject_id)
        async with applying(self._db, lease, finish=True):
            pass

    async def keep(self, lease: Lease) -> None:
        """Keeps what a run found in datasets."""
        found = await mounts.mounts_of(self._db, [lease.subject_id])
        await keep(self._db, self._storage, [one for one in found if one.keeping == WANTED])
        async with applying(self._db, lease, finish=True):
            pass

    async def reclaim(self, lease: Lease) -> None:
        """Gives back the bytes of what was deleted, also of what is deleted meanwhile."""
        await reclaim(self._db, self._storage)
        async with applying(self._db, lease, finish=True) as tx:
            if await snapshots.has_reclaimable(tx):
                await work.enqueue(tx, RECLAIM, STORE)

    async def _take(self, snapshot: Snapshot) -> Taken:
        live = await live_folder(self._db, self._storage, snapshot.dataset_id)
        quiet = await files.survey(self._db, live, snapshot.dataset_id)
        paths = [SafePath(path) for path in snapshot.paths]
        hold = snapshot_hold(snapshot.id)
        return await apart(lambda: live.take(hold, paths, quiet=quiet))

    async def _fail(self, lease: Lease, snapshot: Snapshot, reason: str) -> None:
        log.warning("a snapshot could not be taken", snapshot=snapshot.id, reason=reason)
        async with applying(self._db, lease, finish=True) as tx:
            await lifecycle.move(tx, [snapshot.id], lifecycle.FAILED)
            await snapshots.set_problem(tx, snapshot.id, reason)
            await events.record(
                tx, None, "dataset.snapshotFailed", "dataset", snapshot.dataset_id,
                snapshotId=snapshot.id, number=snapshot.number, reason=reason,
            )  # fmt: skip


def _reason(error: Failure | OSError) -> str:
    if isinstance(error, Failure):
        return error.message
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "The server's disk is full; tell an administrator, then take the snapshot again."
    return f"The files could not be read: {error.strerror or error}."
