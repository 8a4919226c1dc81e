"""Rules of grants: organizations never own a dataset, and somebody always does."""

from collections.abc import Iterable

from modelyard.domains.datasets.grants import queries
from modelyard.domains.datasets.grants.wire import DatasetRwGrantV1
from modelyard.domains.datasets.queries import Dataset
from modelyard.domains.users import Caller, DatasetRole, find_users
from modelyard.kit import events
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound


async def checked(db: Executor, wanted: list[DatasetRwGrantV1]) -> dict[str, DatasetRole]:
    """The wanted roles by account; raises BadRequest for unknown accounts and for organizations as owners."""
    accounts = await find_users(db, [grant.target_id for grant in wanted])
    for grant in wanted:
        account = accounts.get(grant.target_id)
        if account is None:
            raise BadRequest(f"targetId: there is no account with the id {grant.target_id[:100]}.")
        if account.kind == "organization" and grant.target_role is DatasetRole.OWNER:
            raise BadRequest(
                f"targetRole: the organization {account.user_name} cannot own a dataset; make it an editor or a"
                " reader."
            )
    return {grant.target_id: grant.target_role for grant in wanted}


async def add(tx: Transaction, caller: Caller, dataset: Dataset, wanted: DatasetRwGrantV1) -> None:
    """Gives an account a role, or another one; raises BadRequest as `checked` does, and for the last owner."""
    roles = await checked(tx, [wanted])
    before = await queries.lock_grants(tx, dataset.id)
    _keep_an_owner((before | roles).values())
    await queries.put_grants(tx, dataset.id, roles)
    await events.record(
        tx, caller, "dataset.grantAdded", "dataset", dataset.id,
        project_id=dataset.project_id, accountId=wanted.target_id, role=wanted.target_role.value,
        before={"role": before.get(wanted.target_id)},
    )  # fmt: skip


async def remove(tx: Transaction, caller: Caller, dataset: Dataset, unwanted: DatasetRwGrantV1) -> None:
    """Takes an account's role away; raises NotFound when it has not that role, BadRequest for the last owner."""
    roles = await queries.lock_grants(tx, dataset.id)
    if roles.pop(unwanted.target_id, None) is not unwanted.target_role:
        raise NotFound(
            f"The account {unwanted.target_id[:100]} is no {unwanted.target_role.value} of the dataset"
            f" {dataset.name}."
        )
    _keep_an_owner(roles.values())
    await queries.remove_grant(tx, dataset.id, unwanted.target_id)
    await events.record(
        tx, caller, "dataset.grantRemoved", "dataset", dataset.id,
        project_id=dataset.project_id, accountId=unwanted.target_id, role=unwanted.target_role.value,
    )  # fmt: skip


def _keep_an_owner(roles: Iterable[DatasetRole]) -> None:
    if DatasetRole.OWNER not in roles:
        raise BadRequest("This is the last owner of the dataset; make somebody else an owner first.")
