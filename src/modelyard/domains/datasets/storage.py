"""Where the bytes of datasets are: live folders, a store of everything that snapshots hold, and views of those."""

import asyncio

import msgspec

from modelyard.domains.datasets import queries
from modelyard.domains.datasets.queries import Filling
from modelyard.engines.blobs import BlobStore, Key
from modelyard.engines.folders import Folders, LiveFolder, Views
from modelyard.kit.db import Executor
from modelyard.kit.threads import apart


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """The storage of all datasets; quotas in bytes are those that nobody has changed."""

    folders: Folders
    views: Views
    blobs: BlobStore
    quota_bytes: int | None = None
    project_quota_bytes: int | None = None


def snapshot_hold(snapshot_id: str) -> str:
    """The name by which a snapshot holds its content in the store."""
    return f"snapshot:{snapshot_id}"


def fill_hold(dataset_id: str) -> str:
    """The name by which a new dataset holds what it is to begin with."""
    return f"fill:{dataset_id}"


def run_hold(run_id: str, root: str) -> str:
    """The name by which the store keeps content that a run has found, by its root in hex."""
    return f"run:{root}:{run_id}"


async def live_folder(db: Executor, storage: Storage, dataset_id: str) -> LiveFolder:
    """The live files of a dataset, with the content that it is to begin with; every way to them is this one."""
    live = await asyncio.to_thread(storage.folders.live, dataset_id)
    filling = await queries.filling_of(db, dataset_id)
    if filling is not None:
        root = await _root(db, storage, dataset_id, filling)
        extent = await apart(lambda: live.fill(root))
        await queries.set_filled(db, dataset_id, extent.files, extent.bytes)
        await asyncio.to_thread(storage.blobs.release, [fill_hold(dataset_id)])
    return live


async def _root(db: Executor, storage: Storage, dataset_id: str, filling: Filling) -> Key:
    """The root of what a dataset is to begin with; of live files a tree is taken."""
    if filling.fill_from is None:
        return bytes.fromhex(filling.fill_with or "")
    source = await live_folder(db, storage, filling.fill_from)

    def take() -> Key:
        source.look()
        return source.take(fill_hold(dataset_id), quiet=False).root

    return await apart(take)
