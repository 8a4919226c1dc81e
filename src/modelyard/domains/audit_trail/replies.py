"""Events as the contract shows them."""

from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import UNSET

from modelyard.domains.audit_trail.queries import PLATFORM, Event
from modelyard.domains.audit_trail.wire import Action, Actor, AuditEvent, Entity, ScalarFieldStateChange, Target
from modelyard.kit.wire import present

BEFORE = "before"

_EPOCH = datetime.fromtimestamp(0, UTC)


def audit_event(event: Event) -> AuditEvent:
    """An event with what it changed; all its details, and the address it came from, are its metadata."""
    project = _entity("project", event.project_id, event.project_name) if event.project_id else UNSET
    using = [_entity("job", event.run_id, event.run_name)] if event.run_id else []
    details = event.details | {"remoteAddress": event.remote_address}
    return AuditEvent(
        timestamp=(event.at - _EPOCH) // timedelta(milliseconds=1),
        actor=Actor(id=event.actor_id or PLATFORM, name=event.actor_name),
        action=Action(event_name=event.action, using=using, trace_id=present(event.request_id)),
        targets=[
            Target(
                entity=_entity(event.target_kind, event.target_id, event.target_name),
                field_changes=field_changes(event.details),
            )
        ],
        affecting=[],
        metadata={name: _text(value) for name, value in details.items() if value is not None},
        in_=project,
    )


def field_changes(details: dict[str, object]) -> list[ScalarFieldStateChange]:
    """The details whose earlier value is known, as changes.

    The detail `before` is an object of earlier values by the names of the details that replaced them; any
    other value is the earlier one of the only detail beside it. What is as before is no change.
    """
    after = {name: value for name, value in details.items() if name != BEFORE}
    before = details.get(BEFORE)
    if before is None:
        return []
    if not isinstance(before, dict):
        before = dict.fromkeys(after, before) if len(after) == 1 else {}
    return [
        ScalarFieldStateChange(field_name=name, before=_text(old), after=_text(after[name]))
        for name, old in before.items()
        if name in after and after[name] != old
    ]


def _entity(kind: str, id: str, name: str | None) -> Entity:
    return Entity(entity_type=kind, id=id, name=present(name))


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
