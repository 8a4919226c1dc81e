"""What a copy of a project gets of its datasets: their live files where that is wanted, and what it shares."""

from modelyard.domains.datasets import queries
from modelyard.domains.datasets.grants.queries import put_grants
from modelyard.domains.datasets.queries import Dataset, NewDataset
from modelyard.domains.datasets.service import FILL
from modelyard.domains.datasets.sharing import queries as sharing
from modelyard.domains.projects import Copying, UncopiedDataset, on_project_copied
from modelyard.domains.users import DatasetRole, Right
from modelyard.kit import events, work
from modelyard.kit.db import Transaction
from modelyard.kit.ids import new_id


@on_project_copied
async def _copy_datasets(tx: Transaction, copying: Copying) -> None:
    """Copies the datasets that the maker of a project's copy may read; files follow in the background."""
    if not copying.wanted.copy_datasets:
        return
    hidden = 0
    for dataset_id in await queries.datasets_of(tx, copying.original.id):
        dataset = await queries.find_visible(tx, copying.caller, dataset_id)
        if dataset is None:
            hidden += 1
        elif Right.READ_DATASET_RW_V2 in dataset.rights:
            await _copy(tx, copying, dataset)
        else:
            copying.lacks.datasets.append(_lacking(dataset))
    if hidden:
        copying.lacks.notices.append(f"Datasets that were not copied, because you have no role on them: {hidden}.")


@on_project_copied
async def _copy_links(tx: Transaction, copying: Copying) -> None:
    """Has a copy use what the original uses, as far as its maker may read that."""
    left_out = 0
    for dataset_id in await sharing.links_of(tx, copying.original.id):
        dataset = await queries.find_visible(tx, copying.caller, dataset_id)
        if dataset is None or Right.READ_DATASET_RW_V2 not in dataset.rights:
            left_out += 1
        elif dataset.project_id != copying.copy.id:
            await sharing.add_link(tx, copying.copy.id, dataset_id)
    if left_out:
        copying.lacks.notices.append(
            f"Shared datasets that the copy does not use, because you may not read them: {left_out}."
        )


async def _copy(tx: Transaction, copying: Copying, dataset: Dataset) -> None:
    new = NewDataset(
        id=new_id(),
        project_id=copying.copy.id,
        name=dataset.name,
        description=dataset.description,
        creator_id=copying.caller.id,
        fill_from=dataset.id,
    )
    await queries.add_dataset(tx, new)
    await put_grants(tx, new.id, {copying.caller.id: DatasetRole.OWNER})
    await work.enqueue(tx, FILL, new.id)
    await events.record(
        tx, copying.caller, "dataset.created", "dataset", new.id,
        project_id=new.project_id, name=new.name, copiedFrom=dataset.id,
    )  # fmt: skip


def _lacking(dataset: Dataset) -> UncopiedDataset:
    return UncopiedDataset(
        id=dataset.id,
        name=dataset.name,
        description=dataset.description,
        created_at=dataset.created_at,
        project_id=dataset.project_id,
        reason="You may not read it.",
    )
