"""Operations by which snapshots are taken, told about, checked and deleted."""

from modelyard.domains.datasets import queries
from modelyard.domains.datasets.access import DatasetAccess, SnapshotAccess, dataset_with, snapshot_with
from modelyard.domains.datasets.snapshots import queries as snapshots
from modelyard.domains.datasets.snapshots import service
from modelyard.domains.datasets.snapshots.reclaiming import plan, reclaim
from modelyard.domains.datasets.snapshots.verifying import verify
from modelyard.domains.datasets.snapshots.wire import (
    NewSnapshotV1,
    PrivateSnapshot,
    PrivateSnapshots,
    SnapshotUse,
    SnapshotUses,
    SpaceGiven,
    Verified,
)
from modelyard.domains.datasets.storage import Storage
from modelyard.domains.datasets.wire import SnapshotDetailsV1, SnapshotEnvelopeV1
from modelyard.domains.users import Caller, Right, authenticated_with
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import DeleteEnvelopeV1, deleted, metadata

TAG = "DatasetRw"
PRIVATE_TAG = "Datasets (private)"
PRIVATE = "/v4/datasetrw/datasets/{datasetId:str}"
USES_SHOWN = 1000


@operation(
    "POST",
    "/api/datasetrw/v1/datasets/{datasetId:str}/snapshots",
    guard=dataset_with(Right.READ_DATASET_RW_V2, Right.PERFORM_DATASET_RW_ACTIONS_IN_PROJECT_V2),
    tag=TAG,
)
async def create_snapshot(
    access: DatasetAccess, db: Database, storage: Storage, data: NewSnapshotV1
) -> SnapshotEnvelopeV1:
    """Take a snapshot of all files of a dataset, or of some; it is pending while files have to be read."""
    taken = await service.create(db, storage, access.caller, access.dataset, data.relative_file_paths)
    return SnapshotEnvelopeV1(snapshot=SnapshotDetailsV1.of(taken), metadata=metadata())


@operation("GET", f"{PRIVATE}/snapshots", guard=dataset_with(Right.LIST_DATASET_RW_V2), tag=PRIVATE_TAG)
async def list_snapshots(access: DatasetAccess, db: Database, page: Page) -> PrivateSnapshots:
    """The snapshots of a dataset that are not yet deleted, newest first, with their numbers and sizes."""
    found = await queries.list_snapshots(db, access.dataset.id, page)
    return PrivateSnapshots(
        snapshots=[PrivateSnapshot.of(one, access.dataset.tags) for one in found.rows],
        metadata=paged(page, found.total),
    )


@operation(
    "GET",
    "/v4/datasetrw/snapshots/{snapshotId:str}",
    guard=snapshot_with(Right.LIST_DATASET_RW_V2),
    tag=PRIVATE_TAG,
)
async def read_snapshot(access: SnapshotAccess) -> PrivateSnapshot:
    """Read one snapshot with its number, its content's hash and its size."""
    return PrivateSnapshot.of(access.snapshot, access.dataset.tags)


@operation(
    "GET",
    "/v4/datasetrw/snapshots/{snapshotId:str}/uses",
    guard=snapshot_with(Right.LIST_DATASET_RW_V2),
    tag=PRIVATE_TAG,
)
async def list_snapshot_uses(access: SnapshotAccess, db: Database) -> SnapshotUses:
    """The runs that had a snapshot mounted, the latest thousand."""
    uses = await snapshots.uses_of(db, access.snapshot.id, USES_SHOWN)
    return SnapshotUses(uses=[SnapshotUse.of(use) for use in uses])


@operation(
    "DELETE",
    "/v4/datasetrw/snapshots/{snapshotId:str}",
    guard=snapshot_with(Right.DELETE_DATASET_RW_V2),
    tag=PRIVATE_TAG,
)
async def delete_snapshot(access: SnapshotAccess, tx: Transaction) -> DeleteEnvelopeV1:
    """Mark a snapshot for deletion; what only it holds is given back when no run has it mounted."""
    await service.delete(tx, access.caller, access.dataset, access.snapshot)
    return deleted()


@operation("GET", f"{PRIVATE}/verification", guard=dataset_with(Right.READ_DATASET_RW_V2), tag=PRIVATE_TAG)
async def verify_dataset(access: DatasetAccess, db: Database, storage: Storage) -> Verified:
    """Read everything that the snapshots of a dataset hold, and name what is damaged."""
    return await verify(db, storage, access.dataset)


@operation(
    "POST",
    "/v4/datasetrw/collection",
    guard=authenticated_with(Right.PERFORM_DATASET_RW_ACTIONS_AS_ADMIN_V2),
    tag=PRIVATE_TAG,
)
async def collect_datasets(caller: Caller, db: Database, storage: Storage, dryRun: bool = False) -> SpaceGiven:
    """Give back now what is deleted, or say what that would give."""
    reclaimed = await (plan if dryRun else reclaim)(db, storage)
    given = SpaceGiven.of(reclaimed, dry_run=dryRun)
    async with db.transaction() as tx:
        await events.record(
            tx, caller, "datasets.collected", "platform", "datasets", dryRun=dryRun, diskBytes=given.disk_bytes
        )
    return given
