"""SQL of serving: what versions are to be, what their replicas are, and what is said of them."""

from datetime import datetime

import msgspec

from modelyard.domains.model_apis.queries import HealthCheck, Volume
from modelyard.domains.model_apis.versions.queries import Interface
from modelyard.kit.db import Executor, Transaction


class Waiting(msgspec.Struct, frozen=True):
    """A version that nobody works on, and the environment revision that it may have to wait for."""

    version_id: str
    revision_id: str | None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a version is to be at the moment."""

    version_id: str
    is_wanted: bool
    replicas: int
    health_check: HealthCheck
    request_timeout_seconds: int | None


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What the replicas of a model API stand on."""

    name: str
    hardware_tier_id: str | None
    volumes: list[Volume]


class StoredReplica(msgspec.Struct, frozen=True, kw_only=True):
    """A replica as it was last known."""

    id: str
    state: str
    started_at: datetime


async def waiting(db: Executor, kind: str) -> list[Waiting]:
    """The versions that wait for a runner, the longest waiting first."""
    return await db.rows(
        Waiting,
        "SELECT v.id AS version_id, CASE WHEN v.status = 'Preparing to build' AND v.source->>'type' = 'File'"
        " THEN v.environment_revision_id END AS revision_id FROM work w JOIN model_api_versions v"
        " ON v.id = w.subject_id WHERE w.kind = $1 AND w.lease_token IS NULL AND w.available_at <= now()"
        " ORDER BY w.available_at, w.id",
        kind,
    )


async def targets(db: Executor, version_ids: list[str]) -> dict[str, Target]:
    """What these versions are to be."""
    found = await db.values(
        "SELECT jsonb_build_object('version_id', v.id, 'is_wanted', v.is_wanted AND a.archived_at IS NULL,"
        " 'replicas', a.replicas, 'health_check', a.health_check,"
        " 'request_timeout_seconds', a.request_timeout_seconds)"
        " FROM model_api_versions v JOIN model_apis a ON a.id = v.model_api_id WHERE v.id = ANY($1)",
        version_ids,
    )
    return {target.version_id: target for target in msgspec.convert(found, list[Target])}


async def deployment_of(db: Executor, model_api_id: str) -> Deployment:
    """What the replicas of a model API stand on now."""
    found = await db.value(
        "SELECT jsonb_build_object('name', a.name, 'hardware_tier_id', a.hardware_tier_id, 'volumes',"
        " ARRAY(SELECT to_jsonb(v) FROM model_api_volumes v WHERE v.model_api_id = a.id ORDER BY v.name))"
        " FROM model_apis a WHERE a.id = $1",
        model_api_id,
    )
    return msgspec.convert(found, Deployment)


async def sealed_variables(db: Executor, model_api_id: str) -> dict[str, bytes]:
    """The environment variables of a model API, encrypted."""
    rows = await db.rows(
        dict, "SELECT key, sealed_value FROM model_api_variables WHERE model_api_id = $1", model_api_id
    )
    return {row["key"]: row["sealed_value"] for row in rows}


async def set_build(tx: Transaction, version_id: str, key: str, lock: str, image: str) -> None:
    """Notes the environment that was made from the requirements of a registered model."""
    await tx.execute(
        "UPDATE model_api_versions SET build_key = $2, build_lock = $3, build_image = $4 WHERE id = $1",
        version_id, key, lock, image,
    )  # fmt: skip


async def set_interface(tx: Transaction, version_id: str, interface: Interface) -> None:
    """Notes how a version is called."""
    await tx.execute(
        "UPDATE model_api_versions SET interface = $2 WHERE id = $1", version_id, msgspec.to_builtins(interface)
    )


async def set_problem(tx: Transaction, version_id: str, problem: str | None) -> None:
    """Notes why a version stalls."""
    await tx.execute("UPDATE model_api_versions SET problem = $2 WHERE id = $1", version_id, problem)


async def supersede(tx: Transaction, model_api_id: str, number: int) -> list[int]:
    """Has older versions end that nobody wants to keep; their numbers."""
    return await tx.values(
        "UPDATE model_api_versions v SET is_wanted = false FROM model_apis a WHERE a.id = v.model_api_id"
        " AND a.id = $1 AND v.number < $2 AND v.is_wanted AND NOT v.is_kept"
        " AND a.production_version_id IS DISTINCT FROM v.id RETURNING v.number",
        model_api_id, number,
    )  # fmt: skip


async def living_replicas(db: Executor, version_id: str, node: str) -> list[StoredReplica]:
    """The replicas of a version on a node that are not known to have ended, the oldest first."""
    return await db.rows(
        StoredReplica,
        "SELECT id, state, started_at FROM model_replicas WHERE version_id = $1 AND node = $2"
        " AND state <> 'ended' ORDER BY started_at, id",
        version_id, node,
    )  # fmt: skip


async def put_replica(
    tx: Transaction, replica_id: str, version_id: str, node: str, state: str, address: str, problem: str | None
) -> None:
    """Adds a replica, or notes what has become of it."""
    await tx.execute(
        "INSERT INTO model_replicas (id, version_id, node, state, address, problem, ended_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $4 = 'ended' THEN clock_timestamp() END)"
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, address = excluded.address,"
        " problem = excluded.problem, ended_at = excluded.ended_at",
        replica_id, version_id, node, state, address, problem,
    )  # fmt: skip


async def forget_replicas(tx: Transaction, version_id: str, kept: int) -> list[str]:
    """Removes the replicas of a version that ended first, all but so many; their ids."""
    return await tx.values(
        "DELETE FROM model_replicas WHERE id IN (SELECT id FROM model_replicas WHERE version_id = $1"
        " AND state = 'ended' ORDER BY started_at DESC, id DESC OFFSET $2) RETURNING id",
        version_id, kept,
    )  # fmt: skip


async def gone(db: Executor, version_ids: list[str]) -> list[str]:
    """Of these versions, those that will never be served again: of archived model APIs, or not to be built."""
    return await db.values(
        "SELECT v.id FROM model_api_versions v JOIN model_apis a ON a.id = v.model_api_id WHERE v.id = ANY($1)"
        " AND (a.archived_at IS NOT NULL OR (v.status = 'Failed' AND v.built_at IS NULL))"
        " AND NOT EXISTS (SELECT FROM work w WHERE w.subject_id = v.id)",
        version_ids,
    )


async def add_lines(db: Executor, version_id: str, kind: str, lines: list[tuple[int, str]]) -> None:
    """Adds lines to a log of a version."""
    await db.execute(
        "INSERT INTO model_api_log_lines (version_id, kind, time_ns, line)"
        " SELECT $1, $2, t, l FROM unnest($3::bigint[], $4::text[]) AS given (t, l) ON CONFLICT DO NOTHING",
        version_id, kind, [time for time, _ in lines], [line for _, line in lines],
    )  # fmt: skip
