"""SQL of hardware tiers, nodes and executions."""

from datetime import datetime
from typing import Any

import msgspec

from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page

_COLUMNS = (
    "t.id, t.name, t.cores, t.memory_bytes, t.gpus, t.cents_per_minute, t.max_simultaneous_executions,"
    " t.is_default, t.is_default_for_model_api, t.is_archived, t.settings, t.created_at, t.updated_at"
)
_ADMISSION_LOCK = 7_310_215_865
# A node whose runner was not seen for so long counts no more.
_NODE_ALIVE = "seen_at > now() - interval '2 minutes'"


class Tier(msgspec.Struct, frozen=True):
    """A hardware tier; `settings` are the parts that the platform keeps but does not act on."""

    id: str
    name: str
    cores: float
    memory_bytes: int
    gpus: int
    cents_per_minute: float
    max_simultaneous_executions: int | None
    is_default: bool
    is_default_for_model_api: bool
    is_archived: bool
    settings: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @property
    def variables(self) -> dict[str, str]:
        """What programs on this tier are told of it."""
        return {"DOMINO_HARDWARE_TIER_ID": self.id, "DOMINO_HARDWARE_TIER_NAME": self.name}

    @property
    def summary(self) -> str:
        """What a program gets on this tier, in words."""
        return f"Hardware tier {self.id}: {self.cores:g} cores, {self.memory_bytes / 2**30:.1f} GiB of memory"


class Node(msgspec.Struct, frozen=True):
    """A machine with a runner."""

    name: str
    cores: int
    memory_bytes: int
    gpus: int


class Execution(msgspec.Struct, frozen=True):
    """Something that waits for, or holds, resources."""

    id: str
    kind: str
    hardware_tier_id: str
    user_id: str
    cores: float
    memory_bytes: int
    gpus: int
    node: str | None
    gpu_numbers: list[int]
    max_simultaneous_executions: int | None
    waited_seconds: float


class Load(msgspec.Struct, frozen=True):
    """How many executions of a tier run and wait."""

    hardware_tier_id: str
    executing: int
    queued: int


async def find_tier(db: Executor, tier_id: str) -> Tier | None:
    """The tier with this id, archived or not."""
    return await db.row(Tier, f"SELECT {_COLUMNS} FROM hardware_tiers t WHERE t.id = $1", tier_id)


async def find_live_tier(db: Executor, id_or_name: str) -> Tier | None:
    """The tier in use with this id, else with this name."""
    return await db.row(
        Tier,
        f"SELECT {_COLUMNS} FROM hardware_tiers t"
        " WHERE NOT t.is_archived AND (t.id = $1 OR t.name = $1) ORDER BY (t.id = $1) DESC LIMIT 1",
        id_or_name,
    )


async def default_tier(db: Executor) -> Tier | None:
    """The tier that is used when none is named."""
    return await db.row(Tier, f"SELECT {_COLUMNS} FROM hardware_tiers t WHERE t.is_default")


async def default_model_api_tier(db: Executor) -> Tier | None:
    """The tier that model APIs have when none is named, if there is one for them."""
    return await db.row(
        Tier, f"SELECT {_COLUMNS} FROM hardware_tiers t WHERE t.is_default_for_model_api AND NOT t.is_archived"
    )


async def list_tiers(db: Executor, page: Page, *, archived: bool) -> Listed[Tier]:
    """Tiers from small to large."""
    rows = await db.rows(
        Tier,
        f"SELECT {_COLUMNS} FROM hardware_tiers t WHERE $1 OR NOT t.is_archived"
        " ORDER BY t.gpus, t.cores, t.memory_bytes, t.created_at, t.id LIMIT $2 OFFSET $3",
        archived, page.rows, page.offset,
    )  # fmt: skip
    total = await db.value("SELECT count(*) FROM hardware_tiers WHERE $1 OR NOT is_archived", archived)
    return Listed(rows, total)


async def add_tier(tx: Transaction, tier: Tier) -> bool:
    """Adds a tier; False when its id is taken."""
    added = await tx.execute(
        "INSERT INTO hardware_tiers (id, name, cores, memory_bytes, gpus, cents_per_minute,"
        " max_simultaneous_executions, is_default, is_default_for_model_api, is_archived, settings,"
        " created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        " ON CONFLICT (id) DO NOTHING",
        *msgspec.structs.astuple(tier),
    )
    return added == 1


async def change_tier(tx: Transaction, tier: Tier) -> None:
    """Stores a tier's new values; the time it was made stays."""
    await tx.execute(
        "UPDATE hardware_tiers SET name = $2, cores = $3, memory_bytes = $4, gpus = $5, cents_per_minute = $6,"
        " max_simultaneous_executions = $7, is_default = $8, is_default_for_model_api = $9, is_archived = $10,"
        " settings = $11, updated_at = now() WHERE id = $1",
        *msgspec.structs.astuple(tier)[:11],
    )


async def clear_default(tx: Transaction, tier_id: str) -> list[str]:
    """Takes the default from every tier but this one; the ids of those that had it."""
    return await tx.values(
        "UPDATE hardware_tiers SET is_default = false WHERE is_default AND id <> $1 RETURNING id", tier_id
    )


