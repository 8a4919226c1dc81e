"""How the bytes of what was deleted are given back: of snapshots, of whole datasets, and of what nothing holds."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

import msgspec

from modelyard.domains.datasets import lifecycle
from modelyard.domains.datasets.mounts import queries as mounts
from modelyard.domains.datasets.snapshots import queries
from modelyard.domains.datasets.snapshots.queries import Doomed
from modelyard.domains.datasets.storage import Storage, fill_hold, run_hold, snapshot_hold
from modelyard.engines.blobs import Collected
from modelyard.kit import events
from modelyard.kit.db import Database
from modelyard.kit.threads import apart

# A hold is made just before the row that needs it: one this young may have its row yet to come.
_YOUNG_SECONDS = 3600
# So long the folder of a snapshot is kept that no run has mounted.
_VIEW_DAYS = 7


class Reclaimed(msgspec.Struct, frozen=True):
    """What was given back, or would be: snapshots, datasets, the bytes of their live files, and of the store."""

    snapshots: int
    datasets: int
    live_bytes: int
    store: Collected


async def plan(db: Database, storage: Storage) -> Reclaimed:
    """What `reclaim` would give back now; nothing is changed."""
    doomed, gone = await queries.doomed_snapshots(db), await queries.gone_datasets(db)
    going = {snapshot_hold(one.id) for one in doomed} | {storage.folders.hold(dataset_id) for dataset_id in gone}
    stale = await _stale(db, storage)
    store = await apart(lambda: storage.blobs.collect(lambda name: name in going or stale(name), dry_run=True))
    return Reclaimed(len(doomed), len(gone), sum(gone.values()), store)


async def reclaim(db: Database, storage: Storage) -> Reclaimed:
    """Removes everything that is deleted and that no run has mounted; it may be killed anywhere and run again."""
    doomed, gone = await queries.doomed_snapshots(db), await queries.gone_datasets(db)
    for snapshot in doomed:
        await _remove_snapshot(db, storage, snapshot)
    for dataset_id in gone:
        await apart(partial(storage.folders.remove, dataset_id))
        await apart(partial(storage.views.remove, dataset_id))
        async with db.transaction() as tx:
            await queries.set_reclaimed(tx, dataset_id)
            await events.record(tx, None, "dataset.reclaimed", "dataset", dataset_id)
    await _remove_unused_views(db, storage)
    stale = await _stale(db, storage)
    store = await apart(lambda: storage.blobs.collect(stale, dry_run=False))
    return Reclaimed(len(doomed), len(gone), sum(gone.values()), store)


async def _remove_unused_views(db: Database, storage: Storage) -> None:
    """Removes the folders of snapshots that no run has looked at for a while; the next one has them made again."""
    needed = await queries.mounted_lately(db, _VIEW_DAYS)
    for dataset_id, names in (await asyncio.to_thread(storage.views.names)).items():
        for name in set(names) - needed.get(dataset_id, set()):
            await apart(partial(storage.views.remove, dataset_id, name))


async def _remove_snapshot(db: Database, storage: Storage, snapshot: Doomed) -> None:
    async with db.transaction() as tx:
        await lifecycle.move(tx, [snapshot.id], lifecycle.DELETING)
    await apart(partial(storage.views.remove, snapshot.dataset_id, str(snapshot.number)))
    await asyncio.to_thread(storage.blobs.release, [snapshot_hold(snapshot.id)])
    async with db.transaction() as tx:
        await lifecycle.move(tx, [snapshot.id], lifecycle.DELETED)
        await events.record(
            tx, None, "dataset.snapshotReclaimed", "dataset", snapshot.dataset_id,
            snapshotId=snapshot.id, number=snapshot.number,
        )  # fmt: skip


async def _stale(db: Database, storage: Storage) -> Callable[[str], bool]:
    """Tells the holds that nothing needs: their rows are gone, or were never written.

    The rows of what runs have found are written before their holds, which so need not be young.
    """
    snapshots, datasets, filling = await queries.holding(db)
    needed = (
        {snapshot_hold(one) for one in snapshots}
        | {storage.folders.hold(one) for one in datasets}
        | {fill_hold(one) for one in filling}
        | {run_hold(one.run_id, one.root) for one in await mounts.kept(db)}
    )
    young = int((time.time() - _YOUNG_SECONDS) * 1000)

    def is_stale(name: str) -> bool:
        made = int(name.rpartition(":")[2][:12], 16)  # ids begin with the milliseconds at which they were made
        return name not in needed and made < young

    return is_stale
