"""Events: who did what to which object, when and from where; rows in the transaction of the change."""

from typing import Protocol

from modelyard.kit import context, queries
from modelyard.kit.db import Transaction
from modelyard.kit.ids import new_id


class Actor(Protocol):
    """Whoever does something: a person, or a run in a person's name."""

    @property
    def id(self) -> str:
        """The account's id."""
        ...

    @property
    def user_name(self) -> str:
        """The account's name at that moment."""
        ...


async def record(
    tx: Transaction,
    actor: Actor | None,
    action: str,
    target_kind: str,
    target_id: str,
    *,
    project_id: str | None = None,
    **details: object,
) -> None:
    """Adds an event: `action` in the past tense (`project.archived`), `details` as JSON.

    An `actor` of None is the platform itself; of a run that acts for a person, the run is noted too. Where
    earlier values are known, `before` has them by the names of the details that replaced them. Nothing secret
    belongs into an event.
    """
    await queries.add_event(
        tx,
        id=new_id(),
        actor_id=actor.id if actor else None,
        actor_name=actor.user_name if actor else "modelyard",
        action=action,
        target_kind=target_kind,
        target_id=target_id,
        project_id=project_id,
        run_id=getattr(actor, "run_id", None),
        details=details,
        remote_address=context.remote_address.get() or None,
        request_id=context.request_id.get() or None,
    )