async def clear_model_default(tx: Transaction, tier_id: str) -> list[str]:
    """Takes the default for model APIs from every tier but this one; the ids of those that had it."""
    return await tx.values(
        "UPDATE hardware_tiers SET is_default_for_model_api = false WHERE is_default_for_model_api AND id <> $1"
        " RETURNING id",
        tier_id,
    )


async def register_node(db: Executor, name: str, cores: int, memory_bytes: int, gpus: int) -> None:
    """Notes that a machine has a runner; to be repeated every minute."""
    await db.execute(
        "INSERT INTO nodes (name, cores, memory_bytes, gpus) VALUES ($1, $2, $3, $4) ON CONFLICT (name)"
        " DO UPDATE SET cores = $2, memory_bytes = $3, gpus = $4, seen_at = now()",
        name, cores, memory_bytes, gpus,
    )  # fmt: skip


async def live_nodes(db: Executor) -> list[Node]:
    """The machines whose runner was seen lately."""
    return await db.rows(Node, f"SELECT name, cores, memory_bytes, gpus FROM nodes WHERE {_NODE_ALIVE}")


async def add_execution(tx: Transaction, execution_id: str, kind: str, tier: Tier, user_id: str) -> None:
    """Queues an execution; one that is queued already stays."""
    await tx.execute(
        "INSERT INTO executions (id, kind, hardware_tier_id, user_id, cores, memory_bytes, gpus)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
        execution_id, kind, tier.id, user_id, tier.cores, tier.memory_bytes, tier.gpus,
    )  # fmt: skip


async def release_execution(tx: Transaction, execution_id: str) -> None:
    """Gives back what an execution holds, or takes it out of the queue."""
    await tx.execute("DELETE FROM executions WHERE id = $1", execution_id)


_EXECUTION = (
    "SELECT e.id, e.kind, e.hardware_tier_id, e.user_id, e.cores, e.memory_bytes, e.gpus, e.node,"
    " e.gpu_numbers, t.max_simultaneous_executions,"
    " extract(epoch FROM clock_timestamp() - e.queued_at)::float8 AS waited_seconds"
    " FROM executions e JOIN hardware_tiers t ON t.id = e.hardware_tier_id"
)


async def find_execution(db: Executor, execution_id: str) -> Execution | None:
    """The execution with this id, while it waits or runs."""
    return await db.row(Execution, f"{_EXECUTION} WHERE e.id = $1", execution_id)


async def is_anything_waiting(db: Executor) -> bool:
    """Whether any execution waits."""
    return await db.value("SELECT EXISTS (SELECT FROM executions WHERE admitted_at IS NULL)") is True


async def lock_admission(tx: Transaction) -> None:
    """Makes this transaction the only one that admits."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _ADMISSION_LOCK)
    await tx.execute("SET LOCAL synchronous_commit = off")


async def waiting_executions(db: Executor, limit: int) -> list[Execution]:
    """The executions that wait, oldest first, the oldest few of each user."""
    return await db.rows(
        Execution,
        f"{_EXECUTION} WHERE e.id IN (SELECT id FROM (SELECT id, queued_at,"
        " row_number() OVER (PARTITION BY user_id ORDER BY queued_at, id) AS place FROM executions"
        " WHERE admitted_at IS NULL) q ORDER BY place, queued_at LIMIT $1) ORDER BY e.queued_at, e.id",
        limit,
    )


async def admitted_executions(db: Executor) -> list[Execution]:
    """The executions that hold resources."""
    return await db.rows(Execution, f"{_EXECUTION} WHERE e.admitted_at IS NOT NULL")


async def set_admitted(tx: Transaction, execution_id: str, node: str, gpu_numbers: list[int]) -> None:
    """Gives an execution its place."""
    await tx.execute(
        "UPDATE executions SET node = $2, gpu_numbers = $3, admitted_at = clock_timestamp() WHERE id = $1",
        execution_id, node, gpu_numbers,
    )  # fmt: skip


async def loads(db: Executor) -> dict[str, Load]:
    """How many executions run and wait, by tier."""
    rows = await db.rows(
        Load,
        "SELECT hardware_tier_id, count(*) FILTER (WHERE admitted_at IS NOT NULL) AS executing,"
        " count(*) FILTER (WHERE admitted_at IS NULL) AS queued FROM executions GROUP BY hardware_tier_id",
    )
    return {load.hardware_tier_id: load for load in rows}


async def waiting_before(db: Executor, execution_id: str) -> tuple[int, int]:
    """How many executions wait longer than this one: of the same user, and of others."""
    row = await db.row(
        dict,
        "SELECT count(*) FILTER (WHERE o.user_id = e.user_id) AS own,"
        " count(*) FILTER (WHERE o.user_id <> e.user_id) AS others FROM executions e JOIN executions o"
        " ON o.admitted_at IS NULL AND (o.queued_at, o.id) < (e.queued_at, e.id) WHERE e.id = $1",
        execution_id,
    )
    return (row["own"], row["others"]) if row else (0, 0)
