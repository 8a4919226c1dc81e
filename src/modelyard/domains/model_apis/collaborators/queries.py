"""SQL of collaborators."""

import msgspec

from modelyard.domains.model_apis.queries import lock_model_api
from modelyard.kit.db import Executor, Transaction


class Member(msgspec.Struct, frozen=True):
    """A collaborator's role, and whether it is a person."""

    role: str
    is_person: bool


async def lock_collaborators(tx: Transaction, model_api_id: str) -> dict[str, Member]:
    """The collaborators of a model API by account, whom nobody else changes until the transaction ends."""
    await lock_model_api(tx, model_api_id)
    return await _collaborators(tx, model_api_id)


async def _collaborators(db: Executor, model_api_id: str) -> dict[str, Member]:
    rows = await db.rows(
        dict,
        "SELECT c.account_id, c.role, u.kind = 'individual' AS is_person FROM model_api_collaborators c"
        " JOIN users u ON u.id = c.account_id WHERE c.model_api_id = $1",
        model_api_id,
    )
    return {row["account_id"]: Member(row["role"], row["is_person"]) for row in rows}


async def remove_collaborator(tx: Transaction, model_api_id: str, account_id: str) -> None:
    """Takes an account's role in a model API away."""
    await tx.execute(
        "DELETE FROM model_api_collaborators WHERE model_api_id = $1 AND account_id = $2", model_api_id, account_id
    )
