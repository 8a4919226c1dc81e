"""Private routes by which people read what they were told."""

import msgspec

from modelyard.domains.notifications import queries
from modelyard.domains.notifications.access import own_notification
from modelyard.domains.notifications.queries import Notification
from modelyard.domains.notifications.wire import Notifications, NotificationSummary, ReadNotifications
from modelyard.domains.users import Caller, authenticated
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged

TAG = "Notifications (private)"


@operation("GET", "/v4/notifications", guard=authenticated, tag=TAG)
async def list_notifications(caller: Caller, db: Database, page: Page, unreadOnly: bool = False) -> Notifications:
    """What the caller was told, newest first."""
    found = await queries.list_of(db, caller.id, page, unread_only=unreadOnly)
    return Notifications(
        notifications=[NotificationSummary.of(one) for one in found.rows], metadata=paged(page, found.total)
    )


@operation("POST", "/v4/notifications/{notificationId:str}/read", guard=own_notification, tag=TAG)
async def read_notification(notification: Notification, tx: Transaction) -> NotificationSummary:
    """Note that the caller has read a notification."""
    read_at = await queries.mark_read(tx, notification.id)
    return NotificationSummary.of(msgspec.structs.replace(notification, read_at=read_at))


@operation("POST", "/v4/notifications/readAll", guard=authenticated, tag=TAG)
async def read_all_notifications(caller: Caller, tx: Transaction) -> ReadNotifications:
    """Note that the caller has read everything."""
    return ReadNotifications(count=await queries.mark_all_read(tx, caller.id))
