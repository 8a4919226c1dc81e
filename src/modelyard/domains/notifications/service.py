"""Telling people, and whether they get mail of it."""

from collections.abc import Iterable

from modelyard.domains.notifications import queries
from modelyard.domains.notifications.queries import NewNotification
from modelyard.domains.organizations import people_of
from modelyard.kit import queries as kit_queries
from modelyard.kit import work
from modelyard.kit.db import Database, Transaction
from modelyard.kit.ids import new_id

MAIL = "notifications.mail"
LONGEST_SUBJECT = 200


async def notify(
    tx: Transaction,
    account_ids: Iterable[str],
    *,
    kind: str,
    subject: str,
    message: str,
    target_kind: str,
    target_id: str,
    project_id: str | None = None,
) -> None:
    """Tells people of something, in the transaction in which it comes about; each of them once.

    An organization among the accounts is all its members. `kind` is the event's name, the target as in events.
    A subject is made one line of at most 200 characters. Who has an e-mail address gets mail, too, where a mail
    server is set.
    """
    people = await people_of(tx, list(account_ids))
    if not people:
        return
    new = NewNotification(
        kind=kind,
        target_kind=target_kind,
        target_id=target_id,
        project_id=project_id,
        subject=_one_line(subject),
        message=message,
    )
    for notification_id in await queries.add(tx, [new_id() for _ in people], people, new):
        await work.enqueue(tx, MAIL, notification_id)


async def set_mail_delivery(db: Database, *, is_on: bool) -> None:
    """Has notifications mailed from now on, or not; mail that still waits is given up when not."""
    async with db.transaction() as tx:
        await queries.set_mail_delivery(tx, is_on)
        if not is_on:
            await kit_queries.drop_work(tx, MAIL)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 3] + "..."
