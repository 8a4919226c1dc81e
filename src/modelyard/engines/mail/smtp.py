"""Mail through an SMTP server."""

import asyncio
import ssl
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

import aiosmtplib
import msgspec

from modelyard.engines.mail import Mail, MailDelayed, MailRefused, MailServerAway, is_address

SECONDS = 30.0
LONGEST_WORD = 60
LONGEST_REASON = 500


class SmtpMailer(msgspec.Struct, frozen=True, kw_only=True):
    """Sends each mail over a connection of its own; certificates are those that the system trusts."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"]
    sender: str
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """The server only: the password may not get into a log."""
        return f"SmtpMailer({self.host}:{self.port})"

    async def send(self, mail: Mail) -> None:
        """Hands one mail to the server; raises MailRefused, MailDelayed or MailServerAway when it was not taken.

        A refusal of the login or of the sender is the deployment's mistake, not the mail's.
        """
        message = composed(mail, self.sender)
        try:
            await self._hand_over(message, mail.address)
        except aiosmtplib.SMTPRecipientsRefused as refusal:
            first = refusal.recipients[0]
            raise _outcome(first.code, first.message) from None
        except aiosmtplib.SMTPDataError as refusal:
            raise _outcome(refusal.code, refusal.message) from None
        except aiosmtplib.SMTPNotSupported as lack:
            # An address that is not ASCII, which this server cannot reach; a lack of STARTTLS is another matter.
            if mail.address.isascii():
                raise MailServerAway(str(lack.message)) from None
            raise MailRefused(f"The mail server cannot reach such an address: {lack.message}") from None
        except aiosmtplib.SMTPResponseException as refusal:
            raise MailServerAway(f"The mail server answered {refusal.code}: {_brief(refusal.message)}") from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as trouble:
            raise MailServerAway(f"The mail server cannot be reached: {_brief(str(trouble))}") from None

    async def _hand_over(self, message: EmailMessage, address: str) -> None:
        secure = self.security != "none"
        context = await asyncio.to_thread(ssl.create_default_context) if secure else None
        await aiosmtplib.send(
            message,
            sender=self.sender,
            recipients=[address],
            hostname=self.host,
            port=self.port,
            username=self.user or None,
            password=self.password or None,
            timeout=SECONDS,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=context,
        )


def composed(mail: Mail, sender: str) -> EmailMessage:
    """A mail as it is sent: plain text; raises MailRefused for an address that none can be sent to.

    No field can have lines of its own, so nothing in it becomes a header.
    """
    if not is_address(mail.address):
        raise MailRefused("The e-mail address of the account is not one that mail can be sent to.")
    message = EmailMessage()
    message["From"] = Address("Modelyard", *_parts(sender))
    try:
        message["To"] = Address("", *_parts(mail.address))
    except (ValueError, MessageError):
        raise MailRefused("The e-mail address of the account is not one that mail can be sent to.") from None
    message.set_raw("Subject", _folded(_line(mail.subject)))
    message["Date"] = format_datetime(mail.written_at)
    # The same whenever it is sent: who gets it twice can tell.
    message["Message-ID"] = f"<{mail.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(mail.text.splitlines()) + "\n", cte="quoted-printable")
    return message


def _folded(subject: str) -> str:
    """A subject on lines of the length that mail has.

    Left to itself, EmailMessage loses blanks between words that are not ASCII.
    """
    plain = subject.isascii() and "=?" not in subject and all(len(one) < LONGEST_WORD for one in subject.split())
    return Header(subject, None if plain else "utf-8", header_name="Subject").encode()


def _parts(address: str) -> tuple[str, str]:
    local, _, domain = address.rpartition("@")
    return local, domain


def _outcome(code: int, message: str) -> MailRefused | MailDelayed:
    """What a server's answer on one mail means: 4xx is for now, 5xx for ever."""
    kind = MailRefused if 500 <= code < 600 else MailDelayed
    return kind(f"The mail server answered {code}: {_brief(message)}")


def _brief(said: str) -> str:
    """What a server said, as much of it as is worth keeping."""
    return _line(said)[:LONGEST_REASON]


def _line(text: str) -> str:
    """A text on one line, without characters that are not seen."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
