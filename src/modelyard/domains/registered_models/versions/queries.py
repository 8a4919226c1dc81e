"""SQL of model versions and their aliases."""

from datetime import datetime

import msgspec

from modelyard.domains.datasets import snapshots_seen_by
from modelyard.domains.projects import projects_with
from modelyard.domains.registered_models.queries import (
    MODEL,
    OF_CALLER,
    PROMPT,
    RegisteredModel,
    VersionMetric,
    VersionParam,
)
from modelyard.domains.registered_models.reviews.queries import Review, latest_review
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Page
from modelyard.kit.search_syntax import Key, Searchable, condition, ordering

FIRST_STAGE = "None"


class StoredVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a registered model.

    Without a `run_id` when it is not made from a run; then without `experiment_id`, too. `job_id` is the job that
    logged the run, `storage_location` where the files are in the artifact store.
    """

    version: int
    description: str
    owner_id: str
    owner_name: str
    run_id: str | None
    experiment_id: str | None
    job_id: str | None
    source: str
    storage_location: str
    logged_model_id: str | None
    run_link: str
    stage: str
    tags: dict[str, str]
    aliases: list[str]
    metrics: list[VersionMetric]
    params: list[VersionParam]
    created_at: datetime
    updated_at: datetime


class SeenSnapshot(msgspec.Struct, frozen=True):
    """A snapshot of a dataset that the job of a run saw, and that the caller may see."""

    dataset_id: str
    dataset_name: str
    snapshot_id: str


class ModelVersion(StoredVersion, frozen=True, kw_only=True):
    """A version, and its model as the caller sees it.

    `snapshots` and the newest `review` are read of single versions only.
    """

    model: RegisteredModel
    snapshots: list[SeenSnapshot] = []
    review: Review | None = None


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a version when it is made."""

    model_id: str
    version: int
    description: str
    owner_id: str
    run_id: str | None
    source: str
    storage_location: str
    logged_model_id: str | None
    run_link: str
    tags: dict[str, str]
    metrics: list[VersionMetric]
    params: list[VersionParam]


class VersionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions of all models are asked for; one row more than `limit` is read, to know of the next page."""

    offset: int
    limit: int
    filter: str | None
    order_by: list[str]


SEARCHABLE = Searchable(
    keys={
        "name": Key("m.name"),
        "version_number": Key("v.version", "number", ("version",)),
        "run_id": Key("coalesce(v.run_id, '')"),
        "source_path": Key("v.source", aliases=("source",)),
        "creation_timestamp": Key("v.created_at", "time", ("creation_time",)),
        "last_updated_timestamp": Key(
            "v.updated_at", "time", ("timestamp", "last_updated_time", "last_update_time")
        ),
    },
    tags="v.tags",
    tag_defaults={PROMPT: "false"},
)

VERSION = """
SELECT v.model_id, v.version, v.description, v.owner_id, o.user_name AS owner_name, v.run_id, r.experiment_id,
    r.job_id, v.source, v.storage_location, v.logged_model_id, v.run_link, v.stage, v.tags, v.metrics, v.params,
    v.created_at, v.updated_at, ARRAY(SELECT a.alias FROM model_aliases a
        WHERE a.model_id = v.model_id AND a.version = v.version ORDER BY a.alias) AS aliases
