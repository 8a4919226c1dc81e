"""What runs have found in datasets, kept in the store so that other runs can find it there again."""

import asyncio

from modelyard.domains.datasets.files import service as files
from modelyard.domains.datasets.mounts import queries
from modelyard.domains.datasets.mounts.queries import Mount
from modelyard.domains.datasets.service import KEEP, RECLAIM, STORE
from modelyard.domains.datasets.storage import Storage, live_folder, run_hold
from modelyard.engines.blobs import Damaged, Key, Missing, Vanished
from modelyard.engines.folders import LiveFolder
from modelyard.kit import events, work
from modelyard.kit.db import Database, Transaction
from modelyard.kit.threads import apart

WANTED, KEPT, LOST = "wanted", "kept", "lost"


async def keep_data_of_run(tx: Transaction, run_id: str) -> None:
    """Has the store keep all that a run found in datasets when it started; asking again is harmless.

    A runner does it, at once if it can: what was live then is stored if it is the same still, or if the store
    has it already. It stays until `release_data_of_run`, or until the dataset is deleted.
    """
    if await queries.want_kept(tx, run_id):
        await work.enqueue(tx, KEEP, run_id)


async def release_data_of_run(tx: Transaction, run_id: str) -> None:
    """What a run found in datasets need not be kept any more."""
    if await queries.end_keeping(tx, run_id):
        await work.enqueue(tx, RECLAIM, STORE)


async def keep(db: Database, storage: Storage, mounts: list[Mount]) -> list[Mount]:
    """Keeps what a run found, where that is wanted; those of these mounts whose content nobody has any more."""
    found: dict[str | None, bool] = {}
    for mount in mounts:
        if not found.get(mount.root):
            found[mount.root] = await _kept(db, storage, mount)
    lost = [mount for mount in mounts if not found[mount.root]]
    async with db.transaction() as tx:
        for mount in mounts:
            await queries.set_keeping(tx, mount.run_id, mount.path, LOST if mount in lost else KEPT)
            if mount in lost and mount.keeping != LOST:
                await events.record(
                    tx, None, "dataset.contentLost", "dataset", mount.dataset_id,
                    project_id=mount.project_id, runId=mount.run_id, root=mount.root,
                )  # fmt: skip
    return lost


async def is_there(db: Database, storage: Storage, mount: Mount) -> bool:
    """Whether what a run found is in the store, or among the live files still."""
    if mount.root is None:
        return False
    key = bytes.fromhex(mount.root)

    def is_stored() -> bool:
        with storage.blobs.reading() as store:
            try:
                return bool(store.read(key))
            except (Missing, Damaged):
                return False

    if await asyncio.to_thread(is_stored):
        return True
    found = await _live_of(db, storage, mount)
    return found is not None and await apart(lambda: found[0].fingerprint(quiet=found[1])) == key


async def _kept(db: Database, storage: Storage, mount: Mount) -> bool:
    if mount.root is None:
        return False
    name, key = run_hold(mount.run_id, mount.root), bytes.fromhex(mount.root)
    try:
        await asyncio.to_thread(storage.blobs.hold, name, key)
    except Vanished:
        found = await _live_of(db, storage, mount)
        return found is not None and await apart(lambda: _take(storage, *found, name, key))
    return True


async def _live_of(db: Database, storage: Storage, mount: Mount) -> tuple[LiveFolder, bool] | None:
    """The live files that a run saw, as they are now, and whether nobody writes there; None where it saw none."""
    if mount.snapshot_id is not None or mount.is_copy or mount.is_deleted:
        return None
    live = await live_folder(db, storage, mount.dataset_id)
    return live, await files.survey(db, live, mount.dataset_id)


def _take(storage: Storage, live: LiveFolder, quiet: bool, name: str, key: Key) -> bool:
    """Stores live files that are still what they were. What is read is what counts, whoever writes meanwhile."""
    if live.fingerprint(quiet=quiet) != key:
        return False
    if live.take(name, quiet=quiet).root == key:
        return True
    storage.blobs.release([name])
    return False
