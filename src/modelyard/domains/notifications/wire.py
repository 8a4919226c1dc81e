"""Shapes of notifications on the wire."""

from datetime import datetime
from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.notifications.queries import Notification
from modelyard.kit.wire import PaginatedMetadataV1, Wire, present


class NotificationSummary(Wire):
    """What the caller was told; without `readAt` while it is unread."""

    id: str
    kind: str
    subject: str
    message: str
    target_kind: str
    target_id: str
    created_at: datetime
    project_id: str | UnsetType = UNSET
    read_at: datetime | UnsetType = UNSET

    @classmethod
    def of(cls, one: Notification) -> Self:
        """A stored notification."""
        return cls(
            id=one.id,
            kind=one.kind,
            subject=one.subject,
            message=one.message,
            target_kind=one.target_kind,
            target_id=one.target_id,
            created_at=one.created_at,
            project_id=present(one.project_id),
            read_at=present(one.read_at),
        )


class Notifications(Wire):
    """A page of what the caller was told."""

    notifications: list[NotificationSummary]
    metadata: PaginatedMetadataV1


class ReadNotifications(Wire):
    """How many notifications were unread until now."""

    count: int
