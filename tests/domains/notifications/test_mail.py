"""Mail: what people are told reaches them through a real mail server, whatever happens on the way."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.domains.notifications import set_mail_delivery
from modelyard.engines.mail import Mail, MailRefused, MailServerAway
from modelyard.engines.mail.smtp import SmtpMailer, composed
from modelyard.kit.db import Database
from modelyard.mailing import check_mail_settings, mailer
from modelyard.settings import BadSettings, Settings, load_settings
from tests.client import Modelyard, Person
from tests.domains.conftest import running
from tests.domains.notifications.post_office import PASSWORD, USER, PostOffice
from tests.domains.notifications.telling import tell, told

SENDER = "modelyard@example.test"


@pytest.fixture
async def office(certificate: tuple[Path, Path]) -> AsyncIterator[PostOffice]:
    """A mail server that takes everything."""
    async with PostOffice(certificate) as open_office:
        yield open_office


@pytest.fixture
def settings(settings: Settings, office: PostOffice) -> Settings:
    """Settings that name the mail server."""
    return msgspec.structs.replace(
        settings, smtp_host="127.0.0.1", smtp_port=office.port, smtp_security="none", smtp_from=SENDER
    )


async def _until(db: Database, sql: str, *args: object) -> None:
    """Waits for something to be true in the database."""
    deadline = time.monotonic() + 30
    while not await db.value(sql, *args):
        assert time.monotonic() < deadline, (sql, await db.values("SELECT to_jsonb(w) FROM work w"))
        await asyncio.sleep(0.02)


async def _all_done(db: Database) -> None:
    await _until(db, "SELECT NOT EXISTS (SELECT FROM work WHERE kind = 'notifications.mail')")


async def _waits_again(db: Database, attempts: int) -> float:
    """Waits for so many attempts to have failed; the seconds until the next one."""
    waiting = "FROM work WHERE kind = 'notifications.mail' AND lease_token IS NULL AND attempts = $1"
    await _until(db, f"SELECT EXISTS (SELECT {waiting})", attempts)
    return float(await db.value(f"SELECT extract(epoch FROM available_at - now()) {waiting}", attempts))


async def _is_tried_again(db: Database) -> None:
    await db.execute("UPDATE work SET available_at = now() WHERE kind = 'notifications.mail'")
    await db.execute("SELECT pg_notify('work', 'notifications.mail')")


async def _problem(db: Database) -> Any:
    return await db.value("SELECT mail_problem FROM notifications WHERE mailed_at IS NULL")


@pytest.mark.usefixtures("runner")
async def test_what_somebody_is_told_is_mailed(ada: Person, bob: Person, office: PostOffice, db: Database) -> None:
    await tell(db, ada, bob, subject="News", message="First line\n.\nLast line")
    await _all_done(db)
    assert sorted(office.recipients) == [["ada@example.org"], ["bob@example.org"]]
    mail = next(one for one in office.taken if "ada" in one["To"])
    assert (mail["From"], mail["Subject"]) == (f"Modelyard <{SENDER}>", "News")
    assert mail["To"] == "ada@example.org"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == ["First line", ".", "Last line"]
    assert mail["Auto-Submitted"] == "auto-generated"
    of_ada = await db.value("SELECT id FROM notifications WHERE account_id = $1", ada.id)
    assert mail["Message-ID"] == f"<{of_ada}@example.test>"
    assert await db.value("SELECT count(*) FROM notifications WHERE mailed_at IS NOT NULL") == 2


@pytest.mark.usefixtures("runner")
async def test_who_has_no_address_gets_no_mail(
    admin: Person, ada: Person, office: PostOffice, db: Database
) -> None:
    await tell(db, admin, ada)
    await _all_done(db)
    assert office.recipients == [["ada@example.org"]]
    assert await told(admin) == ["News"]


async def test_the_api_sends_no_mail_itself(ada: Person, office: PostOffice, db: Database) -> None:
    await tell(db, ada)
    assert await db.value("SELECT count(*) FROM work WHERE kind = 'notifications.mail'") == 1
    assert office.taken == []


async def test_mail_of_a_server_that_is_away_waits_longer_and_longer_and_is_sent_once(
    modelyard: Modelyard, ada: Person, office: PostOffice, db: Database, dsn: str
) -> None:
    await office.closes()
    async with running(modelyard, dsn):
        await tell(db, ada)
        pauses = []
        for attempts in (1, 2, 3):
            pauses.append(await _waits_again(db, attempts))
            if attempts == 3:
                await office.opens()
            await _is_tried_again(db)
        await _all_done(db)
    assert 0 < pauses[0] <= 2 < pauses[1] <= 4 < pauses[2] <= 8
    assert office.recipients == [["ada@example.org"]]


async def test_mail_that_was_taken_without_a_word_keeps_its_name(
    modelyard: Modelyard, ada: Person, office: PostOffice, db: Database, dsn: str
) -> None:
    office.cut_off_after_taking = True
    async with running(modelyard, dsn):
        await tell(db, ada)
        await _waits_again(db, 1)
        await _is_tried_again(db)
        await _all_done(db)
    first, second = office.taken
    assert (first["Message-ID"], first["Date"]) == (second["Message-ID"], second["Date"])


@pytest.mark.usefixtures("runner")
async def test_a_refused_recipient_is_given_up_and_noted(
    admin: Person, ada: Person, bob: Person, office: PostOffice, db: Database
) -> None:
    office.refusing = {"ada@example.org": "550 no such mailbox"}
    await tell(db, ada, bob)
    await _all_done(db)
    assert office.recipients == [["bob@example.org"]]
    assert "550: no such mailbox" in await _problem(db)
    trail = await admin.get("/api/audittrail/v1/auditevents", event="notification.mailRefused")
    (event,) = trail["events"]
    assert event["actor"]["id"] == "modelyard"
    assert event["targets"][0]["entity"]["name"] == "News"
    assert "no such mailbox" in event["metadata"]["reason"]


@pytest.mark.usefixtures("runner")
async def test_a_message_that_is_refused_for_ever_is_given_up(
    ada: Person, office: PostOffice, db: Database
) -> None:
    office.answer_to_data = "554 looks like junk"
    await tell(db, ada)
    await _all_done(db)
    assert "554: looks like junk" in await _problem(db)


@pytest.mark.usefixtures("runner")
async def test_a_recipient_who_is_refused_for_now_is_tried_again_for_five_days(
    ada: Person, office: PostOffice, db: Database
) -> None:
    office.refusing = {"ada@example.org": "450 mailbox is full"}
    await tell(db, ada)
    await _waits_again(db, 1)
    assert await _problem(db) is None
    await db.execute("UPDATE notifications SET created_at = now() - interval '6 days'")
    await _is_tried_again(db)
    await _all_done(db)
    assert "450: mailbox is full" in await _problem(db)


@pytest.mark.usefixtures("runner")
async def test_text_of_any_language_arrives_and_lines_in_names_stay_in_them(
    ada: Person, office: PostOffice, db: Database
) -> None:
    name = "Modèle 模型\r\nBcc: eve@example.org\r\n\r\nbody"
    await tell(db, ada, subject=f"bob asks: {name}", message="Grüße\r\n模型\u2028\U0001f600")
    await _all_done(db)
    assert office.recipients == [["ada@example.org"]]
    (mail,) = office.taken
    assert mail["Subject"] == "bob asks: Modèle 模型 Bcc: eve@example.org body"
    assert mail["Bcc"] is None
    assert mail.get_content().splitlines() == ["Grüße", "模型", "\U0001f600"]


@pytest.mark.parametrize(
    "subject",
    [
        "bob requested changes to team/churn version 2 for the stage Production",
        "words " * 30 + "end",
        "模型 " * 49 + "end",
        "ü é " * 49 + "end",
        f"{'a' * 90} {'b' * 90}",
        "a" * 200,
        "=?utf-8?q?x?=",
        "Bcc: x\r\nBcc: y\0\u2028z",
    ],
)
async def test_subjects_of_any_length_and_alphabet_arrive_whole(subject: str, office: PostOffice) -> None:
    await _mailer(office).send(msgspec.structs.replace(_mail("ada@example.org"), subject=subject))
    (mail,) = office.taken
    shown = " ".join("".join(one if one.isprintable() else " " for one in subject).split())
    assert mail["Subject"] == shown
    assert mail["Bcc"] is None


@pytest.mark.parametrize(
    "address",
    [
        "nobody",
        "a@b@c",
        "a b@example.org",
        "ada@example.org\r\nRCPT TO:<eve@example.org>",
        "a@x,b@y",
        "<a@x>",
        "a\0@x",
    ],
)
async def test_addresses_that_are_none_are_given_up(address: str) -> None:
    with pytest.raises(MailRefused, match="address"):
        composed(_mail(address), SENDER)


@pytest.mark.usefixtures("runner")
async def test_an_address_that_is_none_holds_nothing_up(
    ada: Person, bob: Person, office: PostOffice, db: Database
) -> None:
    await db.execute("UPDATE users SET email = $2 WHERE id = $1", ada.id, "ada@x\r\nDATA")
    await tell(db, ada, bob)
    await _all_done(db)
    assert office.recipients == [["bob@example.org"]]
    assert "address" in await _problem(db)


async def test_an_address_beyond_ascii_that_the_server_cannot_reach_is_given_up(office: PostOffice) -> None:
    with pytest.raises(MailRefused, match="cannot reach"):
        await _mailer(office).send(_mail("jörg@example.org"))


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_is_sent_encrypted_and_logged_in(
    certificate: tuple[Path, Path], security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    async with PostOffice(certificate, security, login=True) as office:
        sending = _mailer(office, security, user=USER, password=PASSWORD)
        await sending.send(_mail("ada@example.org"))
        assert (office.recipients, office.encrypted) == ([["ada@example.org"]], [True])
        assert office.taken[0].get_content().splitlines() == ["Text"]
        wrong = _mailer(office, security, user=USER, password="wrong")
        with pytest.raises(MailServerAway, match="535") as refusal:
            await wrong.send(_mail("ada@example.org"))
        assert "wrong" not in str(refusal.value)
        with pytest.raises(MailServerAway):
            await _mailer(office, security).send(_mail("ada@example.org"))
    assert len(office.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_nothing_is_sent_to_a_server_with_a_certificate_that_nobody_trusts(
    certificate: tuple[Path, Path], security: str
) -> None:
    async with PostOffice(certificate, security) as office:
        with pytest.raises(MailServerAway, match="reached"):
            await _mailer(office, security).send(_mail("ada@example.org"))
    assert office.taken == []


async def test_nothing_is_sent_readably_to_a_server_that_does_not_encrypt(office: PostOffice) -> None:
    with pytest.raises(MailServerAway):
        await _mailer(office, "starttls").send(_mail("ada@example.org"))
    assert office.taken == []


async def test_mail_that_waits_is_dropped_when_mail_is_switched_off(
    ada: Person, office: PostOffice, db: Database
) -> None:
    await tell(db, ada)
    await set_mail_delivery(db, is_on=False)
    await tell(db, ada)
    assert await db.value("SELECT count(*) FROM work WHERE kind = 'notifications.mail'") == 0
    assert len(await told(ada)) == 2


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"SMTP_FROM": ""}, "smtp_from"),
        ({"SMTP_FROM": "Modelyard <a@x.org>"}, "smtp_from"),
        ({"SMTP_HOST": "two hosts"}, "smtp_host"),
        ({"SMTP_USER": "me"}, "smtp_password"),
        ({"SMTP_PASSWORD": "secret"}, "smtp_user"),
        ({"SMTP_USER": "me", "SMTP_PASSWORD": "secret", "SMTP_SECURITY": "none"}, "smtp_security"),
        ({"SMTP_SECURITY": "ssl"}, "smtp_security"),
    ],
)
def test_mail_settings_that_cannot_be_used_stop_the_start(wrong: dict[str, str], named: str) -> None:
    good = {"SMTP_HOST": "mail.example.org", "SMTP_FROM": SENDER}
    with pytest.raises(BadSettings, match=named) as refusal:
        check_mail_settings(load_settings({f"MODELYARD_{name}": value for name, value in (good | wrong).items()}))
    assert "secret" not in str(refusal.value)


def test_the_password_is_not_in_what_a_log_would_have() -> None:
    settings = Settings(
        smtp_host="mail.example.org",
        smtp_user="me",
        smtp_password="secret",
        smtp_from=SENDER,
        admin_api_key="key!",
    )
    shown = f"{settings!r} {settings} {mailer(settings)!r}"
    assert "secret" not in shown
    assert "key!" not in shown
    assert mailer(Settings()) is None


def _mail(address: str) -> Mail:
    return Mail(
        id="5" * 24, address=address, subject="Subject", text="Text",
        written_at=datetime.now(UTC),
    )  # fmt: skip


def _mailer(office: PostOffice, security: Any = "none", user: str = "", password: str = "") -> SmtpMailer:
    return SmtpMailer(
        host="127.0.0.1", port=office.port, security=security, sender=SENDER, user=user, password=password
    )
