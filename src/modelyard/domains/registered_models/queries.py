"""SQL of registered models, and the rule by which people see them."""

from datetime import datetime
from typing import TypeVar

import asyncpg
import msgspec

from modelyard.domains.projects import KNOWN_TO_CALLER, PROJECTS_OF_CALLER, Project, projects_with
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed
from modelyard.kit.search_syntax import Key, Searchable, condition, ordering, search_box

PROMPT = "mlflow.prompt.is_prompt"


class VersionMetric(msgspec.Struct, frozen=True):
    """The last value of a metric of the run that a version was made from; `timestamp` in epoch milliseconds."""

    key: str
    value: float
    timestamp: int


class VersionParam(msgspec.Struct, frozen=True):
    """A parameter of the run that a version was made from."""

    key: str
    value: str


class RegisteredModel(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model as one caller sees it, with its project as that caller sees it.

    `latest_version` is the highest number there is, None without versions; `aliases` are versions by name.
    """

    id: str
    name: str
    description: str
    discoverable: bool
    tags: dict[str, str]
    owner_id: str
    owner_name: str
    created_at: datetime
    updated_at: datetime
    latest_version: int | None
    aliases: dict[str, int]
    project: Project

    @property
    def rights(self) -> frozenset[Right]:
        """What the caller may do with this model: what it may do in its project."""
        return self.project.rights

    @property
    def is_prompt(self) -> bool:
        """Whether this is a prompt of MLflow, which keeps prompts as models."""
        return self.tags.get(PROMPT, "").lower() == "true"


class NewModel(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a model when it is made."""

    id: str
    name: str
    project_id: str
    owner_id: str
    description: str
    discoverable: bool
    tags: dict[str, str]


class ModelFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the models that somebody sees are asked for.

    `search` is a filter or plain words, `filter` a filter alone. Those that are only discoverable are left out
    unless `with_discoverable`. One row more than `limit` is read, to know of the next page.
    """

    offset: int
    limit: int
    project_id: str | None = None
    search: str | None = None
    filter: str | None = None
    order_by: str | list[str] | None = None
    with_discoverable: bool = True


M = TypeVar("M", bound=RegisteredModel)

SEARCHABLE = Searchable(
    keys={
        "name": Key("m.name"),
        "creation_timestamp": Key("m.created_at", "time", ("creation_time", "created_at", "createdAt")),
        "last_updated_timestamp": Key(
            "m.updated_at",
            "time",
            ("timestamp", "last_updated_time", "last_update_time", "updated_at", "updatedAt"),
        ),
    },
    tags="m.tags",
    tag_defaults={PROMPT: "false"},
)

# $1 is the caller's account, $2 whether it administers the platform. A model is visible to those who see its
# project, and to everybody when it is discoverable.
MODEL = """
m.id, m.name, m.description, m.discoverable, m.tags, m.owner_id, u.user_name AS owner_name, m.created_at,
    m.updated_at, (SELECT max(v.version) FROM model_versions v WHERE v.model_id = m.id) AS latest_version,
    (SELECT coalesce(jsonb_object_agg(a.alias, a.version), '{}')
        FROM model_aliases a WHERE a.model_id = m.id) AS aliases,
    to_jsonb(p) AS project"""
OF_CALLER = f"""
FROM registered_models m JOIN users u ON u.id = m.owner_id JOIN ({PROJECTS_OF_CALLER}) p ON p.id = m.project_id
WHERE (m.discoverable OR {KNOWN_TO_CALLER})"""

_DISCOVERABLE = "(m.discoverable AND (SELECT p.archived_at IS NULL FROM projects p WHERE p.id = m.project_id))"


async def find_visible(db: Executor, caller: Caller, name: str) -> RegisteredModel | None:
    """The model with this name, if the caller may know of it."""
    found = await db.value(
        f"SELECT to_jsonb(m) FROM (SELECT {MODEL} {OF_CALLER} AND m.name = $3) m", caller.id, caller.is_admin, name
    )
    return None if found is None else msgspec.convert(found, RegisteredModel)


def asked(caller: Caller, wanted: ModelFilter) -> tuple[str, list[object]]:
    """Where the models stand that are asked for, as SQL that names them `m`, and its arguments from $3."""
    readable = f"m.project_id IN ({projects_with(caller, Right.VIEW_JOBS)})"
    seen = f"({readable} OR {_DISCOVERABLE})" if wanted.with_discoverable else readable
    by_filter = condition(wanted.filter, SEARCHABLE, 4)
    by_search = search_box(wanted.search, SEARCHABLE, first=4 + len(by_filter.arguments))
    prompts = f" AND coalesce(m.tags ->> '{PROMPT}', 'false') <> 'true'"
    return (
        f"FROM registered_models m WHERE {seen} AND ($3::text IS NULL OR m.project_id = $3)"
        f" AND {by_filter.sql} AND {by_search.sql}{'' if PROMPT in by_filter.tags | by_search.tags else prompts}",
        [wanted.project_id, *by_filter.arguments, *by_search.arguments],
    )


async def list_visible(
    db: Executor, caller: Caller, wanted: ModelFilter, shape: type[M], more: str = ""
) -> list[M]:
    """One page of the models that the caller may know of and that are asked for, and one more if there is one.

    `more` are the columns that `shape` has and RegisteredModel has not. By name unless asked otherwise; raises
    BadRequest for a filter or order that cannot be read.
    """
    found, arguments = asked(caller, wanted)
    by = ordering(wanted.order_by, SEARCHABLE, "m.name")
    window = f"SELECT m.id {found} ORDER BY {by} LIMIT ${len(arguments) + 3} OFFSET ${len(arguments) + 4}"
    rows = await db.values(
        f"SELECT to_jsonb(m) FROM (SELECT {MODEL}{more} {OF_CALLER} AND m.id = ANY(ARRAY({window}))) m"
        f" ORDER BY {by}",
        caller.id, caller.is_admin, *arguments, wanted.limit + 1, wanted.offset,
    )  # fmt: skip
    return msgspec.convert(rows, list[shape])  # type: ignore[valid-type]


class ModelForUI(RegisteredModel, frozen=True, kw_only=True):
    """A model with the metrics of its latest version."""

    latest_metrics: list[VersionMetric] | None


async def list_for_ui(db: Executor, caller: Caller, wanted: ModelFilter) -> list[ModelForUI]:
    """As `list_visible`, with the metrics of the latest versions."""
    metrics = """, (SELECT v.metrics FROM model_versions v WHERE v.model_id = m.id
        ORDER BY v.version DESC LIMIT 1) AS latest_metrics"""
    return await list_visible(db, caller, wanted, ModelForUI, metrics)


async def list_names(db: Executor, caller: Caller, wanted: ModelFilter) -> Listed[str]:
    """One page of the names of the models that the caller may know of, and how many there are."""
    found, arguments = asked(caller, wanted)
    # In one answer, so that the total stands beside an empty window, too.
    total, names = await db.value(
        f"SELECT jsonb_build_array((SELECT count(*) {found}), ARRAY(SELECT m.name {found} ORDER BY m.name"
        f" LIMIT ${len(arguments) + 3} OFFSET ${len(arguments) + 4}))",
        caller.id, caller.is_admin, *arguments, wanted.limit, wanted.offset,
    )  # fmt: skip
    return Listed(rows=names, total=total)


async def find_project_or_model_of(db: Executor, caller: Caller, project_id: str) -> Project | None:
    """The live project with this id, if the caller may know of it or of a discoverable model in it."""
    return await db.row(
        Project,
        f"SELECT p.* FROM ({PROJECTS_OF_CALLER}) p WHERE p.id = $3 AND ({KNOWN_TO_CALLER} OR EXISTS"
        " (SELECT FROM registered_models m WHERE m.project_id = p.id AND m.discoverable))",
        caller.id, caller.is_admin, project_id,
    )  # fmt: skip


async def add_model(tx: Transaction, new: NewModel) -> bool:
    """Adds a model; False when there is one of that name."""
    values = msgspec.structs.asdict(new)
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    added = await tx.execute(
        f"INSERT INTO registered_models ({', '.join(values)}) VALUES ({marks}) ON CONFLICT (name) DO NOTHING",
        *values.values(),
    )
    return added == 1


async def lock_model(tx: Transaction, model_id: str) -> bool:
    """Has nobody else change a model or add versions until the transaction ends; False when it is gone."""
    return await tx.value("SELECT true FROM registered_models WHERE id = $1 FOR UPDATE", model_id) is True


async def describe_model(tx: Transaction, model_id: str, description: str, discoverable: bool) -> None:
    """Replaces the words about a model, and who sees it."""
    await tx.execute(
        "UPDATE registered_models SET description = $2, discoverable = $3, updated_at = now() WHERE id = $1",
        model_id, description, discoverable,
    )  # fmt: skip


async def rename_model(tx: Transaction, model_id: str, name: str) -> bool:
    """Gives a model another name.

    False when there is one of that name; the transaction can then only be given up.
    """
    try:
        await tx.execute(
            "UPDATE registered_models SET name = $2, updated_at = now() WHERE id = $1", model_id, name
        )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def touch_model(tx: Transaction, model_id: str) -> None:
    """Notes that something about a model has changed."""
    await tx.execute("UPDATE registered_models SET updated_at = now() WHERE id = $1", model_id)


async def delete_model(tx: Transaction, model_id: str) -> bool:
    """Removes a model with its versions; False when it was gone already."""
    return await tx.execute("DELETE FROM registered_models WHERE id = $1", model_id) == 1


async def put_tag(tx: Transaction, model_id: str, key: str, value: str) -> None:
    """Sets a tag of a model."""
    await tx.execute(
        "UPDATE registered_models SET tags = tags || jsonb_build_object($2::text, $3::text) WHERE id = $1",
        model_id, key, value,
    )  # fmt: skip


async def remove_tag(tx: Transaction, model_id: str, key: str) -> None:
    """Removes a tag of a model, if it has it."""
    await tx.execute("UPDATE registered_models SET tags = tags - $2::text WHERE id = $1", model_id, key)
