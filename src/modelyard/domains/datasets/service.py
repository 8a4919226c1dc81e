"""Rules of datasets: how they are named, made, deleted, and how their snapshots are tagged."""

import asyncio
import re

from modelyard.domains.datasets import lifecycle, queries
from modelyard.domains.datasets.grants import queries as grants
from modelyard.domains.datasets.queries import Dataset, NewDataset, Snapshot
from modelyard.domains.datasets.storage import Storage, fill_hold
from modelyard.domains.projects import Project
from modelyard.domains.users import Caller, DatasetRole
from modelyard.engines.blobs import Vanished
from modelyard.kit import events, work
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id

# Durable work: a dataset gets its first content, a snapshot is taken, the bytes of what was deleted go.
FILL, SNAPSHOT, RECLAIM = "datasets.fill", "datasets.snapshot", "datasets.reclaim"
# What a run found is to be kept.
KEEP = "datasets.keep"
STORE = "store"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# What runs find beside the folders of datasets.
_RESERVED = frozenset({"local", "snapshot", "snapshots"})
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")


def check_name(name: str) -> None:
    """Raises BadRequest for a name that a dataset cannot have."""
    if not _NAME.fullmatch(name):
        raise BadRequest(
            "name: a dataset's name is 1 to 100 letters, digits, dots, dashes or underscores without white space,"
            " and begins with a letter or digit."
        )
    if name.lower() in _RESERVED:
        raise BadRequest(
            f"name: {', '.join(sorted(_RESERVED))} name other things beside datasets; choose another."
        )


async def create(
    tx: Transaction,
    storage: Storage,
    caller: Caller,
    project: Project,
    name: str,
    description: str,
    roles: dict[str, DatasetRole],
    source: Snapshot | None = None,
) -> Dataset:
    """A new dataset in a project, with these roles by account; its maker is always an owner.

    With a `source` it gets that snapshot's content in the background. Raises BadRequest for a name that is taken
    or not usable, and for a source that is not active.
    """
    check_name(name)
    if source is not None and source.status != lifecycle.ACTIVE:
        raise _not_active(source)
    dataset_id = new_id()
    new = NewDataset(
        id=dataset_id,
        project_id=project.id,
        name=name,
        description=description,
        creator_id=caller.id,
        fill_with=await _hold(storage, dataset_id, source) if source else None,
    )
    if not await queries.add_dataset(tx, new):
        raise _taken(name)
    roles = roles | {caller.id: DatasetRole.OWNER}
    await grants.put_grants(tx, new.id, roles)
    details: dict[str, object] = {"snapshotId": source.id} if source else {}
    await events.record(
        tx, caller, "dataset.created", "dataset", new.id,
        project_id=project.id, name=name, roles={one: role.value for one, role in roles.items()}, **details,
    )  # fmt: skip
    if source is not None:
        await work.enqueue(tx, FILL, new.id)
    return await current(tx, caller, new.id)


async def ensure(
    db: Database, creator_id: str, project_id: str, name: str, description: str, roles: dict[str, DatasetRole]
) -> str:
    """The dataset of a project that has this name; its id.

    When it is missing the platform makes it, for its creator as an owner and with these roles.
    """
    while True:
        if found := await queries.find_named(db, project_id, name):
            return found
        new = NewDataset(
            id=new_id(), project_id=project_id, name=name, description=description, creator_id=creator_id
        )
        async with db.transaction() as tx:
            if await queries.add_dataset(tx, new):
                roles = roles | {creator_id: DatasetRole.OWNER}
                await grants.put_grants(tx, new.id, roles)
                await events.record(
                    tx, None, "dataset.created", "dataset", new.id, project_id=project_id, name=name,
                    roles={one: role.value for one, role in roles.items()},
                )  # fmt: skip


async def _hold(storage: Storage, dataset_id: str, source: Snapshot) -> str:
    """Keeps the content of a snapshot for a dataset that is to begin with it; its root."""
    try:
        await asyncio.to_thread(storage.blobs.hold, fill_hold(dataset_id), source.key)
    except Vanished:
        raise _not_active(source) from None
    return source.key.hex()


