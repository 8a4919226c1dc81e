"""Operations on the datasets of other projects that a project uses."""

from modelyard.domains.datasets.sharing import queries, service
from modelyard.domains.datasets.sharing.wire import (
    DatasetToAddV1,
    SharedDatasetRwEntryV1,
    SharedDatasetsEnvelopeV1,
)
from modelyard.domains.projects import Project, project_with
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.wire import DeleteEnvelopeV1, deleted, metadata

TAG = "ProjectSharedDatasets"
SHARED = "/api/projects/v1/projects/{projectId:str}/shared-datasets"

_changing = project_with(Right.MANAGE_DATASETS_RW, Right.USE_FILE_STORAGE)


@operation("GET", SHARED, guard=project_with(Right.GET_DATASETS_RW), tag=TAG)
async def list_project_shared_datasets(project: Project, db: Database) -> SharedDatasetsEnvelopeV1:
    """The datasets of other projects that a project uses."""
    return await _envelope(db, project)


@operation("POST", SHARED, guard=_changing, tag=TAG)
async def link_project_to_dataset(
    project: Project, caller: Caller, tx: Transaction, data: DatasetToAddV1
) -> SharedDatasetsEnvelopeV1:
    """Have a project use a dataset of another one; the caller must be allowed to read it."""
    await service.link(tx, caller, project, data.dataset_id)
    return await _envelope(tx, project)


@operation("DELETE", f"{SHARED}/{{datasetId:str}}", guard=_changing, tag=TAG)
async def unlink_dataset_from_project(
    project: Project, caller: Caller, tx: Transaction, datasetId: str
) -> DeleteEnvelopeV1:
    """Have a project use a dataset of another one no more."""
    await service.unlink(tx, caller, project, datasetId)
    return deleted()


async def _envelope(db: Executor, project: Project) -> SharedDatasetsEnvelopeV1:
    ids = await queries.links_of(db, project.id)
    entry = SharedDatasetRwEntryV1(project_id=project.id, shared_dataset_ids=ids)
    return SharedDatasetsEnvelopeV1(dataset=entry, metadata=metadata())
