"""Guards of datasets and snapshots, and of the place where a new dataset is to be."""

import functools
from typing import Any

import msgspec
from litestar import Request

from modelyard.domains.datasets import lifecycle, queries
from modelyard.domains.datasets.queries import Dataset, Snapshot
from modelyard.domains.projects import Project, project_by_id
from modelyard.domains.users import Caller, Right
from modelyard.kit.access import Guard
from modelyard.kit.db import Database, Executor
from modelyard.kit.errors import BadRequest, Forbidden, NotFound
from modelyard.kit.wire import Wire, body_as

_MAKING = (Right.LIST_PROJECT, Right.MANAGE_DATASETS_RW)


class DatasetAccess(msgspec.Struct, frozen=True):
    """A dataset, and who asks."""

    dataset: Dataset
    caller: Caller


class SnapshotAccess(msgspec.Struct, frozen=True):
    """A snapshot, its dataset, and who asks."""

    dataset: Dataset
    snapshot: Snapshot
    caller: Caller


class NewPlace(msgspec.Struct, frozen=True):
    """The project that a new dataset is to be in, and the snapshot that it is made from, if any."""

    project: Project
    source: Snapshot | None


async def dataset_by_id(db: Executor, caller: Caller, dataset_id: str, *rights: Right) -> Dataset:
    """A dataset on which the caller has these rights.

    Raises NotFound (unknown, deleted or invisible) or Forbidden (visible, without a right).
    """
    dataset = await queries.find_visible(db, caller, dataset_id)
    if dataset is None:
        raise NotFound(f"There is no dataset with the id {dataset_id[:100]}, or you may not see it.")
    return _demand_on(dataset, *rights)


async def dataset_in_project(
    db: Executor, caller: Caller, project_id: str, reference: str, *rights: Right
) -> Dataset:
    """As `dataset_by_id`, also by the name that the dataset has in a project: one of its own, or a shared one."""
    dataset = await queries.find_in_project(db, caller, project_id, reference)
    if dataset is None:
        raise NotFound(
            f"The project neither has nor shares a dataset named {reference[:100]}, and none has that id; or you"
            " have no role on it."
        )
    return _demand_on(dataset, *rights)


async def snapshot_of(db: Executor, dataset: Dataset, version: str) -> Snapshot:
    """The active snapshot of a dataset with this number, tag or id; raises NotFound and BadRequest."""
    snapshot = await queries.find_version(db, dataset.id, version)
    if snapshot is None:
        raise NotFound(f"The dataset {dataset.name} has no snapshot with the number or tag {version[:100]}.")
    if snapshot.status != lifecycle.ACTIVE:
        raise BadRequest(
            f"The snapshot {version[:100]} of {dataset.name} is {snapshot.status}; name an active one."
        )
    return snapshot


def _demand_on(dataset: Dataset, *rights: Right) -> Dataset:
    missing = [right for right in rights if right not in dataset.rights]
    if missing:
        raise Forbidden(
            f"This needs the right {', '.join(missing)} on the dataset {dataset.name}; ask one of its owners for"
            " a role that has it."
        )
    return dataset


async def snapshot_by_id(db: Executor, caller: Caller, snapshot_id: str, *rights: Right) -> SnapshotAccess:
    """A snapshot on whose dataset the caller has these rights; raises as `dataset_by_id` does."""
    missing = NotFound(f"There is no snapshot with the id {snapshot_id[:100]}, or you may not see it.")
    snapshot = await queries.find_snapshot(db, snapshot_id)
    if snapshot is None:
        raise missing
    try:
        dataset = await dataset_by_id(db, caller, snapshot.dataset_id, *rights)
    except NotFound:
        raise missing from None
    return SnapshotAccess(dataset, snapshot, caller)


@functools.cache
def dataset_with(*rights: Right) -> Guard:
    """The guard of operations on one dataset, by `datasetId` in the path."""

    async def load(caller: Caller, db: Database, datasetId: str) -> DatasetAccess:
        return DatasetAccess(await dataset_by_id(db, caller, datasetId, *rights), caller)

    return Guard("access", load, rights=rights, scope="dataset")


@functools.cache
def snapshot_with(*rights: Right) -> Guard:
    """The guard of operations on one snapshot, by `snapshotId` in the path."""

    async def load(caller: Caller, db: Database, snapshotId: str) -> SnapshotAccess:
        return await snapshot_by_id(db, caller, snapshotId, *rights)

    return Guard("access", load, rights=rights, scope="dataset")


class _Named(Wire):
    """The part of a body that says where a new dataset is to be."""

    project_id: str | None = None
    snapshot_id: str | None = None


async def _load_place(caller: Caller, db: Database, request: Request[Any, Any, Any]) -> NewPlace:
    named = body_as(_Named, await request.body())
    if bool(named.project_id) == bool(named.snapshot_id):
        raise BadRequest(
            "Give either projectId, for an empty dataset in that project, or snapshotId, for one with the"
            " snapshot's content in the project of its dataset."
        )
    if named.project_id:
        return NewPlace(await project_by_id(db, caller, named.project_id, *_MAKING), None)
    found = await snapshot_by_id(db, caller, named.snapshot_id or "", Right.READ_DATASET_RW_V2)
    return NewPlace(await project_by_id(db, caller, found.dataset.project_id, *_MAKING), found.snapshot)


# A dataset made from a snapshot is in the same project; its maker must be allowed to read the snapshot, too.
new_dataset = Guard("place", _load_place, rights=_MAKING, scope="project")
