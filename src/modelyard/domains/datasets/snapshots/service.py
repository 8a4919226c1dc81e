"""Rules of snapshots: how they are asked for, what they say of themselves, how they go."""

import asyncio

from modelyard.domains.datasets import lifecycle, queries
from modelyard.domains.datasets.files import queries as file_queries
from modelyard.domains.datasets.files import service as files
from modelyard.domains.datasets.queries import Dataset, Snapshot
from modelyard.domains.datasets.service import RECLAIM, SNAPSHOT, STORE
from modelyard.domains.datasets.snapshots import queries as snapshots
from modelyard.domains.datasets.snapshots.queries import NewSnapshot
from modelyard.domains.datasets.storage import Storage, live_folder, snapshot_hold
from modelyard.domains.users import Caller
from modelyard.engines.folders import LiveFolder, Taken
from modelyard.kit import events, work
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.events import Actor
from modelyard.kit.ids import new_id
from modelyard.kit.safe_path import SafePath
from modelyard.kit.threads import apart

# With no more to read than this a snapshot is taken while its caller waits.
AT_ONCE_BYTES = 2**24

_SHOWN = 5


async def create(db: Database, storage: Storage, caller: Caller, dataset: Dataset, paths: list[str]) -> Snapshot:
    """A snapshot of all live files, or of some; active at once when little has to be read for it, else pending.

    Raises BadRequest for a path where nothing is, and for a dataset over its quota.
    """
    if complaint := files.over_quota(dataset.name, await files.usage(db, storage, dataset.id)):
        raise BadRequest(f"{complaint} Delete files, or have an administrator raise it.")
    live = await live_folder(db, storage, dataset.id)
    wanted = _checked(paths)
    for path in wanted:
        if not await asyncio.to_thread(live.exists, path):
            raise BadRequest(
                f"relativeFilePaths: there is no file or folder {path} in the dataset {dataset.name}."
            )
    new = NewSnapshot(
        id=new_id(), dataset_id=dataset.id, creator_id=caller.id, paths=[str(path) for path in wanted]
    )
    taken = await _taken_at_once(db, live, new)
    async with db.transaction() as tx:
        if await add(tx, caller, dataset.project_id, new, taken) is None:
            raise NotFound(f"There is no dataset with the id {dataset.id} any more.")
        snapshot = await queries.find_snapshot(tx, new.id)
    assert snapshot is not None  # noqa: S101
    return snapshot


async def add(
    tx: Transaction, actor: Actor | None, project_id: str, new: NewSnapshot, taken: Taken | None
) -> int | None:
    """Adds a snapshot that holds what was taken for it, or that is yet to be taken in the background.

    Its number, or None when the dataset is deleted.
    """
    number = await snapshots.add_snapshot(tx, new)
    if number is None:
        return None
    if taken is None:
        await work.enqueue(tx, SNAPSHOT, new.id)
    else:
        await lifecycle.move(tx, [new.id], lifecycle.COPYING)
        await activate(tx, new.id, taken)
    of_what: dict[str, object] = {"runId": new.run_id} if new.run_id else {"paths": new.paths}
    await events.record(
        tx, actor, "dataset.snapshotCreated", "dataset", new.dataset_id,
        project_id=project_id, snapshotId=new.id, number=number, **of_what,
    )  # fmt: skip
    return number


async def activate(tx: Transaction, snapshot_id: str, taken: Taken) -> bool:
    """Stores what a snapshot holds; False when it was deleted meanwhile."""
    if not await lifecycle.move(tx, [snapshot_id], lifecycle.ACTIVE):
        return False
    root, extent = taken.root.hex(), taken.extent
    await snapshots.set_taken(tx, snapshot_id, root, extent.files, extent.bytes, _lacks(taken.left_out))
    return True


async def delete(tx: Transaction, caller: Caller, dataset: Dataset, snapshot: Snapshot) -> None:
    """Marks a snapshot for deletion; its bytes are given back when no run has it mounted. Raises BadRequest."""
    if not await lifecycle.move(tx, [snapshot.id], lifecycle.MARKED):
        raise BadRequest(f"The snapshot is {snapshot.status}; only active and failed ones can be deleted.")
    tags = await snapshots.remove_tags(tx, snapshot.id)
    await work.enqueue(tx, RECLAIM, STORE)
    await events.record(
        tx, caller, "dataset.snapshotDeleted", "dataset", dataset.id,
        project_id=dataset.project_id, snapshotId=snapshot.id, number=snapshot.number, tags=tags,
    )  # fmt: skip


async def version_of(db: Database, dataset: Dataset, name: str) -> Snapshot:
    """The active snapshot of a dataset that has this id, number or tag; raises NotFound."""
    snapshot = await queries.find_version(db, dataset.id, name)
    if snapshot is None:
        raise NotFound(f"The dataset {dataset.name} has no snapshot with the id, number or tag {name[:100]}.")
    if snapshot.status != lifecycle.ACTIVE:
        raise NotFound(f"Snapshot {snapshot.number} of the dataset {dataset.name} is {snapshot.status}.")
    return snapshot


async def _taken_at_once(db: Database, live: LiveFolder, new: NewSnapshot) -> Taken | None:
    """The tree of live files that are all known; None when much of them must be read first."""
    state = await file_queries.state_of(db, new.dataset_id)
    if (
        not await files.is_known(live, state)
        or await asyncio.to_thread(lambda: live.unstored_bytes) > AT_ONCE_BYTES
    ):
        return None
    paths = [SafePath(path) for path in new.paths]
    try:
        return await apart(lambda: live.take(snapshot_hold(new.id), paths, quiet=True))
    except NotFound as missing:
        raise BadRequest(f"relativeFilePaths: {missing.message}") from None


def _checked(paths: list[str]) -> list[SafePath]:
    """The paths that are asked for, once each; none when one of them stands for the whole dataset."""
    checked = [
        SafePath(path.removeprefix("./").removesuffix("/.")) if path != "." else SafePath("") for path in paths
    ]
    return [] if "" in checked else list(dict.fromkeys(checked))


def _lacks(left_out: list[str]) -> str | None:
    if not left_out:
        return None
    more = f" and {len(left_out) - _SHOWN:,} more" if len(left_out) > _SHOWN else ""
    return (
        "Left out, because they are links out of the dataset, no plain files, or have names that are not text: "
        + ", ".join(left_out[:_SHOWN])
        + more
    )
