"""SQL of versions of model APIs, their replicas and log lines."""

from datetime import datetime
from typing import Any

import msgspec

from modelyard.kit.db import Executor, Transaction


class VersionSource(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a version serves: a function in a file of its project (File), or a registered model (Registry)."""

    type: str
    file: str | None = None
    function: str | None = None
    exclude_files: list[str] = []
    registered_model_name: str | None = None
    registered_model_version: int | None = None


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """What the replicas of a version said of how it is called; see engines.serving.Description.

    `input_names` has the names of `inputs` in their order, which the database does not keep.
    """

    concurrency: int = 1
    max_batch_size: int = 1
    pure: bool = False
    inputs: dict[str, Any] = {}
    input_names: list[str] = []
    example: Any = None


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a version when it is made."""

    id: str
    model_api_id: str
    project_id: str
    description: str
    source: VersionSource
    registered_model_id: str | None
    registered_model_version: int | None
    commit_id: str
    environment_revision_id: str
    log_http_request_response: bool
    monitoring_enabled: bool
    record_invocation: bool
    prediction_dataset_id: str | None
    provenance_checkpoint_id: str | None
    is_wanted: bool
    created_by_id: str


class Version(NewVersion, frozen=True, kw_only=True):
    """A version of a model API; `is_production` is the label, `is_wanted` the target state."""

    number: int
    status: str
    problem: str | None
    built_at: datetime | None
    build_key: str | None
    build_lock: str | None
    build_image: str | None
    is_kept: bool
    is_production: bool
    interface: Interface | None
    created_at: datetime


_COLUMNS = """
v.id, v.model_api_id, v.number, v.project_id, v.description, v.source, v.registered_model_id,
v.registered_model_version, v.commit_id, v.environment_revision_id, v.log_http_request_response,
v.monitoring_enabled, v.record_invocation, v.prediction_dataset_id, v.provenance_checkpoint_id, v.status,
v.problem, v.built_at, v.build_key, v.build_lock, v.build_image, v.is_wanted, v.is_kept,
v.id IS NOT DISTINCT FROM a.production_version_id AS is_production, v.interface, v.created_by_id, v.created_at"""
_SOURCE = "model_api_versions v JOIN model_apis a ON a.id = v.model_api_id"


async def find_version(db: Executor, model_api_id: str, version_id: str) -> Version | None:
    """A version of a model API by its id."""
    return await _one(db, "v.id = $1 AND v.model_api_id = $2", version_id, model_api_id)


async def find_by_id(db: Executor, version_id: str) -> Version | None:
    """A version by its id alone, for those who serve it."""
    return await _one(db, "v.id = $1", version_id)


async def list_versions(db: Executor, model_api_id: str) -> list[Version]:
    """All versions of a model API, newest first."""
    found = await db.values(
        f"SELECT to_jsonb(v) FROM (SELECT {_COLUMNS} FROM {_SOURCE} WHERE v.model_api_id = $1) v"
        " ORDER BY v.number DESC",
        model_api_id,
    )
    return msgspec.convert(found, list[Version])


async def _one(db: Executor, which: str, *arguments: object) -> Version | None:
    found = await db.value(
        f"SELECT to_jsonb(v) FROM (SELECT {_COLUMNS} FROM {_SOURCE} WHERE {which}) v", *arguments
    )
    return None if found is None else msgspec.convert(found, Version)


async def add_version(tx: Transaction, new: NewVersion) -> int:
    """Adds the next version of a model API; its number."""
    number: int = await tx.value(
        "UPDATE model_apis SET last_version = last_version + 1 WHERE id = $1 RETURNING last_version",
        new.model_api_id,
    )
    values = msgspec.structs.asdict(new) | {"source": msgspec.to_builtins(new.source), "number": number}
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    await tx.execute(f"INSERT INTO model_api_versions ({', '.join(values)}) VALUES ({marks})", *values.values())
    return number


async def set_status(
    tx: Transaction, version_id: str, to: str, before: list[str], problem: str | None = None
) -> bool:
    """Sets the state of a version that is in one of the states `before`, and why."""
    moved = await tx.execute(
        "UPDATE model_api_versions SET status = $2, problem = $4,"
        " built_at = CASE WHEN $2 = 'Ready to run' THEN now() ELSE built_at END"
        " WHERE id = $1 AND status = ANY($3)",
        version_id, to, before, problem,
    )  # fmt: skip
    return moved == 1


async def set_wanted(tx: Transaction, version_id: str, *, is_wanted: bool, is_kept: bool = False) -> bool:
    """Sets the target state; False when it was so before. `is_kept` has it outlive being replaced."""
    changed = await tx.execute(
        "UPDATE model_api_versions SET is_wanted = $2, is_kept = is_kept OR $3"
        " WHERE id = $1 AND (is_wanted <> $2 OR ($3 AND NOT is_kept))",
        version_id, is_wanted, is_kept,
    )  # fmt: skip
    return changed == 1


async def lock_version(tx: Transaction, version_id: str) -> Version | None:
    """A version that nobody else changes until the transaction ends."""
    await tx.execute("SELECT FROM model_api_versions WHERE id = $1 FOR UPDATE", version_id)
    return await find_by_id(tx, version_id)


async def set_production_version(tx: Transaction, model_api_id: str, version_id: str | None) -> int | None:
    """Gives a version of a model API the production label, or none; the number of the one that had it."""
    before: int | None = await tx.value(
        "SELECT v.number FROM model_apis a JOIN model_api_versions v ON v.id = a.production_version_id"
        " WHERE a.id = $1",
        model_api_id,
    )
    await tx.execute(
        "UPDATE model_apis SET production_version_id = $2, modified_at = now() WHERE id = $1",
        model_api_id, version_id,
    )  # fmt: skip
    return before
