"""Public operations on datasets, their tags and snapshots."""

from modelyard.domains.datasets import queries, service
from modelyard.domains.datasets.access import (
    DatasetAccess,
    NewPlace,
    SnapshotAccess,
    dataset_with,
    new_dataset,
    snapshot_with,
)
from modelyard.domains.datasets.grants.service import checked
from modelyard.domains.datasets.queries import Dataset, DatasetFilter
from modelyard.domains.datasets.storage import Storage
from modelyard.domains.datasets.wire import (
    DatasetRwDetailsV1,
    DatasetRwEnvelopeV1,
    DatasetRwInfoDtoV1,
    DatasetRwMetadataV1,
    DatasetRwPermissionV1,
    DatasetRwTagToAddV1,
    NewDatasetRwV1,
    PaginatedDatasetRwEnvelopeV1,
    PaginatedDatasetRwEnvelopeV2,
    PaginatedSnapshotEnvelopeV1,
    SnapshotDetailsV1,
    SnapshotEnvelopeV1,
)
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import metadata

TAG = "DatasetRw"
V1 = "/api/datasetrw/v1/datasets"

_LISTING = (Right.LIST_DATASET_RW_V2,)


@operation("GET", V1, guard=authenticated, rights=_LISTING, tag=TAG, deprecated=True)
async def get_datasets(
    caller: Caller, db: Database, page: Page, projectId: str | None = None
) -> PaginatedDatasetRwEnvelopeV1:
    """The datasets that the caller has a role in, newest first; of one project if it is named."""
    wanted = DatasetFilter(page=page, of_projects=[projectId] if projectId else None)
    found = await queries.list_visible(db, caller, wanted)
    return PaginatedDatasetRwEnvelopeV1(
        datasets=[DatasetRwDetailsV1.of(dataset) for dataset in found.rows], metadata=paged(page, found.total)
    )


@operation("GET", "/api/datasetrw/v2/datasets", guard=authenticated, rights=_LISTING, tag=TAG)
async def get_datasets_v2(
    caller: Caller,
    db: Database,
    page: Page,
    minimumPermission: DatasetRwPermissionV1 = DatasetRwPermissionV1.LIST,
    projectIdsToInclude: list[str] | None = None,
    projectIdsToExclude: list[str] | None = None,
    includeProjectInfo: bool = False,
    includeArchivedProjects: bool = False,
) -> PaginatedDatasetRwEnvelopeV2:
    """The datasets on which the caller has a right, newest first: of some projects, or of all but some."""
    included, excluded = _separated(projectIdsToInclude), _separated(projectIdsToExclude)
    if included and excluded:
        raise BadRequest("Give projectIdsToInclude or projectIdsToExclude, not both.")
    wanted = DatasetFilter(
        page=page,
        of_projects=included or None,
        but_of_projects=excluded,
        right=Right(minimumPermission.value),
        of_archived_projects=includeArchivedProjects,
    )
    found = await queries.list_visible(db, caller, wanted)
    return PaginatedDatasetRwEnvelopeV2(
        datasets=[DatasetRwInfoDtoV1.of(dataset, with_project=includeProjectInfo) for dataset in found.rows],
        metadata=paged(page, found.total),
    )


@operation("POST", V1, guard=new_dataset, tag=TAG)
async def create_dataset(
    place: NewPlace, caller: Caller, tx: Transaction, storage: Storage, data: NewDatasetRwV1
) -> DatasetRwEnvelopeV1:
    """Make an empty dataset in a project, or one with the content of a snapshot, for its maker alone."""
    roles = {} if place.source else await checked(tx, data.grants or [])
    return _envelope(
        await service.create(
            tx, storage, caller, place.project, data.name, data.description or "", roles, source=place.source
        )
    )


@operation("GET", f"{V1}/{{datasetId:str}}", guard=dataset_with(Right.LIST_DATASET_RW_V2), tag=TAG)
async def get_dataset(access: DatasetAccess) -> DatasetRwEnvelopeV1:
    """Read one dataset."""
    return _envelope(access.dataset)


@operation("PATCH", f"{V1}/{{datasetId:str}}", guard=dataset_with(Right.UPDATE_DATASET_RW_V2), tag=TAG)
async def update_dataset(access: DatasetAccess, tx: Transaction, data: DatasetRwMetadataV1) -> DatasetRwEnvelopeV1:
    """Rename or describe a dataset."""
    return _envelope(await service.describe(tx, access.caller, access.dataset, data.name, data.description))


@operation("DELETE", f"{V1}/{{datasetId:str}}", guard=dataset_with(Right.DELETE_DATASET_RW_V2), tag=TAG)
async def delete_dataset(access: DatasetAccess, tx: Transaction) -> DatasetRwEnvelopeV1:
    """Delete a dataset with its snapshots; the reply is what it was."""
    await service.delete(tx, access.caller, access.dataset)
    return _envelope(access.dataset)


@operation("GET", f"{V1}/{{datasetId:str}}/snapshots", guard=dataset_with(Right.LIST_DATASET_RW_V2), tag=TAG)
async def get_dataset_snapshots(access: DatasetAccess, db: Database, page: Page) -> PaginatedSnapshotEnvelopeV1:
    """The snapshots of a dataset that are not yet deleted, newest first."""
    found = await queries.list_snapshots(db, access.dataset.id, page)
    return PaginatedSnapshotEnvelopeV1(
        snapshots=[SnapshotDetailsV1.of(snapshot) for snapshot in found.rows], metadata=paged(page, found.total)
    )


@operation(
    "GET",
    "/api/datasetrw/v1/snapshots/{snapshotId:str}",
    guard=snapshot_with(Right.LIST_DATASET_RW_V2),
    tag=TAG,
)
async def get_snapshot(access: SnapshotAccess) -> SnapshotEnvelopeV1:
    """Read one snapshot."""
    return SnapshotEnvelopeV1(snapshot=SnapshotDetailsV1.of(access.snapshot), metadata=metadata())


@operation("POST", f"{V1}/{{datasetId:str}}/tags", guard=dataset_with(Right.UPDATE_DATASET_RW_V2), tag=TAG)
async def add_dataset_tag(
    access: DatasetAccess, tx: Transaction, data: DatasetRwTagToAddV1
) -> DatasetRwEnvelopeV1:
    """Point a tag at a snapshot; a tag that exists is moved."""
    return _envelope(await service.tag(tx, access.caller, access.dataset, data.tag_name, data.snapshot_id))


@operation(
    "DELETE",
    f"{V1}/{{datasetId:str}}/tags/{{tagName:str}}",
    guard=dataset_with(Right.UPDATE_DATASET_RW_V2),
    tag=TAG,
)
async def remove_dataset_tag(access: DatasetAccess, tx: Transaction, tagName: str) -> DatasetRwEnvelopeV1:
    """Remove a tag from a dataset; the snapshot stays."""
    return _envelope(await service.untag(tx, access.caller, access.dataset, tagName))


def _envelope(dataset: Dataset) -> DatasetRwEnvelopeV1:
    return DatasetRwEnvelopeV1(dataset=DatasetRwDetailsV1.of(dataset), metadata=metadata())


def _separated(values: list[str] | None) -> list[str]:
    """Values of a key that clients repeat, or give once with commas."""
    return [one for value in values or [] for one in value.split(",") if one]
