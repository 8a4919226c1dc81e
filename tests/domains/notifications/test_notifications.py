"""Notifications: everybody reads what they were told, and nobody else does."""

import pytest

from modelyard.domains.notifications import notify
from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.conftest import Cost
from tests.domains.notifications.telling import FEED, tell, told
from tests.domains.organizations.test_organizations import found
from tests.domains.projects.conftest import make

NOBODY = "0" * 24


async def test_a_feed_has_what_one_was_told_newest_first(ada: Person, bob: Person, db: Database) -> None:
    project = await make(ada, "churn")
    await tell(db, ada, subject="First")
    async with db.transaction() as tx:
        await notify(
            tx, [ada.id], kind="project.changed", subject="Second", message="Read\nthis.",
            target_kind="project", target_id=project["id"], project_id=project["id"],
        )  # fmt: skip
    feed = await ada.get(FEED)
    assert [one["subject"] for one in feed["notifications"]] == ["Second", "First"]
    second, first = feed["notifications"]
    assert (second["kind"], second["message"]) == ("project.changed", "Read\nthis.")
    assert (second["targetKind"], second["targetId"], second["projectId"]) == (
        "project", project["id"], project["id"],
    )  # fmt: skip
    assert "projectId" not in first
    assert "readAt" not in first
    assert await told(bob) == []


async def test_a_feed_is_paged_by_ten(ada: Person, db: Database) -> None:
    for number in range(12):
        await tell(db, ada, subject=f"{number}")
    page = await ada.get(FEED)
    assert [one["subject"] for one in page["notifications"]] == [f"{number}" for number in range(11, 1, -1)]
    assert (page["metadata"]["totalCount"], page["metadata"]["limit"]) == (12, 10)
    assert await told(ada, offset=10) == ["1", "0"]
    assert await told(ada, offset=1, limit=2) == ["10", "9"]
    await ada.get(FEED, limit=-1, expect=400)
    await ada.get(FEED, unreadOnly="perhaps", expect=400)


async def test_what_was_read_is_not_unread_any_more(ada: Person, db: Database) -> None:
    await tell(db, ada, subject="First")
    await tell(db, ada, subject="Second")
    second = (await ada.get(FEED))["notifications"][0]
    read = await ada.post(f"{FEED}/{second['id']}/read")
    assert read == second | {"readAt": read["readAt"]}
    assert await ada.post(f"{FEED}/{second['id']}/read") == read
    assert await told(ada, unreadOnly=True) == ["First"]
    assert (await ada.get(FEED, unreadOnly=True))["metadata"]["totalCount"] == 1
    assert await told(ada) == ["Second", "First"]


async def test_everything_is_read_at_once_by_one_person_only(ada: Person, bob: Person, db: Database) -> None:
    await tell(db, ada, bob, subject="First")
    await tell(db, ada, subject="Second")
    assert await ada.post(f"{FEED}/readAll") == {"count": 2}
    assert await ada.post(f"{FEED}/readAll") == {"count": 0}
    assert await told(ada, unreadOnly=True) == []
    assert await told(bob, unreadOnly=True) == ["First"]


async def test_nobody_sees_or_reads_anothers(
    ada: Person, bob: Person, admin: Person, modelyard: Modelyard, db: Database
) -> None:
    await tell(db, ada)
    (one,) = (await ada.get(FEED))["notifications"]
    for person in (bob, admin):
        await person.post(f"{FEED}/{one['id']}/read", expect=404)
        assert await told(person) == []
        await person.post(f"{FEED}/readAll")
    await ada.post(f"{FEED}/{NOBODY}/read", expect=404)
    assert await told(ada, unreadOnly=True) == ["News"]
    stranger = modelyard.stranger()
    await stranger.get(FEED, expect=401)
    await stranger.post(f"{FEED}/{one['id']}/read", expect=401)
    await stranger.post(f"{FEED}/readAll", expect=401)


async def test_an_organization_is_told_as_its_members_each_once(ada: Person, bob: Person, db: Database) -> None:
    lab = await found(ada, "lab", member=bob)
    await tell(db, lab["id"], ada, ada, NOBODY)
    assert (await told(ada), await told(bob)) == (["News"], ["News"])
    assert await db.value("SELECT count(*) FROM notifications") == 2


async def test_who_has_left_is_not_told(ada: Person, bob: Person, db: Database) -> None:
    await db.execute("UPDATE users SET deactivated_at = now() WHERE id = $1", bob.id)
    await tell(db, ada, bob)
    assert await db.values("SELECT account_id FROM notifications") == [ada.id]


async def test_what_failed_is_not_told(ada: Person, db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            await notify(tx, [ada.id], kind="x", subject="x", message="x", target_kind="x", target_id="x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await told(ada) == []


async def test_a_subject_is_one_line_and_not_too_long(ada: Person, db: Database) -> None:
    await tell(db, ada, subject="Two\r\nlines\u2028and  more")
    await tell(db, ada, subject="l" * 500)
    assert await told(ada) == ["l" * 197 + "...", "Two lines and more"]


async def test_nothing_is_mailed_without_a_mail_server(ada: Person, db: Database) -> None:
    await tell(db, ada)
    assert await db.value("SELECT count(*) FROM work WHERE kind = 'notifications.mail'") == 0


async def test_a_feed_costs_two_queries_beside_authentication(ada: Person, db: Database, cost: Cost) -> None:
    await tell(db, ada)
    await ada.get(FEED)
    assert await cost(ada.get(FEED)) == 3
