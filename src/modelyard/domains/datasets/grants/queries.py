"""SQL of grants."""

import msgspec

from modelyard.domains.users import DatasetRole
from modelyard.kit.db import Executor, Transaction


class Grant(msgspec.Struct, frozen=True):
    """What an account is in a dataset, with the account's name."""

    account_id: str
    account_name: str
    is_organization: bool
    role: str


async def grants_of(db: Executor, dataset_id: str) -> list[Grant]:
    """Who has a role in a dataset, by name."""
    return await db.rows(
        Grant,
        "SELECT g.account_id, u.user_name AS account_name, u.kind = 'organization' AS is_organization, g.role"
        " FROM dataset_grants g JOIN users u ON u.id = g.account_id WHERE g.dataset_id = $1"
        " ORDER BY lower(u.user_name)",
        dataset_id,
    )


async def lock_grants(tx: Transaction, dataset_id: str) -> dict[str, DatasetRole]:
    """The roles in a dataset by account, which nobody else changes until the transaction ends."""
    await tx.execute("SELECT FROM datasets WHERE id = $1 FOR UPDATE", dataset_id)
    return {grant.account_id: DatasetRole(grant.role) for grant in await grants_of(tx, dataset_id)}


async def put_grants(tx: Transaction, dataset_id: str, roles: dict[str, DatasetRole]) -> None:
    """Gives accounts roles in a dataset, or other ones."""
    await tx.execute(
        "INSERT INTO dataset_grants (dataset_id, account_id, role)"
        " SELECT $1, account_id, role FROM unnest($2::text[], $3::text[]) AS given (account_id, role)"
        " ON CONFLICT (dataset_id, account_id) DO UPDATE SET role = excluded.role",
        dataset_id, list(roles), [role.value for role in roles.values()],
    )  # fmt: skip


async def remove_grant(tx: Transaction, dataset_id: str, account_id: str) -> None:
    """Takes an account's role in a dataset away."""
    await tx.execute(
        "DELETE FROM dataset_grants WHERE dataset_id = $1 AND account_id = $2", dataset_id, account_id
    )
