"""Rules of shared datasets: whoever brings one into a project may read it."""

from modelyard.domains.datasets.access import dataset_by_id
from modelyard.domains.datasets.sharing import queries
from modelyard.domains.projects import Project
from modelyard.domains.users import Caller, Right
from modelyard.kit import events
from modelyard.kit.db import Transaction
from modelyard.kit.errors import NotFound


async def link(tx: Transaction, caller: Caller, project: Project, dataset_id: str) -> None:
    """Has a project use a dataset of another one; its own it uses anyway. Raises as `dataset_by_id` does."""
    dataset = await dataset_by_id(tx, caller, dataset_id, Right.READ_DATASET_RW_V2)
    is_new = dataset.project_id != project.id and await queries.add_link(tx, project.id, dataset.id)
    await events.record(
        tx, caller, "dataset.linked", "dataset", dataset.id, project_id=project.id, isNew=is_new
    )  # fmt: skip


async def unlink(tx: Transaction, caller: Caller, project: Project, dataset_id: str) -> None:
    """Has a project use a dataset no more; raises NotFound when it does not."""
    if not await queries.remove_link(tx, project.id, dataset_id):
        raise NotFound(f"The project uses no dataset of another project with the id {dataset_id[:100]}.")
    await events.record(tx, caller, "dataset.unlinked", "dataset", dataset_id, project_id=project.id)
