"""SQL of model APIs, and the rule by which people see them."""

from datetime import datetime

import asyncpg
import msgspec

from modelyard.domains.organizations import ACCOUNTS
from modelyard.domains.users import MODEL_API_ROLES, Caller, ModelApiRole, Right, model_api_rights
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.paging import Listed, Page

# Whoever routes calls listens here for the ids of model APIs that have changed.
CHANNEL = "model_apis"


class HealthCheck(msgspec.Struct, frozen=True, rename="camel"):
    """When a replica counts as ill: seconds before the first probe, between probes, for an answer; how often."""

    initial_delay_seconds: int = 60
    period_seconds: int = 15
    timeout_seconds: int = 5
    failure_threshold: int = 3


class AccessToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that opens one model API, without its secret."""

    id: str
    name: str | None
    created_by_id: str
    created_at: datetime
    generated_by_id: str
    generated_at: datetime


class Collaborator(msgspec.Struct, frozen=True):
    """What an account is in a model API."""

    account_id: str
    role: ModelApiRole


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset or snapshot that replicas see at a path; mounted in the name of whoever added it."""

    name: str
    mount_path: str
    volume_type: str
    read_only: bool
    dataset_id: str
    snapshot_id: str | None
    added_by_id: str


class ActiveVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The version that a model API is known by: the one in production, else the newest."""

    id: str
    number: int
    status: str
    is_wanted: bool


class StoredModelApi(msgspec.Struct, frozen=True, kw_only=True):
    """What a model API is made with."""

    id: str
    project_id: str
    name: str
    description: str
    environment_id: str
    hardware_tier_id: str | None
    replicas: int
    is_async: bool
    is_public: bool
    strict_node_anti_affinity: bool
    bundle_id: str | None
    resource_quota_id: str | None
    request_timeout_seconds: int | None
    health_check: HealthCheck
    created_by_id: str


class NewModelApi(StoredModelApi, frozen=True, kw_only=True):
    """What is stored of a model API when it is made."""

    is_project_endpoint: bool = False


class ModelApi(StoredModelApi, frozen=True, kw_only=True):
    """A model API as one caller sees it, with the roles that the caller has there, however they came."""

    recorded_share: float
    redacted_fields: list[str]
    production_version_id: str | None
    created_at: datetime
    modified_at: datetime
    access_tokens: list[AccessToken]
    collaborators: list[Collaborator]
    volumes: list[Volume]
    active_version: ActiveVersion | None
    roles: list[ModelApiRole]
    for_admin: bool

    @property
    def rights(self) -> frozenset[Right]:
        """What the caller may do with this model API."""
        return model_api_rights(self.roles, is_admin=self.for_admin)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What may be changed of a model API."""

    name: str
    description: str
    environment_id: str
    hardware_tier_id: str | None
    replicas: int
    is_public: bool
    resource_quota_id: str | None
    request_timeout_seconds: int | None
    health_check: HealthCheck


class ModelApiFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the model APIs that somebody sees are asked for; `name` is a regular expression, in any case."""

    page: Page
    environment_id: str | None = None
    project_id: str | None = None
    name: str | None = None
    registered_model_name: str | None = None
    registered_model_version: int | None = None
    order_by: str = "a.created_at"
    descending: bool = True


# $1 is the caller's account, $2 whether it administers the platform. A model API is visible to its collaborators
# and to those who have a role in its project; that the project is open to all does not show it.
_BY_PROJECT = ", ".join(f"('{project.value}', '{role.value}')" for project, role in MODEL_API_ROLES.items())
_ROLES = f"""
SELECT c.role FROM model_api_collaborators c WHERE c.model_api_id = a.id AND c.account_id = ANY({ACCOUNTS})
UNION SELECT by_project.model_api_role FROM (
    SELECT 'owner' AS role FROM projects p WHERE p.id = a.project_id AND p.owner_id = ANY({ACCOUNTS})
    UNION ALL SELECT m.role FROM project_collaborators m
        WHERE m.project_id = a.project_id AND m.account_id = ANY({ACCOUNTS})) had
