"""SQL of environments, their revisions and build logs."""

import hashlib
from typing import Any

import msgspec

from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page

_REVISION = (
    "r.id, r.environment_id, r.number, r.image, r.instructions, r.sealed_variables, r.scripts, r.summary,"
    " r.tags, r.supported_clusters, r.workspace_tools, r.skip_cache, r.status, r.failure, r.build_key, r.lock,"
    " r.build_variables"
)
_ENVIRONMENT = (
    "e.id, e.name, e.owner_id, u.user_name AS owner_name, u.kind AS owner_kind, e.visibility, e.is_default,"
    " e.selected_revision_id, e.restricted_revision_id, e.archived_at IS NOT NULL AS is_archived"
)
_SOURCE = "environments e LEFT JOIN users u ON u.id = e.owner_id"
# Who sees an environment: everybody global ones; its owner, or its organization's members, and administrators
# the others.
_VISIBLE = """(e.visibility = 'global' OR e.owner_id = $1 OR $2 OR EXISTS (
    SELECT FROM organization_members b WHERE b.organization_id = e.owner_id AND b.user_id = $1))"""


class Environment(msgspec.Struct, frozen=True):
    """An environment."""

    id: str
    name: str
    owner_id: str | None
    owner_name: str | None
    owner_kind: str | None
    visibility: str
    is_default: bool
    selected_revision_id: str | None
    restricted_revision_id: str | None
    is_archived: bool


class Revision(msgspec.Struct, frozen=True):
    """A revision of an environment."""

    id: str
    environment_id: str
    number: int
    image: str
    instructions: str
    sealed_variables: bytes
    scripts: dict[str, str]
    summary: str
    tags: list[str]
    supported_clusters: list[str]
    workspace_tools: list[dict[str, Any]]
    skip_cache: bool
    status: str | None
    failure: str | None
    build_key: str | None
    lock: str | None
    build_variables: dict[str, str]


