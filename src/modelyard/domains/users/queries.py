"""SQL of accounts, keys and run tokens."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page

_COLUMNS = (
    "u.id, u.kind, u.user_name, u.email, u.first_name, u.last_name, u.company_name, u.phone_number, u.is_admin"
)


class User(msgspec.Struct, frozen=True):
    """An account."""

    id: str
    kind: str
    user_name: str
    email: str | None
    first_name: str
    last_name: str
    company_name: str | None
    phone_number: str | None
    is_admin: bool


class Credential(msgspec.Struct, frozen=True):
    """What authentication needs to know of a key or token, and of its account."""

    digest: bytes
    user_id: str
    user_name: str
    is_admin: bool
    key_id: str | None
    run_id: str | None
    stale: bool


class ApiKey(msgspec.Struct, frozen=True):
    """An API key without its secret."""

    id: str
    label: str
    created_at: datetime
    last_used_at: datetime | None


async def key_credential(db: Executor, lookup: bytes) -> Credential | None:
    """The live API key found by the first half of its digest."""
    return await db.row(
        Credential,
        "SELECT k.digest, k.user_id, u.user_name, u.is_admin, k.id AS key_id, NULL AS run_id,"
        " coalesce(k.last_used_at < now() - interval '1 minute', true) AS stale"
        " FROM api_keys k JOIN users u ON u.id = k.user_id"
        " WHERE k.lookup = $1 AND k.revoked_at IS NULL AND u.deactivated_at IS NULL",
        lookup,
    )


async def run_credential(db: Executor, lookup: bytes) -> Credential | None:
    """The live token of a run found by the first half of its digest. A run never acts as administrator."""
    return await db.row(
        Credential,
        "SELECT t.digest, t.user_id, u.user_name, false AS is_admin, NULL AS key_id, t.run_id, false AS stale"
        " FROM run_tokens t JOIN users u ON u.id = t.user_id"
        " WHERE t.lookup = $1 AND t.expires_at > now() AND u.deactivated_at IS NULL",
        lookup,
    )


async def session_credential(db: Executor, lookup: bytes) -> Credential | None:
    """The live session of a browser; it ends with the API key that it was begun with."""
    return await db.row(
        Credential,
        "SELECT s.digest, k.user_id, u.user_name, u.is_admin, k.id AS key_id, NULL AS run_id, false AS stale"
        " FROM browser_sessions s JOIN api_keys k ON k.id = s.key_id JOIN users u ON u.id = k.user_id"
        " WHERE s.lookup = $1 AND s.expires_at > now() AND k.revoked_at IS NULL AND u.deactivated_at IS NULL",
        lookup,
    )


async def add_session(tx: Transaction, lookup: bytes, digest: bytes, key_id: str, seconds: float) -> None:
    """Adds a session that lives for so many seconds, and forgets those that are over."""
    await tx.execute("DELETE FROM browser_sessions WHERE expires_at < now()")
    await tx.execute(
        "INSERT INTO browser_sessions (lookup, digest, key_id, expires_at)"
        " VALUES ($1, $2, $3, now() + $4 * interval '1 second')",
        lookup, digest, key_id, seconds,
    )  # fmt: skip


async def delete_session(tx: Transaction, lookup: bytes) -> None:
    """Ends a session."""
    await tx.execute("DELETE FROM browser_sessions WHERE lookup = $1", lookup)


async def touch_key(db: Executor, key_id: str) -> None:
    """Notes that a key was used just now."""
    await db.execute("UPDATE api_keys SET last_used_at = now() WHERE id = $1", key_id)


async def find_user(db: Executor, user_id: str) -> User | None:
    """The account with this id."""
    return await db.row(User, f"SELECT {_COLUMNS} FROM users u WHERE u.id = $1", user_id)


async def find_users(db: Executor, user_ids: list[str]) -> dict[str, User]:
    """The accounts among these ids, by their ids."""
    found = await db.rows(User, f"SELECT {_COLUMNS} FROM users u WHERE u.id = ANY($1)", user_ids)
    return {user.id: user for user in found}


async def find_user_by_name(db: Executor, user_name: str) -> User | None:
    """The account with this name, whatever its case."""
    return await db.row(
        User,
        f"SELECT {_COLUMNS} FROM users u WHERE lower(u.user_name) = lower($1)",
        user_name,
    )


async def list_people(db: Executor, page: Page) -> Listed[User]:
    """People by name; organizations are not listed."""
    where = "u.kind = 'individual' AND u.deactivated_at IS NULL"
    rows = await db.rows(
        User,
        f"SELECT {_COLUMNS} FROM users u WHERE {where} ORDER BY lower(u.user_name) LIMIT $1 OFFSET $2",
        page.rows, page.offset,
    )  # fmt: skip
    total = await db.value(f"SELECT count(*) FROM users u WHERE {where}")
    return Listed(rows, total)


async def list_accounts(db: Executor) -> list[User]:
    """Every live account, people and organizations, by name."""
    return await db.rows(
        User,
        f"SELECT {_COLUMNS} FROM users u WHERE u.deactivated_at IS NULL ORDER BY lower(u.user_name)",
    )


async def add_user(tx: Transaction, user: User) -> bool:
    """Adds an account; False when its name is taken."""
    return (
        await tx.execute(
            "INSERT INTO users (id, kind, user_name, email, first_name, last_name, company_name, "
            " phone_number, is_admin) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
            *(getattr(user, field) for field in User.__struct_fields__),
        )
        == 1
    )


async def add_key(tx: Transaction, key_id: str, user_id: str, label: str, lookup: bytes, digest: bytes) -> None:
    """Adds an API key."""
    await tx.execute(
        "INSERT INTO api_keys (id, user_id, label, lookup, digest) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (lookup) DO UPDATE SET revoked_at = NULL, user_id = excluded.user_id",
        key_id, user_id, label, lookup, digest,
    )  # fmt: skip


async def keys_of(db: Executor, user_id: str) -> list[ApiKey]:
    """The live keys of an account, newest first."""
    return await db.rows(
        ApiKey,
        "SELECT id, label, created_at, last_used_at FROM api_keys WHERE user_id = $1 AND revoked_at IS NULL"
        " ORDER BY id DESC",
        user_id,
    )


async def revoke_key(tx: Transaction, user_id: str, key_id: str) -> bool:
    """Ends a key at once; False when the account has no such live key."""
    return (
        await tx.execute(
            "UPDATE api_keys SET revoked_at = now() WHERE id = $2 AND user_id = $1 AND revoked_at IS NULL",
            user_id, key_id,
        )
        == 1
    )  # fmt: skip


async def revoke_keys_labelled(tx: Transaction, user_id: str, label: str, keep: bytes) -> list[str]:
    """Ends the keys of an account with a label, but for the one found by `keep`; the ids of the ended ones."""
    return await tx.values(
        "UPDATE api_keys SET revoked_at = now() WHERE user_id = $1 AND label = $2 AND lookup <> $3"
        " AND revoked_at IS NULL RETURNING id",
        user_id, label, keep,
    )  # fmt: skip


async def add_run_token(
    db: Executor, lookup: bytes, digest: bytes, run_id: str, user_id: str, seconds: float
) -> None:
    """Adds a token of a run that lives for so many seconds."""
    await db.execute(
        "INSERT INTO run_tokens (lookup, digest, run_id, user_id, expires_at)"
        " VALUES ($1, $2, $3, $4, now() + $5 * interval '1 second')",
        lookup, digest, run_id, user_id, seconds,
    )  # fmt: skip


async def extend_first_run_token(db: Executor, run_id: str, seconds: float) -> None:
    """Prolongs the oldest token of a run."""
    await db.execute(
        "UPDATE run_tokens SET expires_at = now() + $2 * interval '1 second' WHERE lookup = (SELECT lookup"
        " FROM run_tokens WHERE run_id = $1 ORDER BY created_at LIMIT 1)",
        run_id,
        seconds,
    )


async def delete_run_tokens(db: Executor, run_id: str) -> None:
    """Ends all tokens of a run."""
    await db.execute("DELETE FROM run_tokens WHERE run_id = $1 OR expires_at < now()", run_id)