FROM model_versions v JOIN users o ON o.id = v.owner_id LEFT JOIN experiment_runs r ON r.id = v.run_id"""


class Found(msgspec.Struct, frozen=True):
    """A model and the version that was looked for, if the model has it."""

    model: RegisteredModel
    version: ModelVersion | None


async def _find(db: Executor, caller: Caller, name: str, which: str, argument: object) -> Found | None:
    """The model with this name, if the caller may know of it, with the version that `which` and $4 name."""
    beside = f"{snapshots_seen_by('v.job_id')} AS snapshots, {latest_review('v.model_id', 'v.version')} AS review"
    version = f"SELECT v.*, {beside} FROM ({VERSION} WHERE {which}) v"
    found = await db.value(
        f"SELECT jsonb_build_object('model', to_jsonb(m), 'version', to_jsonb(v)) FROM"
        f" (SELECT {MODEL} {OF_CALLER} AND m.name = $3) m LEFT JOIN LATERAL ({version}) v ON true",
        caller.id, caller.is_admin, name, argument,
    )  # fmt: skip
    if found is None:
        return None
    if found["version"]:
        found["version"]["model"] = found["model"]
    return msgspec.convert(found, Found)


async def find_version(db: Executor, caller: Caller, name: str, version: int) -> Found | None:
    """A model by its name, if the caller may know of it, with one of its versions by its number."""
    return await _find(db, caller, name, "v.model_id = m.id AND v.version = $4::bigint", version)


async def find_by_alias(db: Executor, caller: Caller, name: str, alias: str) -> Found | None:
    """As `find_version`, by an alias; `latest` is the highest number there is."""
    if alias.lower() == "latest":
        which = "v.model_id = m.id AND $4::text IS NOT NULL AND v.version = m.latest_version"
    else:
        which = (
            "v.model_id = m.id AND v.version = (SELECT a.version FROM model_aliases a"
            " WHERE a.model_id = m.id AND a.alias = $4::text)"
        )
    return await _find(db, caller, name, which, alias)


class ListedVersions(msgspec.Struct, frozen=True):
    """A model, one page of its versions and the number of all of them."""

    page: Page
    model: RegisteredModel
    rows: list[StoredVersion]
    total: int


async def list_of_model(db: Executor, caller: Caller, name: str, page: Page) -> ListedVersions | None:
    """The model with this name, if the caller may know of it, with a page of its versions, newest first."""
    window = f"{VERSION} WHERE v.model_id = m.id ORDER BY v.version DESC LIMIT $4 OFFSET $5"
    found = await db.value(
        "SELECT jsonb_build_object('model', to_jsonb(m), 'rows', ARRAY(SELECT to_jsonb(v) FROM"
        f" ({window}) v ORDER BY v.version DESC), 'total', (SELECT count(*) FROM model_versions v"
        f" WHERE v.model_id = m.id)) FROM (SELECT {MODEL} {OF_CALLER} AND m.name = $3) m",
        caller.id, caller.is_admin, name, page.rows, page.offset,
    )  # fmt: skip
    return None if found is None else msgspec.convert({**found, "page": page}, ListedVersions)


class NamedVersion(StoredVersion, frozen=True, kw_only=True):
    """A version, and the name of its model."""

    name: str


async def search_versions(db: Executor, caller: Caller, wanted: VersionFilter) -> list[NamedVersion]:
    """The versions that are asked for, of the models whose projects the caller may look into.

    Raises BadRequest for a filter or order that cannot be read.
    """
    asked = condition(wanted.filter, SEARCHABLE, 5)
    prompts = "" if PROMPT in asked.tags else f" AND coalesce(v.tags ->> '{PROMPT}', 'false') <> 'true'"
    order = wanted.order_by or ["last_updated_timestamp DESC"]
    by = ordering(order, SEARCHABLE, "m.name", "v.version DESC")
    # The window is cut from keys alone: what else is read of a version is not read of those before the window.
    window = (
        "SELECT v.model_id, v.version FROM model_versions v JOIN registered_models m ON m.id = v.model_id"
        f" WHERE m.project_id IN ({projects_with(caller, Right.VIEW_JOBS)}) AND {asked.sql}{prompts}"
        f" ORDER BY {by} LIMIT $3 OFFSET $4"
    )
    rows = await db.values(
        f"SELECT to_jsonb(v) || jsonb_build_object('name', m.name) FROM ({window}) w JOIN ({VERSION}) v"
        " ON v.model_id = w.model_id AND v.version = w.version JOIN registered_models m ON m.id = w.model_id"
        f" ORDER BY {by}",
        caller.id, caller.is_admin, wanted.limit + 1, wanted.offset, *asked.arguments,
    )  # fmt: skip
    return msgspec.convert(rows, list[NamedVersion])


async def add_version(tx: Transaction, new: NewVersion) -> None:
    """Adds a version under a number that `next_version` gave."""
    values = msgspec.structs.asdict(new)
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    await tx.execute(f"INSERT INTO model_versions ({', '.join(values)}) VALUES ({marks})", *values.values())


async def next_version(tx: Transaction, model_id: str) -> int | None:
    """The number of a model's next version; None when the model is gone.

    Others that want one wait until the transaction ends, so that numbers have no gaps.
    """
    number: int | None = await tx.value(
        "UPDATE registered_models SET last_version = last_version + 1, updated_at = now() WHERE id = $1"
        " RETURNING last_version",
        model_id,
    )
    return number


async def describe_version(tx: Transaction, model_id: str, version: int, description: str) -> None:
    """Replaces the words about a version."""
    await tx.execute(
        "UPDATE model_versions SET description = $3, updated_at = now() WHERE model_id = $1 AND version = $2",
        model_id, version, description,
    )  # fmt: skip


async def delete_version(tx: Transaction, model_id: str, version: int) -> bool:
    """Removes a version with its aliases; False when it was gone already."""
    deleted = await tx.execute(
        "DELETE FROM model_versions WHERE model_id = $1 AND version = $2", model_id, version
    )
    return deleted == 1


async def put_tag(tx: Transaction, model_id: str, version: int, key: str, value: str) -> None:
    """Sets a tag of a version."""
    await tx.execute(
        "UPDATE model_versions SET tags = tags || jsonb_build_object($3::text, $4::text)"
        " WHERE model_id = $1 AND version = $2",
        model_id, version, key, value,
    )  # fmt: skip


async def remove_tag(tx: Transaction, model_id: str, version: int, key: str) -> None:
    """Removes a tag of a version, if it has it."""
    await tx.execute(
        "UPDATE model_versions SET tags = tags - $3::text WHERE model_id = $1 AND version = $2",
        model_id, version, key,
    )  # fmt: skip


async def is_there(db: Executor, model_id: str, version: int) -> bool:
    """Whether a model has a version."""
    found = await db.value(
        "SELECT true FROM model_versions WHERE model_id = $1 AND version = $2", model_id, version
    )
    return found is True


async def location_of(db: Executor, model_id: str, version: int) -> str | None:
    """Where the files of a version are in the artifact store, for those who have been let to use it."""
    location: str | None = await db.value(
        "SELECT storage_location FROM model_versions WHERE model_id = $1 AND version = $2", model_id, version
    )
    return location


async def put_alias(tx: Transaction, model_id: str, alias: str, version: int) -> None:
    """Points an alias of a model at a version."""
    await tx.execute(
        "INSERT INTO model_aliases (model_id, alias, version) VALUES ($1, $2, $3)"
        " ON CONFLICT (model_id, alias) DO UPDATE SET version = excluded.version",
        model_id, alias, version,
    )  # fmt: skip


async def remove_alias(tx: Transaction, model_id: str, alias: str) -> bool:
    """Removes an alias of a model; False when it has no such alias."""
    return await tx.execute("DELETE FROM model_aliases WHERE model_id = $1 AND alias = $2", model_id, alias) == 1


async def set_run_values(
    db: Executor, run_id: str, metrics: list[VersionMetric], params: list[VersionParam]
) -> None:
    """Gives the versions made from a run the run's last metrics and its parameters."""
    await db.execute(
        "UPDATE model_versions SET metrics = $2, params = $3 WHERE run_id = $1", run_id, metrics, params
    )