JOIN (VALUES {_BY_PROJECT}) AS by_project (project_role, model_api_role) ON by_project.project_role = had.role"""
VISIBLE = "a.archived_at IS NULL AND ($2::boolean OR caller.roles <> '{}')"
OF_CALLER = f"model_apis a CROSS JOIN LATERAL (SELECT ARRAY({_ROLES}) AS roles OFFSET 0) caller"
ACTIVE_VERSION = """(SELECT to_jsonb(v) FROM model_api_versions v WHERE v.model_api_id = a.id
    ORDER BY (v.id = a.production_version_id) IS TRUE DESC, v.number DESC LIMIT 1)"""
_COLUMNS = f"""
a.id, a.project_id, a.name, a.description, a.environment_id, a.hardware_tier_id, a.replicas, a.is_async,
a.is_public, a.strict_node_anti_affinity, a.bundle_id, a.resource_quota_id, a.request_timeout_seconds,
a.health_check, a.recorded_share, a.redacted_fields, a.production_version_id, a.created_by_id, a.created_at,
a.modified_at, $2::boolean AS for_admin, caller.roles,
ARRAY(SELECT to_jsonb(t) - 'digest' FROM model_api_access_tokens t WHERE t.model_api_id = a.id
    ORDER BY t.created_at, t.id) AS access_tokens,
ARRAY(SELECT to_jsonb(c) FROM model_api_collaborators c WHERE c.model_api_id = a.id
    ORDER BY c.account_id) AS collaborators,
ARRAY(SELECT to_jsonb(v) FROM model_api_volumes v WHERE v.model_api_id = a.id ORDER BY v.name) AS volumes,
{ACTIVE_VERSION} AS active_version"""


async def find_visible(db: Executor, caller: Caller, model_api_id: str) -> ModelApi | None:
    """The model API with this id, if the caller may know of it; archived ones are not found."""
    found = await db.value(
        f"SELECT to_jsonb(a) FROM (SELECT {_COLUMNS} FROM {OF_CALLER} WHERE a.id = $3 AND {VISIBLE}) a",
        caller.id, caller.is_admin, model_api_id,
    )  # fmt: skip
    return None if found is None else msgspec.convert(found, ModelApi)


async def find_project_endpoint(db: Executor, caller: Caller, project_id: str) -> ModelApi | None:
    """The endpoint of a project, if there is one and the caller may know of it."""
    found = await db.value(
        f"SELECT to_jsonb(a) FROM (SELECT {_COLUMNS} FROM {OF_CALLER}"
        f" WHERE a.project_id = $3 AND a.is_project_endpoint AND {VISIBLE}) a",
        caller.id, caller.is_admin, project_id,
    )  # fmt: skip
    return None if found is None else msgspec.convert(found, ModelApi)


async def find_endpoint_named(db: Executor, caller: Caller, owner: str, project: str) -> str | None:
    """The id of the endpoint of a project by its owner's name and its own, if the caller may know of it."""
    found: str | None = await db.value(
        f"SELECT a.id FROM {OF_CALLER} JOIN projects p ON p.id = a.project_id JOIN users o ON o.id = p.owner_id"
        " WHERE lower(o.user_name) = lower($3) AND lower(p.name) = lower($4) AND p.archived_at IS NULL"
        f" AND a.is_project_endpoint AND {VISIBLE}",
        caller.id, caller.is_admin, owner, project,
    )  # fmt: skip
    return found


