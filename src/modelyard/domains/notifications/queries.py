"""SQL of notifications."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What one person was told."""

    id: str
    kind: str
    target_kind: str
    target_id: str
    project_id: str | None
    subject: str
    message: str
    created_at: datetime
    read_at: datetime | None


class NewNotification(msgspec.Struct, frozen=True, kw_only=True):
    """What several people are told alike."""

    kind: str
    target_kind: str
    target_id: str
    project_id: str | None
    subject: str
    message: str


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A notification that is to be mailed, and to whom."""

    id: str
    subject: str
    message: str
    created_at: datetime
    mailed: bool
    email: str | None


_COLUMNS = "id, kind, target_kind, target_id, project_id, subject, message, created_at, read_at"


async def add(tx: Transaction, ids: list[str], people: list[str], new: NewNotification) -> list[str]:
    """Tells each of these people; the ids of those notifications that are mailed, too."""
    return await tx.values(
        "WITH added AS (INSERT INTO notifications"
        " (id, account_id, kind, target_kind, target_id, project_id, subject, message)"
        " SELECT n.id, n.account_id, $3, $4, $5, $6, $7, $8 FROM unnest($1::text[], $2::text[])"
        " AS n (id, account_id) RETURNING id, account_id)"
        " SELECT a.id FROM added a JOIN users u ON u.id = a.account_id"
        " WHERE u.email <> '' AND (SELECT is_on FROM mail_delivery) ORDER BY a.id",
        ids, people, *msgspec.structs.astuple(new),
    )  # fmt: skip


async def list_of(db: Executor, account_id: str, page: Page, *, unread_only: bool) -> Listed[Notification]:
    """One page of what an account was told, newest first."""
    where = "account_id = $1 AND read_at IS NULL" if unread_only else "account_id = $1"
    rows = await db.rows(
        Notification,
        f"SELECT {_COLUMNS} FROM notifications WHERE {where} ORDER BY id DESC LIMIT $2 OFFSET $3",
        account_id, page.rows, page.offset,
    )  # fmt: skip
    return Listed(rows, await db.value(f"SELECT count(*) FROM notifications WHERE {where}", account_id))


async def find(db: Executor, account_id: str, notification_id: str) -> Notification | None:
    """The notification with this id, if this account was told it."""
    return await db.row(
        Notification,
        f"SELECT {_COLUMNS} FROM notifications WHERE account_id = $1 AND id = $2",
        account_id, notification_id,
    )  # fmt: skip


async def mark_read(tx: Transaction, notification_id: str) -> datetime:
    """Notes that a notification has been read, the first time only; when that was."""
    moment: datetime = await tx.value(
        "UPDATE notifications SET read_at = coalesce(read_at, now()) WHERE id = $1 RETURNING read_at",
        notification_id,
    )
    return moment


async def mark_all_read(tx: Transaction, account_id: str) -> int:
    """Notes that an account has read everything; how many it had not."""
    return await tx.execute(
        "UPDATE notifications SET read_at = now() WHERE account_id = $1 AND read_at IS NULL", account_id
    )


async def find_letter(db: Executor, notification_id: str) -> Letter | None:
    """What is mailed of a notification, and where to; None when the account is gone or ended."""
    return await db.row(
        Letter,
        "SELECT n.id, n.subject, n.message, n.created_at, n.mailed_at IS NOT NULL AS mailed, u.email"
        " FROM notifications n JOIN users u ON u.id = n.account_id"
        " WHERE n.id = $1 AND u.deactivated_at IS NULL",
        notification_id,
    )


async def set_mailed(tx: Transaction, notification_id: str) -> None:
    """Notes that the mail server has taken a notification."""
    await tx.execute("UPDATE notifications SET mailed_at = now() WHERE id = $1", notification_id)


async def set_mail_problem(tx: Transaction, notification_id: str, problem: str) -> None:
    """Notes why a notification is not mailed."""
    await tx.execute("UPDATE notifications SET mail_problem = $2 WHERE id = $1", notification_id, problem)


async def set_mail_delivery(tx: Transaction, is_on: bool) -> None:
    """Chooses whether notifications are mailed from now on."""
    await tx.execute("UPDATE mail_delivery SET is_on = $1 WHERE is_on <> $1", is_on)
