"""Reply structs of the audit trail, named as in the contract."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.kit.wire import Wire

Column = Literal[
    "after_value",
    "before_value",
    "dataset_name",
    "date_time",
    "electronically_signed",
    "environment",
    "event",
    "feature_flag",
    "file_name",
    "first_name",
    "jobs",
    "last_name",
    "project_name",
    "reason_for_change",
    "reason_for_change_additional_info",
    "target_name",
    "target_user",
    "user_name",
    "workspace",
]


class Entity(Wire):
    """An object that an event speaks of; without a name when it is gone."""

    entity_type: str
    id: str
    tags: list[str] = msgspec.field(default_factory=list)
    name: str | UnsetType = UNSET


class Actor(Wire):
    """Who did it: an account, or the platform itself."""

    id: str
    name: str


class Action(Wire):
    """What was done, in which request, and by which run in the actor's name."""

    event_name: str
    using: list[Entity]
    trace_id: str | UnsetType = UNSET


class ScalarFieldStateChange(Wire):
    """A field that has another value now."""

    field_name: str
    before: str
    after: str
    field_type: Literal["scalar"] = "scalar"


class Target(Wire):
    """The object that was changed, and what of it."""

    entity: Entity
    field_changes: list[ScalarFieldStateChange]


class AuditEvent(Wire):
    """One event; `timestamp` is in milliseconds since 1970."""

    timestamp: int
    actor: Actor
    action: Action
    targets: list[Target]
    affecting: list[Entity]
    metadata: dict[str, str]
    in_: Entity | UnsetType = msgspec.field(name="in", default=UNSET)


class AuditEventsResponse(Wire):
    """One page of events, and how many there are in all."""

    events: list[AuditEvent]
    total: int
