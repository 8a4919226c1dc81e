"""Which events are found, in which order, and by whom."""

from typing import Any

import pytest

from modelyard.domains.users import issue_run_token
from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.conftest import Cost
from tests.domains.audit_trail.conftest import EVENTS, actions, newest
from tests.domains.projects.conftest import let, make

NOBODY = "0" * 24
BY_SQL = (
    "INSERT INTO events (id, at, actor_id, actor_name, action, target_kind, target_id)"
    " VALUES ($1, timestamptz 'epoch' + $2 * interval '1 millisecond', 'x', 'xaver', 'x.done', 'x', 'x1')"
)


@pytest.fixture
async def past(db: Database) -> None:
    """Five events of an unknown kind, a millisecond apart, in 1970."""
    for moment in range(1000, 1005):
        await db.execute(BY_SQL, f"{moment:024x}", float(moment))


async def _moments(person: Person, **params: Any) -> list[int]:
    reply = await person.get(EVENTS, **{"actorId": "x"} | params)
    return [event["timestamp"] for event in reply["events"]]


async def test_every_filter_finds_what_it_names_and_nothing_else(
    admin: Person, ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await ada.post(f"/v4/projects/{project['id']}/tags", {"tagNames": ["red"]})
    await make(bob, "sales")
    both = ["project.tagged", "project.created"]
    assert await actions(admin, actorId=ada.id) == both
    assert await actions(admin, actorName="ada") == both
    assert await actions(admin, targetType="project", targetId=project["id"]) == both
    assert await actions(admin, targetName="churn") == both
    assert await actions(admin, withinProjectId=project["id"]) == both
    assert await actions(admin, withinProjectName="churn") == both
    assert await actions(admin, event="project.tagged") == ["project.tagged"]
    assert await actions(admin, actorName="ada", event="project.created") == ["project.created"]
    assert set(await actions(admin, actorId="modelyard", targetName="ada")) == {"user.created", "apiKey.created"}
    assert set(await actions(admin, targetType="hardwareTier", targetName="Small")) == {"hardwareTier.created"}


@pytest.mark.parametrize(
    "filters",
    [
        {"actorId": NOBODY},
        {"actorName": "ADA"},
        {"targetName": "chur"},
        {"targetName": "#1"},
        {"targetType": "user", "targetName": "churn"},
        {"withinProjectId": NOBODY},
        {"withinProjectName": "Churn"},
        {"event": "project"},
        {"event": "x' OR true --"},
        {"endTimestamp": 0},
    ],
)
async def test_what_no_event_matches_finds_nothing(
    admin: Person, project: dict[str, Any], filters: dict[str, Any]
) -> None:
    assert await admin.get(EVENTS, **filters) == {"events": [], "total": 0}


@pytest.mark.usefixtures("past")
async def test_times_are_inclusive_on_both_sides(admin: Person) -> None:
    assert await _moments(admin, startTimestamp=1001, endTimestamp=1003) == [1003, 1002, 1001]
    assert await _moments(admin, startTimestamp=1004) == [1004]
    assert await _moments(admin, endTimestamp=1000) == [1000]
    assert await _moments(admin, startTimestamp=1003, endTimestamp=1001) == []


@pytest.mark.usefixtures("past")
async def test_the_newest_come_first_unless_asked_otherwise(admin: Person) -> None:
    oldest_first = [1000, 1001, 1002, 1003, 1004]
    for sort in ("asc", "timestamp"):
        assert await _moments(admin, sort=sort) == oldest_first
    for more in ({}, {"sort": "desc"}, {"sort": "-timestamp"}):
        assert await _moments(admin, **more) == oldest_first[::-1]


@pytest.mark.usefixtures("past")
async def test_a_page_is_a_window_and_the_total_counts_all(admin: Person) -> None:
    reply = await admin.get(EVENTS, actorId="x", limit=2, offset=1)
    assert [event["timestamp"] for event in reply["events"]] == [1003, 1002]
    assert reply["total"] == 5
    assert await admin.get(EVENTS, actorId="x", limit=0) == {"events": [], "total": 5}
    assert "name" not in (await newest(admin, actorId="x"))["targets"][0]["entity"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sort", "target"),
        ("sort", "DESC; --"),
        ("column", "colour"),
        ("limit", -1),
        ("offset", -1),
        ("startTimestamp", "yesterday"),
        ("startTimestamp", -1),
        ("endTimestamp", 10**18),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_its_name(admin: Person, name: str, value: Any) -> None:
    assert name in (await admin.get(EVENTS, expect=400, **{name: value}))["message"]


async def test_columns_of_the_contract_are_accepted_and_change_nothing(admin: Person) -> None:
    assert await admin.get(EVENTS, column="user_name") == await admin.get(EVENTS)


async def test_at_most_a_thousand_events_are_sent_and_a_hundred_by_default(admin: Person, db: Database) -> None:
    for moment in range(1001):
        await db.execute(BY_SQL, f"{moment:024x}", float(moment))
    assert len(await _moments(admin)) == 100
    assert len(await _moments(admin, limit=5000)) == 1000


async def test_the_owner_of_a_project_sees_its_events_only(ada: Person, project: dict[str, Any]) -> None:
    await make(ada, "other")
    assert await actions(ada, withinProjectId=project["id"]) == ["project.created"]
    message = (await ada.get(EVENTS, expect=403))["message"]
    assert "withinProjectId" in message
    await ada.get(EVENTS, withinProjectName="churn", expect=403)
    await ada.get(EVENTS, withinProjectId="", expect=403)


async def test_others_need_the_right_and_must_see_the_project(
    ada: Person, bob: Person, modelyard: Modelyard, project: dict[str, Any]
) -> None:
    churn = {"withinProjectId": project["id"]}
    await modelyard.stranger().get(EVENTS, expect=401, **churn)
    await bob.get(EVENTS, expect=404, **churn)
    await bob.get(EVENTS, expect=404, withinProjectId=NOBODY)
    await let(ada, project, bob, "contributor")
    assert "ViewAuditTrail" in (await bob.get(EVENTS, expect=403, **churn))["message"]


async def test_an_archived_project_is_left_to_administrators(
    ada: Person, admin: Person, project: dict[str, Any]
) -> None:
    await ada.delete(f"/api/projects/beta/projects/{project['id']}")
    await ada.get(EVENTS, withinProjectId=project["id"], expect=404)
    assert await actions(admin, withinProjectId=project["id"]) == ["project.archived", "project.created"]


async def test_a_run_of_an_administrator_is_no_administrator(admin: Person, modelyard: Modelyard) -> None:
    token = await issue_run_token(modelyard.db, NOBODY, admin.id, 60)
    await Person(modelyard, admin.id, "admin", token).get(EVENTS, expect=403)


async def test_a_page_costs_two_queries_beside_authentication_and_guard(
    admin: Person, ada: Person, project: dict[str, Any], cost: Cost
) -> None:
    everything = {"actorName": "ada", "targetName": "churn", "withinProjectName": "churn", "startTimestamp": 1}
    for person in (admin, ada):
        await person.get(EVENTS, withinProjectId=project["id"])
    assert await cost(admin.get(EVENTS, **everything)) == 3
    assert await cost(ada.get(EVENTS, withinProjectId=project["id"], **everything)) == 4