class NewRevision(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a revision when it is made."""

    id: str
    environment_id: str
    image: str
    instructions: str
    sealed_variables: bytes
    scripts: dict[str, str]
    summary: str
    tags: list[str]
    supported_clusters: list[str]
    workspace_tools: list[dict[str, Any]]
    skip_cache: bool
    created_by_id: str | None


class BuildLine(msgspec.Struct, frozen=True):
    """A line of a build's log; nanoseconds since 1970."""

    time_ns: int
    line: str


async def find_visible(
    db: Executor, environment_id: str, account_id: str, *, is_admin: bool
) -> Environment | None:
    """The environment with this id, when the account may see it."""
    return await db.row(
        Environment,
        f"SELECT {_ENVIRONMENT} FROM {_SOURCE} WHERE e.id = $3 AND {_VISIBLE}",
        account_id, is_admin, environment_id,
    )  # fmt: skip


async def list_visible(db: Executor, account_id: str, page: Page, *, is_admin: bool) -> Listed[Environment]:
    """The environments in use that an account may see, the default one first, then by name."""
    where = f"e.archived_at IS NULL AND {_VISIBLE}"
    rows = await db.rows(
        Environment,
        f"SELECT {_ENVIRONMENT} FROM {_SOURCE} WHERE {where}"
        " ORDER BY e.is_default DESC, lower(e.name), e.id LIMIT $3 OFFSET $4",
        account_id, is_admin, page.rows, page.offset,
    )  # fmt: skip
    total = await db.value(f"SELECT count(*) FROM environments e WHERE {where}", account_id, is_admin)
    return Listed(rows, total)


async def default_environment(db: Executor) -> Environment | None:
    """The environment that is used when none is named."""
    return await db.row(Environment, f"SELECT {_ENVIRONMENT} FROM {_SOURCE} WHERE e.is_default")


async def is_empty(db: Executor) -> bool:
    """Whether there is no environment at all."""
    return await db.value("SELECT NOT EXISTS (SELECT FROM environments)") is True


async def add_environment(
    tx: Transaction,
    environment_id: str,
    name: str,
    owner_id: str | None,
    visibility: str,
    *,
    is_default: bool,
) -> None:
    """Adds an environment without revisions."""
    await tx.execute(
        "INSERT INTO environments (id, name, owner_id, visibility, is_default) VALUES ($1, $2, $3, $4, $5)",
        environment_id, name, owner_id, visibility, is_default,
    )  # fmt: skip


async def add_revision(tx: Transaction, new: NewRevision) -> Revision:
    """Adds the next revision of an environment, which stays locked until the transaction ends."""
    await tx.execute("SELECT FROM environments WHERE id = $1 FOR UPDATE", new.environment_id)
    values = msgspec.structs.asdict(new)
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    revision = await tx.row(
        Revision,
        f"INSERT INTO environment_revisions AS r ({', '.join(values)}, number) SELECT {marks},"
        " coalesce(max(number), 0) + 1 FROM environment_revisions WHERE environment_id = $2"
        f" RETURNING {_REVISION}",
        *values.values(),
    )
    assert revision is not None  # noqa: S101
    return revision


class RevisionIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """What a revision is known by: its environment, its base image, and the packages that it was locked to."""

    environment_id: str
    environment_name: str
    revision_id: str
    number: int
    image: str
    lock: str | None

    @property
    def lock_hash(self) -> str | None:
        """The SHA-256 of the locked packages, in hex; None while the revision is not built."""
        return None if self.lock is None else hashlib.sha256(self.lock.encode()).hexdigest()


async def identity_of(
    db: Executor, revision_id: str, account_id: str, *, is_admin: bool
) -> RevisionIdentity | None:
    """What a revision is known by, when the account may see its environment."""
    return await db.row(
        RevisionIdentity,
        "SELECT e.id AS environment_id, e.name AS environment_name, r.id AS revision_id, r.number, r.image, r.lock"
        f" FROM environment_revisions r JOIN environments e ON e.id = r.environment_id"
        f" WHERE r.id = $3 AND {_VISIBLE}",
        account_id, is_admin, revision_id,
    )  # fmt: skip


async def find_revision(db: Executor, revision_id: str) -> Revision | None:
    """The revision with this id."""
    return await db.row(Revision, f"SELECT {_REVISION} FROM environment_revisions r WHERE r.id = $1", revision_id)


async def latest_revision(db: Executor, environment_id: str) -> Revision | None:
    """The newest revision of an environment."""
    return await db.row(
        Revision,
        f"SELECT {_REVISION} FROM environment_revisions r WHERE r.environment_id = $1"
        " ORDER BY r.number DESC LIMIT 1",
        environment_id,
    )


async def shown_revisions(db: Executor, environment_ids: list[str]) -> list[Revision]:
    """The newest, selected and restricted revisions of environments."""
    return await db.rows(
        Revision,
        f"SELECT {_REVISION} FROM environment_revisions r JOIN environments e ON e.id = r.environment_id"
        " WHERE e.id = ANY($1) AND (r.id IN (e.selected_revision_id, e.restricted_revision_id)"
        " OR r.number = (SELECT max(number) FROM environment_revisions WHERE environment_id = e.id))",
        environment_ids,
    )


async def set_status(tx: Transaction, revision_id: str, to: str, before: list[str], *, from_none: bool) -> bool:
    """Sets the state of a build that is in one of the states `before`."""
    moved = await tx.execute(
        "UPDATE environment_revisions SET status = $2,"
        " build_ended_at = CASE WHEN $2 IN ('succeeded', 'failed', 'killed') THEN now() END"
        " WHERE id = $1 AND (status = ANY($3) OR ($4 AND status IS NULL))",
        revision_id, to, before, from_none,
    )  # fmt: skip
    return moved == 1


async def set_built(tx: Transaction, revision_id: str, key: str, lock: str, variables: dict[str, str]) -> None:
    """Stores what a build made; the revision becomes the selected one unless a newer one is."""
    await tx.execute(
        "UPDATE environment_revisions SET build_key = $2, lock = $3, build_variables = $4, failure = NULL"
        " WHERE id = $1",
        revision_id, key, lock, variables,
    )  # fmt: skip
    await tx.execute(
        "UPDATE environments e SET selected_revision_id = r.id FROM environment_revisions r WHERE r.id = $1"
        " AND e.id = r.environment_id AND NOT EXISTS (SELECT FROM environment_revisions s"
        " WHERE s.id = e.selected_revision_id AND s.number > r.number)",
        revision_id,
    )


async def set_failure(tx: Transaction, revision_id: str, failure: str) -> None:
    """Stores why a build failed."""
    await tx.execute("UPDATE environment_revisions SET failure = $2 WHERE id = $1", revision_id, failure)


async def statuses(db: Executor, revision_ids: list[str]) -> dict[str, str | None]:
    """The build states of revisions."""
    rows = await db.rows(dict, "SELECT id, status FROM environment_revisions WHERE id = ANY($1)", revision_ids)
    return {row["id"]: row["status"] for row in rows}


async def set_archived(tx: Transaction, environment_id: str) -> None:
    """Takes an environment out of lists."""
    await tx.execute("UPDATE environments SET archived_at = now() WHERE id = $1", environment_id)


async def set_restricted(tx: Transaction, environment_id: str, revision_id: str | None) -> None:
    """Notes which revision restricted projects may use."""
    await tx.execute(
        "UPDATE environments SET restricted_revision_id = $2 WHERE id = $1", environment_id, revision_id
    )


async def set_default(tx: Transaction, environment_id: str) -> str | None:
    """Makes an environment the one that is used when none is named; the id of the one that was."""
    before: str | None = await tx.value("UPDATE environments SET is_default = false WHERE is_default RETURNING id")
    await tx.execute("UPDATE environments SET is_default = true WHERE id = $1", environment_id)
    return before


async def clear_build_log(tx: Transaction, revision_id: str) -> None:
    """Removes the log of an earlier build."""
    await tx.execute("DELETE FROM build_log_lines WHERE revision_id = $1", revision_id)


async def add_build_lines(db: Executor, revision_id: str, lines: list[tuple[int, str]]) -> None:
    """Adds lines to a build's log."""
    await db.execute(
        "INSERT INTO build_log_lines (revision_id, time_ns, line)"
        " SELECT $1, t, l FROM unnest($2::bigint[], $3::text[]) AS given(t, l)"
        " ON CONFLICT DO NOTHING",
        revision_id, [time for time, _ in lines], [line for _, line in lines],
    )  # fmt: skip


async def build_lines(db: Executor, revision_id: str, after_ns: int, limit: int) -> list[BuildLine]:
    """Lines of a build's log after a time."""
    return await db.rows(
        BuildLine,
        "SELECT time_ns, line FROM build_log_lines WHERE revision_id = $1 AND time_ns > $2"
        " ORDER BY time_ns LIMIT $3",
        revision_id, after_ns, limit,
    )  # fmt: skip
