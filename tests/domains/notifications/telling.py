"""Sentences about who is told what."""

from typing import Any

from modelyard.domains.notifications import notify
from modelyard.kit.db import Database
from tests.client import Person

FEED = "/v4/notifications"


async def tell(db: Database, *people: Person | str, subject: str = "News", message: str = "It is so.") -> None:
    """Tells people, or organizations by their ids, of something."""
    ids = [one if isinstance(one, str) else one.id for one in people]
    async with db.transaction() as tx:
        await notify(
            tx, ids, kind="thing.happened", subject=subject, message=message, target_kind="thing", target_id="t1"
        )


async def told(person: Person, **params: Any) -> list[str]:
    """The subjects in somebody's feed, newest first."""
    return [one["subject"] for one in (await person.get(FEED, **params))["notifications"]]