async def list_visible(db: Executor, caller: Caller, wanted: ModelApiFilter) -> Listed[ModelApi]:
    """One page of the model APIs that the caller may know of and that are asked for.

    Raises BadRequest for a `name` that is no regular expression.
    """
    where = f"""{VISIBLE} AND ($3::text IS NULL OR a.environment_id = $3)
        AND ($4::text IS NULL OR a.project_id = $4) AND ($5::text IS NULL OR a.name ~* $5)
        AND ($6::text IS NULL OR EXISTS (SELECT FROM model_api_versions v
            JOIN registered_models m ON m.id = v.registered_model_id
            WHERE v.model_api_id = a.id AND m.name = $6
            AND ($7::bigint IS NULL OR v.registered_model_version = $7)))"""
    arguments = (
        caller.id, caller.is_admin, wanted.environment_id, wanted.project_id, wanted.name,
        wanted.registered_model_name, wanted.registered_model_version,
    )  # fmt: skip
    order = f"{wanted.order_by} {'DESC' if wanted.descending else 'ASC'}, a.id"
    window = f"SELECT {_COLUMNS} FROM {OF_CALLER} WHERE {where} ORDER BY {order} LIMIT $8 OFFSET $9"
    try:
        total = await db.value(f"SELECT count(*) FROM {OF_CALLER} WHERE {where}", *arguments)
        rows = await db.values(
            f"SELECT to_jsonb(a) FROM ({window}) a ORDER BY {order}",
            *arguments, wanted.page.rows, wanted.page.offset,
        )  # fmt: skip
    except asyncpg.InvalidRegularExpressionError as error:
        raise BadRequest(f"name: {error}; give a part of the name, or a regular expression.") from None
    return Listed(msgspec.convert(rows, list[ModelApi]), total)


async def add_model_api(tx: Transaction, new: NewModelApi) -> None:
    """Adds a model API without versions; raises BadRequest for a second endpoint of a project."""
    values = msgspec.structs.asdict(new) | {"health_check": msgspec.to_builtins(new.health_check)}
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    try:
        await tx.execute(f"INSERT INTO model_apis ({', '.join(values)}) VALUES ({marks})", *values.values())
    except asyncpg.UniqueViolationError:
        raise BadRequest("This project's endpoint has just been published by somebody else; try again.") from None


async def change_settings(tx: Transaction, model_api_id: str, settings: Settings) -> None:
    """Stores a model API's new settings."""
    values = msgspec.structs.asdict(settings) | {"health_check": msgspec.to_builtins(settings.health_check)}
    assignments = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, 2))
    await tx.execute(
        f"UPDATE model_apis SET {assignments}, modified_at = now() WHERE id = $1", model_api_id, *values.values()
    )


async def set_archived(tx: Transaction, model_api_id: str) -> None:
    """Takes a model API out of use, with all its versions."""
    await tx.execute("UPDATE model_apis SET archived_at = now() WHERE id = $1", model_api_id)
    await tx.execute("UPDATE model_api_versions SET is_wanted = false WHERE model_api_id = $1", model_api_id)


async def lock_model_api(tx: Transaction, model_api_id: str) -> bool:
    """Has nobody else change a model API or add versions until the transaction ends; False when it is gone."""
    return (
        await tx.value(
            "SELECT true FROM model_apis WHERE id = $1 AND archived_at IS NULL FOR UPDATE", model_api_id
        )
        is True
    )


async def touch(tx: Transaction, model_api_id: str) -> None:
    """Notes that a model API has changed, and tells whoever routes calls to it when the transaction commits."""
    await tx.execute("UPDATE model_apis SET modified_at = now() WHERE id = $1", model_api_id)
    await announce(tx, model_api_id)


async def announce(db: Executor, model_api_id: str) -> None:
    """Tells whoever routes calls that something about a model API's routes has changed, on commit.

    Runners, too: predictions may be waiting for a version that runs now.
    """
    await db.execute("SELECT pg_notify($1, $2), pg_notify('work', $1)", CHANNEL, model_api_id)


async def add_variables(tx: Transaction, model_api_id: str, sealed: dict[str, bytes]) -> None:
    """Sets environment variables of a model API."""
    await tx.execute(
        "INSERT INTO model_api_variables (model_api_id, key, sealed_value)"
        " SELECT $1, k, v FROM unnest($2::text[], $3::bytea[]) AS given (k, v)"
        " ON CONFLICT (model_api_id, key) DO UPDATE SET sealed_value = excluded.sealed_value",
        model_api_id, list(sealed), list(sealed.values()),
    )  # fmt: skip


async def put_collaborator(tx: Transaction, model_api_id: str, account_id: str, role: str) -> None:
    """Gives an account a role in a model API, or another one."""
    await tx.execute(
        "INSERT INTO model_api_collaborators (model_api_id, account_id, role) VALUES ($1, $2, $3)"
        " ON CONFLICT (model_api_id, account_id) DO UPDATE SET role = excluded.role",
        model_api_id, account_id, role,
    )  # fmt: skip
