"""SQL of access tokens."""

from modelyard.domains.model_apis.queries import AccessToken
from modelyard.kit.db import Executor, Transaction

_COLUMNS = "id, name, created_by_id, created_at, generated_by_id, generated_at"


async def count_tokens(db: Executor, model_api_id: str) -> int:
    """How many tokens a model API has."""
    count: int = await db.value(
        "SELECT count(*) FROM model_api_access_tokens WHERE model_api_id = $1", model_api_id
    )
    return count


async def add_token(
    tx: Transaction, token_id: str, model_api_id: str, name: str | None, digest: bytes, account_id: str
) -> AccessToken:
    """Adds a token, of which only the digest of its secret is stored."""
    added = await tx.row(
        AccessToken,
        "INSERT INTO model_api_access_tokens (id, model_api_id, name, digest, created_by_id, generated_by_id)"
        f" VALUES ($1, $2, $3, $4, $5, $5) RETURNING {_COLUMNS}",
        token_id, model_api_id, name, digest, account_id,
    )  # fmt: skip
    assert added is not None  # noqa: S101
    return added


async def renew_token(
    tx: Transaction, model_api_id: str, token_id: str, name: str | None, digest: bytes, account_id: str
) -> AccessToken | None:
    """Gives a token another secret and, where one is given, another name; None when it is gone."""
    return await tx.row(
        AccessToken,
        "UPDATE model_api_access_tokens SET name = coalesce($3, name), digest = $4, generated_by_id = $5,"
        f" generated_at = now() WHERE model_api_id = $1 AND id = $2 RETURNING {_COLUMNS}",
        model_api_id, token_id, name, digest, account_id,
    )  # fmt: skip


async def delete_token(tx: Transaction, model_api_id: str, token_id: str) -> bool:
    """Removes a token; False when it was gone already."""
    deleted = await tx.execute(
        "DELETE FROM model_api_access_tokens WHERE model_api_id = $1 AND id = $2", model_api_id, token_id
    )
    return deleted == 1
