"""Rules of shared datasets: whoever brings one into a project may read it."""

from modelyard.domains.datasets import queries as datasets
from modelyard.domains.datasets.access import dataset_by_id
from modelyard.domains.datasets.sharing import queries
from modelyard.domains.projects import Project, on_project_copied
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


@on_project_copied
async def _copy_links(tx: Transaction, caller: Caller, original: Project, copy: Project) -> list[str]:
    """Has a copy use what the original uses, as far as its maker may read that."""
    left_out = 0
    for dataset_id in await queries.links_of(tx, original.id):
        dataset = await datasets.find_visible(tx, caller, dataset_id)
        if dataset is None or Right.READ_DATASET_RW_V2 not in dataset.rights:
            left_out += 1
        elif dataset.project_id != copy.id:
            await queries.add_link(tx, copy.id, dataset_id)
    if not left_out:
        return []
    return [f"Shared datasets that the copy does not use, because you may not read them: {left_out}."]
