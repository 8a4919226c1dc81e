"""Mailing notifications, as durable work of a runner."""

from datetime import UTC, datetime, timedelta

import structlog

from modelyard.domains.notifications import queries
from modelyard.domains.notifications.queries import Letter
from modelyard.domains.notifications.service import MAIL
from modelyard.engines.mail import Mail, MailDelayed, Mailer, MailRefused, MailServerAway
from modelyard.kit import events
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Database
from modelyard.kit.work import Kind, Lease, applying, oldest_first

log = structlog.get_logger()

AT_ONCE = 4
LONGEST_PAUSE_SECONDS = 900.0
# As long as mail servers themselves try.
GIVEN_UP_AFTER = timedelta(days=5)


def mail_kinds(db: Database, mailer: Mailer | None) -> list[Kind]:
    """The kind of work that mails notifications; none without something that takes mail."""
    return [oldest_first(db, MAIL, AT_ONCE, lambda lease: _mail(db, mailer, lease))] if mailer else []


async def _mail(db: Database, mailer: Mailer, lease: Lease) -> None:
    """Mails one notification. What a server has taken is not sent again, unless nobody was left to note it."""
    letter = await queries.find_letter(db, lease.subject_id)
    if letter is None or letter.mailed or not letter.email:
        async with applying(db, lease, finish=True):
            return
    try:
        await mailer.send(_written(letter, letter.email))
    except MailRefused as refusal:
        await _give_up(db, lease, letter, str(refusal))
    except MailServerAway as trouble:
        await _try_later(db, lease, str(trouble))
    except MailDelayed as delay:
        if datetime.now(UTC) - letter.created_at > GIVEN_UP_AFTER:
            await _give_up(db, lease, letter, f"{delay} It was tried for {GIVEN_UP_AFTER.days} days.")
        else:
            await _try_later(db, lease, str(delay))
    else:
        async with applying(db, lease, finish=True) as tx:
            await queries.set_mailed(tx, letter.id)


def _written(letter: Letter, address: str) -> Mail:
    return Mail(
        id=letter.id,
        address=address,
        subject=letter.subject,
        text=letter.message,
        written_at=letter.created_at,
    )


async def _try_later(db: Database, lease: Lease, reason: str) -> None:
    pause = min(2.0 ** min(lease.attempts, 10), LONGEST_PAUSE_SECONDS)
    log.warning("mail delayed", notification=lease.subject_id, reason=reason, attempts=lease.attempts, pause=pause)
    await kit_queries.postpone(db, lease.token, pause)


async def _give_up(db: Database, lease: Lease, letter: Letter, reason: str) -> None:
    log.warning("mail given up", notification=letter.id, reason=reason)
    async with applying(db, lease, finish=True) as tx:
        await queries.set_mail_problem(tx, letter.id, reason)
        await events.record(tx, None, "notification.mailRefused", "notification", letter.id, reason=reason)
