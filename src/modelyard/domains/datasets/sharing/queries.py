"""SQL of the datasets that projects share."""

from modelyard.kit.db import Executor, Transaction


async def links_of(db: Executor, project_id: str) -> list[str]:
    """The ids of the datasets of other projects that a project uses, oldest first."""
    return await db.values(
        "SELECT d.id FROM shared_datasets s JOIN datasets d ON d.id = s.dataset_id"
        " WHERE s.project_id = $1 AND d.deleted_at IS NULL ORDER BY d.id",
        project_id,
    )


async def add_link(tx: Transaction, project_id: str, dataset_id: str) -> bool:
    """Has a project use a dataset; False when it does so already."""
    added = await tx.execute(
        "INSERT INTO shared_datasets (project_id, dataset_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        project_id, dataset_id,
    )  # fmt: skip
    return added == 1


async def remove_link(tx: Transaction, project_id: str, dataset_id: str) -> bool:
    """Has a project use a dataset no more; False when it did not."""
    removed = await tx.execute(
        "DELETE FROM shared_datasets WHERE project_id = $1 AND dataset_id = $2", project_id, dataset_id
    )
    return removed == 1
