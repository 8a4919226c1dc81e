"""Private routes by which clients list, make, change and delete datasets."""

from typing import Self

from modelyard.domains.datasets import queries, service
from modelyard.domains.datasets.access import DatasetAccess, dataset_with
from modelyard.domains.datasets.queries import Dataset, DatasetFilter
from modelyard.domains.datasets.storage import Storage
from modelyard.domains.datasets.wire import Description
from modelyard.domains.projects import Project, project_in_body
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.paging import MAX_LIMIT, Page
from modelyard.kit.wire import DeleteEnvelopeV1, Wire, deleted

TAG = "Datasets (private)"


class PrivateDataset(Wire):
    """A dataset."""

    dataset_id: str
    dataset_name: str
    description: str
    project_id: str

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """A stored dataset."""
        return cls(
            dataset_id=dataset.id,
            dataset_name=dataset.name,
            description=dataset.description,
            project_id=dataset.project_id,
        )


class NewPrivateDataset(Wire):
    """Body of the route that makes a dataset."""

    dataset_name: str
    project_id: str
    description: Description | None = None


class PrivateDatasetDetails(Wire):
    """Body of the route that changes a dataset; what is absent stays as it is."""

    dataset_name: str | None = None
    description: Description | None = None


@operation("GET", "/dataset", guard=authenticated, rights=(Right.LIST_DATASET_RW_V2,), tag=TAG)
async def list_datasets(caller: Caller, db: Database, projectId: str | None = None) -> list[PrivateDataset]:
    """The newest thousand datasets that the caller has a role in; of one project if it is named."""
    wanted = DatasetFilter(page=Page(0, MAX_LIMIT), of_projects=[projectId] if projectId else None)
    return [PrivateDataset.of(dataset) for dataset in (await queries.list_visible(db, caller, wanted)).rows]


@operation(
    "POST", "/dataset", guard=project_in_body(Right.LIST_PROJECT, Right.MANAGE_DATASETS_RW), tag=TAG
)  # fmt: skip
async def add_dataset(
    project: Project, caller: Caller, tx: Transaction, storage: Storage, data: NewPrivateDataset
) -> PrivateDataset:
    """Make an empty dataset in a project."""
    made = await service.create(tx, storage, caller, project, data.dataset_name, data.description or "", {})
    return PrivateDataset.of(made)


@operation("GET", "/dataset/{datasetId:str}", guard=dataset_with(Right.LIST_DATASET_RW_V2), tag=TAG)
async def read_dataset(access: DatasetAccess) -> PrivateDataset:
    """One dataset."""
    return PrivateDataset.of(access.dataset)


@operation("PATCH", "/dataset/{datasetId:str}", guard=dataset_with(Right.UPDATE_DATASET_RW_V2), tag=TAG)
async def change_dataset(access: DatasetAccess, tx: Transaction, data: PrivateDatasetDetails) -> PrivateDataset:
    """Rename or describe a dataset."""
    changed = await service.describe(tx, access.caller, access.dataset, data.dataset_name, data.description)
    return PrivateDataset.of(changed)


@operation("DELETE", "/dataset/{datasetId:str}", guard=dataset_with(Right.DELETE_DATASET_RW_V2), tag=TAG)
async def remove_dataset(access: DatasetAccess, tx: Transaction) -> DeleteEnvelopeV1:
    """Delete a dataset with its snapshots."""
    await service.delete(tx, access.caller, access.dataset)
    return deleted()
