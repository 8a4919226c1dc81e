"""Operations on the grants of a dataset."""

from modelyard.domains.datasets.access import DatasetAccess, dataset_with
from modelyard.domains.datasets.grants import queries, service
from modelyard.domains.datasets.grants.wire import (
    DatasetRwGrantDetailsEnvelopeV1,
    DatasetRwGrantDetailsV1,
    DatasetRwGrantEnvelopeV1,
    DatasetRwGrantV1,
)
from modelyard.domains.users import Right
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.wire import metadata

TAG = "DatasetRw"
GRANTS = "/api/datasetrw/v1/datasets/{datasetId:str}/grants"

_changing = dataset_with(Right.EDIT_SECURITY_DATASET_RW_V2)


@operation("GET", GRANTS, guard=dataset_with(Right.LIST_DATASET_RW_V2), tag=TAG)
async def get_dataset_grants(access: DatasetAccess, db: Database) -> DatasetRwGrantDetailsEnvelopeV1:
    """Who has which role on a dataset, by name."""
    found = await queries.grants_of(db, access.dataset.id)
    return DatasetRwGrantDetailsEnvelopeV1(
        grant_details=[DatasetRwGrantDetailsV1.of(grant) for grant in found], metadata=metadata()
    )


@operation("POST", GRANTS, guard=_changing, tag=TAG)
async def add_dataset_grant(
    access: DatasetAccess, tx: Transaction, data: DatasetRwGrantV1
) -> DatasetRwGrantEnvelopeV1:
    """Give a person or an organization a role on a dataset, or another one."""
    await service.add(tx, access.caller, access.dataset, data)
    return await _envelope(tx, access)


@operation("DELETE", GRANTS, guard=_changing, tag=TAG)
async def remove_dataset_grant(
    access: DatasetAccess, tx: Transaction, data: DatasetRwGrantV1
) -> DatasetRwGrantEnvelopeV1:
    """Take a role on a dataset away."""
    await service.remove(tx, access.caller, access.dataset, data)
    return await _envelope(tx, access)


async def _envelope(db: Executor, access: DatasetAccess) -> DatasetRwGrantEnvelopeV1:
    found = await queries.grants_of(db, access.dataset.id)
    return DatasetRwGrantEnvelopeV1(grants=[DatasetRwGrantV1.of(grant) for grant in found], metadata=metadata())
