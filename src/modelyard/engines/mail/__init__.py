"""Mail: one text to one person, handed to whatever brings it there."""

import re
from datetime import datetime
from typing import Protocol

import msgspec

# Nothing that could end an address in a command to a mail server, or in a header.
_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f<>()\[\]\\,;:\"@]+@[^\s\x00-\x20\x7f<>()\\,;\"@]+")


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail. Mails with the same `id` are the same mail, also when it is sent twice."""

    id: str
    address: str
    subject: str
    text: str
    written_at: datetime


class MailRefused(Exception):
    """A mail that will never be taken; the message says why, for administrators."""


class MailDelayed(Exception):
    """A mail that was not taken now, and may be later; the message says why, for administrators."""


class MailServerAway(MailDelayed):
    """No mail is taken for the moment; the message says why, for administrators."""


class Mailer(Protocol):
    """Something that takes mail."""

    async def send(self, mail: Mail) -> None:
        """Hands over one mail; raises MailRefused, MailDelayed or MailServerAway when it was not taken."""
        ...


def is_address(text: str) -> bool:
    """Whether a text is one plain e-mail address that mail can be sent to."""
    return len(text) <= 320 and _ADDRESS.fullmatch(text) is not None
