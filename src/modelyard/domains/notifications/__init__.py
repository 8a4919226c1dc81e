"""Notifications: what people are told of, in a feed of their own and, where a mail server is set, by mail."""

from modelyard.domains.notifications.service import notify, set_mail_delivery
from modelyard.domains.notifications.work import mail_kinds

__all__ = ["mail_kinds", "notify", "set_mail_delivery"]
