"""Rules of live files: known before they are relied on, restored and deleted as a whole, within their quotas."""

import asyncio
from contextlib import suppress

import msgspec

from modelyard.domains.datasets import queries as datasets
from modelyard.domains.datasets.files import queries
from modelyard.domains.datasets.files.queries import LiveState, Usage
from modelyard.domains.datasets.queries import Dataset, Snapshot
from modelyard.domains.datasets.storage import Storage, live_folder
from modelyard.domains.projects import Project
from modelyard.domains.users import Caller
from modelyard.engines.blobs import Missing
from modelyard.engines.folders import LiveFolder
from modelyard.engines.uploads import Quota
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound, Unavailable
from modelyard.kit.safe_path import SafePath
from modelyard.kit.threads import apart

_TRIES = 30


async def survey(db: Database, live: LiveFolder, dataset_id: str) -> bool:
    """Looks through the live files of a dataset when somebody may have changed them without saying so.

    Whether nobody could write to them meanwhile.
    """
    state = await queries.state_of(db, dataset_id)
    if await is_known(live, state):
        return True
    extent = await apart(live.look)
    async with db.transaction() as tx:
        return await queries.set_looked(tx, dataset_id, state.now, extent.files, extent.bytes)


async def is_known(live: LiveFolder, state: LiveState) -> bool:
    """Whether the live files are known without looking."""
    return not state.may_have_changed and await asyncio.to_thread(lambda: live.is_known)


async def restore(db: Database, storage: Storage, caller: Caller, dataset: Dataset, snapshot: Snapshot) -> Usage:
    """Makes the live files those of a snapshot.

    Raises BadRequest while a run has them open, and NotFound when the snapshot is deleted meanwhile.
    """
    live = await live_folder(db, storage, dataset.id)
    async with db.transaction() as tx:
        if not await queries.begin_restoring(tx, dataset.id):
            raise BadRequest(f"A run has the dataset {dataset.name} open; restore it when the run has ended.")
    try:
        await survey(db, live, dataset.id)
        extent = await apart(lambda: live.restore(snapshot.key))
    except Missing:
        if snapshot.id not in {one.id for one in await datasets.active_snapshots(db, dataset.id)}:
            raise NotFound(f"Snapshot {snapshot.number} was deleted meanwhile; nothing was restored.") from None
        raise
    finally:
        await _let_mount(db, dataset.id)
    async with db.transaction() as tx:
        await queries.set_extent(tx, dataset.id, extent.files, extent.bytes)
        await events.record(
            tx, caller, "dataset.restored", "dataset", dataset.id,
            project_id=dataset.project_id, snapshotId=snapshot.id, files=extent.files, bytes=extent.bytes,
        )  # fmt: skip
    return await usage(db, storage, dataset.id)


async def _let_mount(db: Database, dataset_id: str) -> None:
    """Lets runs mount live files again, as soon as the database can be told."""
    for _ in range(_TRIES):
        with suppress(Unavailable):
            await queries.end_restoring(db, dataset_id)
            return
        await asyncio.sleep(1)


async def delete(db: Database, storage: Storage, caller: Caller, dataset: Dataset, path: SafePath) -> Usage:
    """Deletes a live file, or a folder with all below it; raises NotFound, and BadRequest without a path."""
    if not path:
        raise BadRequest("path: name the file or folder that is to be deleted.")
    live = await live_folder(db, storage, dataset.id)
    extent = await apart(lambda: live.delete(path))
    async with db.transaction() as tx:
        await queries.set_extent(tx, dataset.id, extent.files, extent.bytes)
        await events.record(
            tx, caller, "dataset.fileDeleted", "dataset", dataset.id, project_id=dataset.project_id, path=str(path)
        )
    return await usage(db, storage, dataset.id)


async def usage(db: Database, storage: Storage, dataset_id: str) -> Usage:
    """What a dataset and its project take, with the quotas that are in force."""
    found = await queries.usage_of(db, dataset_id)
    return msgspec.structs.replace(
        found,
        quota_bytes=storage.quota_bytes if found.quota_bytes is None else found.quota_bytes,
        project_quota_bytes=(
            storage.project_quota_bytes if found.project_quota_bytes is None else found.project_quota_bytes
        ),
    )


async def tightest_quota(db: Database, storage: Storage, dataset_id: str, name: str) -> Quota | None:
    """Of the quotas of a dataset and its project the one that leaves the least room."""
    used = await usage(db, storage, dataset_id)
    quotas = [
        Quota(whose, limit, size)
        for whose, limit, size in (
            (f"the dataset {name}", used.quota_bytes, used.size_bytes),
            ("the project's datasets", used.project_quota_bytes, used.project_size_bytes),
        )
        if limit is not None
    ]
    return min(quotas, key=lambda quota: quota.room_bytes, default=None)


async def set_quota(tx: Transaction, caller: Caller, dataset: Dataset, size: int | None) -> None:
    """Chooses how many bytes the live files of a dataset may have; None for the platform's default."""
    await queries.set_quota(tx, dataset.id, size)
    await events.record(
        tx, caller, "dataset.quotaChanged", "dataset", dataset.id, project_id=dataset.project_id, quotaBytes=size
    )


async def set_project_quota(tx: Transaction, caller: Caller, project: Project, size: int | None) -> None:
    """Chooses how many bytes the live files of all datasets of a project may have; None for the default."""
    await queries.set_project_quota(tx, project.id, size)
    await events.record(
        tx, caller, "project.datasetQuotaChanged", "project", project.id, project_id=project.id, quotaBytes=size
    )


def over_quota(name: str, used: Usage) -> str | None:
    """A sentence when a dataset or its project has more than it may have."""
    if used.quota_bytes is not None and used.size_bytes > used.quota_bytes:
        return f"The dataset {name} has {used.size_bytes:,} bytes, over its quota of {used.quota_bytes:,}."
    if used.project_quota_bytes is not None and used.project_size_bytes > used.project_quota_bytes:
        return (
            f"The datasets of the project have {used.project_size_bytes:,} bytes, over the quota of"
            f" {used.project_quota_bytes:,}."
        )
    return None