async def describe(
    tx: Transaction, caller: Caller, dataset: Dataset, name: str | None, description: str | None
) -> Dataset:
    """Renames a dataset, or replaces the words about it; None leaves things as they are. Raises BadRequest."""
    name = dataset.name if name is None else name
    description = dataset.description if description is None else description
    if name != dataset.name:
        check_name(name)
    if not await queries.describe_dataset(tx, dataset.id, name, description):
        raise _taken(name)
    await events.record(
        tx, caller, "dataset.updated", "dataset", dataset.id,
        project_id=dataset.project_id, name=name, description=description,
        before={"name": dataset.name, "description": dataset.description},
    )  # fmt: skip
    return await current(tx, caller, dataset.id)


async def delete(tx: Transaction, caller: Caller, dataset: Dataset) -> None:
    """Takes a dataset out of all lists and projects; its bytes are given back in the background.

    Snapshots that are being taken fail. Raises NotFound when it is deleted already.
    """
    if not await queries.delete_dataset(tx, dataset.id):
        raise _gone(dataset.id)
    snapshots = await queries.snapshots_of(tx, dataset.id)
    await lifecycle.move(tx, snapshots, lifecycle.FAILED)
    await lifecycle.move(tx, snapshots, lifecycle.MARKED)
    await queries.drop_links_and_tags(tx, dataset.id)
    await work.enqueue(tx, RECLAIM, STORE)
    await events.record(
        tx, caller, "dataset.deleted", "dataset", dataset.id, project_id=dataset.project_id, name=dataset.name
    )


async def tag(tx: Transaction, caller: Caller, dataset: Dataset, name: str, snapshot_id: str) -> Dataset:
    """Points a tag at an active snapshot, whatever it pointed at before.

    Raises NotFound when the dataset has no such snapshot, BadRequest for one that is not active and for a name
    that a tag cannot have.
    """
    if not _TAG.fullmatch(name) or name.isdigit():
        raise BadRequest(
            "tagName: a tag's name is 1 to 100 letters, digits, dots, dashes or underscores, begins with a letter,"
            " digit or underscore, and is not a number: numbers name snapshots."
        )
    if not await queries.put_tag(tx, dataset.id, name, snapshot_id):
        snapshot = await queries.find_snapshot(tx, snapshot_id)
        if snapshot is None or snapshot.dataset_id != dataset.id:
            raise NotFound(f"The dataset {dataset.name} has no snapshot with the id {snapshot_id[:100]}.")
        raise _not_active(snapshot)
    await events.record(
        tx, caller, "dataset.tagged", "dataset", dataset.id,
        project_id=dataset.project_id, tag=name, snapshotId=snapshot_id,
        before={"snapshotId": dataset.tags.get(name)},
    )  # fmt: skip
    return await current(tx, caller, dataset.id)


async def untag(tx: Transaction, caller: Caller, dataset: Dataset, name: str) -> Dataset:
    """Removes a tag; the snapshot stays. Raises NotFound."""
    if not await queries.remove_tag(tx, dataset.id, name):
        raise NotFound(f"The dataset {dataset.name} has no tag {name[:100]}.")
    await events.record(
        tx, caller, "dataset.untagged", "dataset", dataset.id, project_id=dataset.project_id, tag=name
    )
    return await current(tx, caller, dataset.id)


async def current(tx: Transaction, caller: Caller, dataset_id: str) -> Dataset:
    """A dataset after a change; raises NotFound when it was deleted or hidden from the caller meanwhile."""
    dataset = await queries.find_visible(tx, caller, dataset_id)
    if dataset is None:
        raise _gone(dataset_id)
    return dataset


def _gone(dataset_id: str) -> NotFound:
    return NotFound(f"There is no dataset with the id {dataset_id} any more.")


def _taken(name: str) -> BadRequest:
    return BadRequest(f"name: the project has a dataset named {name} already; choose another name.")


def _not_active(snapshot: Snapshot) -> BadRequest:
    return BadRequest(f"The snapshot {snapshot.id} is {snapshot.status}; name one whose status is active.")
