"""Shapes of datasets, their tags and snapshots on the wire."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.datasets.grants.wire import DatasetRwGrantV1
from modelyard.domains.datasets.queries import Dataset, Snapshot
from modelyard.kit.wire import AnyCase, MetadataV1, PaginatedMetadataV1, Wire, present

Description = Annotated[str, Meta(max_length=20_000)]


class DatasetRwPermissionV1(AnyCase):
    """The rights that lists of datasets can be filtered by."""

    DELETE = "DeleteDatasetRwV2"
    EDIT_SECURITY = "EditSecurityDatasetRwV2"
    LIST = "ListDatasetRwV2"
    PERFORM_ACTIONS_IN_PROJECT = "PerformDatasetRwActionsInProjectV2"
    PERMANENT_DELETE = "PermanentDeleteDatasetRwV2"
    READ = "ReadDatasetRwV2"
    UPDATE = "UpdateDatasetRwV2"
    PERFORM_ACTIONS_AS_ADMIN = "PerformDatasetRwActionsAsAdminV2"


class SnapshotStatus(AnyCase):
    """The states of a snapshot; only active ones can be tagged and mounted."""

    ACTIVE = "active"
    MARK_FOR_DELETION = "markForDeletion"
    DELETION_IN_PROGRESS = "deletionInProgress"
    DELETED = "deleted"
    PENDING = "pending"
    FAILED = "failed"
    COPYING = "copying"


class NewDatasetRwV1(Wire):
    """Body of createDataset: an empty dataset in a project, or one made from a snapshot."""

    name: str
    description: Description | None = None
    grants: Annotated[list[DatasetRwGrantV1], Meta(max_length=1000)] | None = None
    project_id: str | None = None
    snapshot_id: str | None = None


class DatasetRwMetadataV1(Wire):
    """Body of updateDataset; what is absent stays as it is."""

    description: Description | None = None
    name: str | None = None


class DatasetRwDetailsV1(Wire):
    """A dataset."""

    id: str
    name: str
    created_at: datetime
    snapshot_ids: list[str]
    tags: dict[str, str]
    description: str | UnsetType = UNSET
    project_id: str | UnsetType = UNSET

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """A stored dataset."""
        return cls(
            id=dataset.id,
            name=dataset.name,
            created_at=dataset.created_at,
            snapshot_ids=dataset.snapshot_ids,
            tags=dataset.tags,
            description=dataset.description,
            project_id=dataset.project_id,
        )


class DatasetRwEnvelopeV1(Wire):
    """One dataset."""

    dataset: DatasetRwDetailsV1
    metadata: MetadataV1


class PaginatedDatasetRwEnvelopeV1(Wire):
    """A page of datasets, first generation."""

    datasets: list[DatasetRwDetailsV1]
    metadata: PaginatedMetadataV1


class DatasetRwProjectInfoDtoV1(Wire):
    """The project that a dataset is in."""

    project_id: str
    project_name: str
    project_owner_username: str


class DatasetRwInfoDtoV1(Wire):
    """A dataset, and its project where that was asked for."""

    dataset: DatasetRwDetailsV1
    project_info: DatasetRwProjectInfoDtoV1 | UnsetType = UNSET

    @classmethod
    def of(cls, dataset: Dataset, *, with_project: bool) -> Self:
        """A stored dataset."""
        project = DatasetRwProjectInfoDtoV1(
            project_id=dataset.project_id,
            project_name=dataset.project_name,
            project_owner_username=dataset.project_owner_name,
        )
        return cls(dataset=DatasetRwDetailsV1.of(dataset), project_info=project if with_project else UNSET)


class PaginatedDatasetRwEnvelopeV2(Wire):
    """A page of datasets."""

    datasets: list[DatasetRwInfoDtoV1]
    metadata: PaginatedMetadataV1


class DatasetRwTagToAddV1(Wire):
    """A tag, and the snapshot it is to point at."""

    tag_name: str
    snapshot_id: str


class SnapshotDetailsV1(Wire):
    """A snapshot."""

    id: str
    dataset_id: str
    created_at: datetime
    status: SnapshotStatus
    creator_id: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    last_mounted: datetime | UnsetType = UNSET

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """A stored snapshot."""
        return cls(
            id=snapshot.id,
            dataset_id=snapshot.dataset_id,
            created_at=snapshot.created_at,
            status=SnapshotStatus(snapshot.status),
            creator_id=present(snapshot.creator_id),
            description=snapshot.description,
            last_mounted=present(snapshot.last_mounted_at),
        )


class SnapshotEnvelopeV1(Wire):
    """One snapshot."""

    snapshot: SnapshotDetailsV1
    metadata: MetadataV1


class PaginatedSnapshotEnvelopeV1(Wire):
    """A page of snapshots."""

    snapshots: list[SnapshotDetailsV1]
    metadata: PaginatedMetadataV1
