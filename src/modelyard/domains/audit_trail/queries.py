"""SQL of the audit trail: events by every filter, with the names that their objects have now."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor
from modelyard.kit.paging import Listed, Page

# The actor's id of events that no account caused.
PLATFORM = "modelyard"

# Where the name of an object stands, by the kind that events give; an object of another kind has no name.
_NAMES = {
    "project": ("projects", "name"),
    "user": ("users", "user_name"),
    "organization": ("users", "user_name"),
    "repository": ("code_repositories", "name"),
    "job": ("jobs", "'#' || number"),
    "environment": ("environments", "name"),
    "hardwareTier": ("hardware_tiers", "name"),
    "dataset": ("datasets", "name"),
    "experiment": ("experiments", "name"),
    "modelReview": (
        "model_reviews",
        "(SELECT m.name FROM registered_models m WHERE m.id = model_id) || ' ' || version",
    ),
    "notification": ("notifications", "subject"),
    "goal": ("project_goals", "title"),
    "registeredModel": ("registered_models", "name"),
    "modelApi": ("model_apis", "name"),
}


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are asked for; what is None does not matter. Times are epoch milliseconds, inclusive."""

    page: Page
    oldest_first: bool = False
    start: int | None = None
    end: int | None = None
    actor_id: str | None = None
    actor_name: str | None = None
    action: str | None = None
    target_kind: str | None = None
    target_id: str | None = None
    target_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event, and what its objects are called now; None for those that are gone."""

    at: datetime
    actor_id: str | None
    actor_name: str
    action: str
    target_kind: str
    target_id: str
    target_name: str | None
    project_id: str | None
    project_name: str | None
    run_id: str | None
    run_name: str | None
    details: dict[str, object]
    remote_address: str | None
    request_id: str | None


def _named(kind: str, id: str) -> str:
    table, name = _NAMES[kind]
    return f"(SELECT {name} FROM {table} WHERE id = {id})"


_TARGET_NAME = " ".join(f"WHEN '{kind}' THEN {_named(kind, 'e.target_id')}" for kind in _NAMES)
_SELECT = (
    "SELECT e.at, e.actor_id, e.actor_name, e.action, e.target_kind, e.target_id, e.project_id, e.run_id,"
    " e.details, e.remote_address, e.request_id,"
    f" CASE e.target_kind {_TARGET_NAME} END AS target_name,"
    f" {_named('project', 'e.project_id')} AS project_name, {_named('job', 'e.run_id')} AS run_name"
)
_OBJECTS_NAMED = " UNION ALL ".join(
    f"SELECT '{kind}', id FROM {table} WHERE {name} = {{0}}" for kind, (table, name) in _NAMES.items()
)
# Each condition can be answered by an index of its own, ordered by time.
_CONDITIONS = {
    "start": "e.at >= to_timestamp({0}::float8 / 1000)",
    "end": "e.at < to_timestamp(({0}::float8 + 1) / 1000)",
    "actor_id": f"coalesce(e.actor_id, '{PLATFORM}') = {{0}}",
    "actor_name": "e.actor_name = {0}",
    "action": "e.action = {0}",
    "target_kind": "e.target_kind = {0}",
    "target_id": "e.target_id = {0}",
    "target_name": f"(e.target_kind, e.target_id) IN ({_OBJECTS_NAMED})",
    "project_id": "e.project_id = {0}",
    "project_name": "e.project_id IN (SELECT id FROM projects WHERE name = {0})",
}


async def list_events(db: Executor, wanted: EventFilter) -> Listed[Event]:
    """One page of the events that are asked for."""
    given = {name: value for name in _CONDITIONS if (value := getattr(wanted, name)) is not None}
    conditions = [_CONDITIONS[name].format(f"${number}") for number, name in enumerate(given, 1)]
    matching = f"FROM events e WHERE {' AND '.join(conditions)}" if conditions else "FROM events e"
    order = "ORDER BY e.at, e.id" if wanted.oldest_first else "ORDER BY e.at DESC, e.id DESC"
    window = f"LIMIT ${len(given) + 1} OFFSET ${len(given) + 2}"
    rows = await db.rows(
        Event,
        f"{_SELECT} FROM (SELECT e.* {matching} {order} {window}) e {order}",
        *given.values(), wanted.page.rows, wanted.page.offset,
    )  # fmt: skip
    return Listed(rows, await db.value(f"SELECT count(*) {matching}", *given.values()))
