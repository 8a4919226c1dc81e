"""What an event tells."""

import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from modelyard.domains.audit_trail.replies import field_changes
from modelyard.domains.users import issue_run_token
from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.domains.audit_trail.conftest import EVENTS, actions, newest
from tests.domains.projects.conftest import let
from tests.domains.running import as_

SETTINGS = "/api/projects/beta/projects/{}/results-settings"


async def test_an_event_tells_who_did_what_to_which_object_where_and_when(
    ada: Person, project: dict[str, Any]
) -> None:
    before = int(time.time() * 1000)
    response = await ada.request("PUT", SETTINGS.format(project["id"]), json={"branch": "isolated"})
    event = await newest(ada, withinProjectId=project["id"])
    assert before <= event.pop("timestamp") <= int(time.time() * 1000)
    churn = {"entityType": "project", "id": project["id"], "name": "churn", "tags": []}
    change = {"fieldType": "scalar", "fieldName": "branch", "before": "main", "after": "isolated"}
    assert event == {
        "actor": {"id": ada.id, "name": "ada"},
        "action": {
            "eventName": "project.resultSettingsChanged",
            "traceId": response.headers["x-request-id"],
            "using": [],
        },
        "targets": [{"entity": churn, "fieldChanges": [change]}],
        "affecting": [],
        "in": churn,
        "metadata": {"branch": "isolated", "before": "main", "remoteAddress": "127.0.0.1"},
    }


async def test_what_is_not_text_is_told_as_json(ada: Person, project: dict[str, Any]) -> None:
    await ada.post(f"/v4/projects/{project['id']}/tags", {"tagNames": ["red", "green"]})
    assert (await newest(ada, withinProjectId=project["id"]))["metadata"]["tags"] == '["red","green"]'
    await ada.put(f"/api/projects/v1/projects/{project['id']}/status", {"status": "active", "isBlocked": True})
    assert (await newest(ada, withinProjectId=project["id"]))["metadata"]["isBlocked"] == "true"


async def test_the_platform_acts_under_its_own_name_and_from_nowhere(admin: Person, ada: Person) -> None:
    event = await newest(admin, targetId=ada.id, event="user.created")
    assert event["actor"] == {"id": "modelyard", "name": "modelyard"}
    assert "in" not in event
    assert "traceId" not in event["action"]
    assert event["metadata"] == {"userName": "ada", "isAdmin": "false"}


async def test_objects_have_the_names_of_today_and_none_when_they_are_gone(
    ada: Person, project: dict[str, Any], admin: Person
) -> None:
    goals = f"/api/projects/v1/projects/{project['id']}/goals"
    goal = (await ada.post(goals, {"title": "Halve it"}))["goal"]
    job = await as_(ada).starts_job(project["id"], "python train.py")
    for kind, object_id, name in (
        ("goal", goal["id"], "Halve it"),
        ("job", job["id"], f"#{job['number']}"),
        ("project", project["id"], "churn"),
        ("user", ada.id, "ada"),
        ("hardwareTier", "small", "Small"),
        ("environment", await as_(ada).plain_python(), "Plain Python"),
    ):
        event = await newest(admin, targetType=kind, targetName=name)
        assert event["targets"][0]["entity"] == {"entityType": kind, "id": object_id, "name": name, "tags": []}
    await ada.delete(f"{goals}/{goal['id']}")
    entity = (await newest(ada, withinProjectId=project["id"]))["targets"][0]["entity"]
    assert entity == {"entityType": "goal", "id": goal["id"], "tags": []}


async def test_a_run_that_acts_for_a_person_is_named(
    ada: Person, project: dict[str, Any], modelyard: Modelyard
) -> None:
    job = await as_(ada).starts_job(project["id"], "python train.py")
    token = await issue_run_token(modelyard.db, job["id"], ada.id, 60)
    as_run = Person(modelyard, ada.id, "ada", token)
    await as_run.put(SETTINGS.format(project["id"]), {"branch": "isolated"})
    event = await newest(ada, withinProjectId=project["id"])
    assert event["actor"]["name"] == "ada"
    assert event["action"]["using"] == [{"entityType": "job", "id": job["id"], "name": "#1", "tags": []}]


async def test_keys_are_recorded_under_whoever_made_or_ended_them(admin: Person, ada: Person) -> None:
    made = await admin.post(f"/v4/users/{ada.id}/apiKeys", {"label": "laptop"})
    await ada.delete(f"/v4/users/{ada.id}/apiKeys/{made['id']}", expect=204)
    revoked, created = (await admin.get(EVENTS, targetId=ada.id, limit=2))["events"]
    assert (created["action"]["eventName"], created["actor"]["name"]) == ("apiKey.created", "admin")
    assert (revoked["action"]["eventName"], revoked["actor"]["name"]) == ("apiKey.revoked", "ada")
    assert made["apiKey"] not in str([created, revoked])


async def test_a_default_that_moves_is_recorded_for_both(admin: Person) -> None:
    tiers = "/api/hardwaretiers/v1/hardwaretiers"
    large = (await admin.get(f"{tiers}/large"))["hardwareTier"]
    large["flags"]["isDefault"] = True
    await admin.put(tiers, large | {"centsPerMinute": 2.5})
    for tier, wanted in {
        "small": {"isDefault": ("true", "false")},
        "large": {"isDefault": ("false", "true"), "centsPerMinute": ("0.0", "2.5")},
    }.items():
        event = await newest(admin, targetType="hardwareTier", targetId=tier)
        changes = {one["fieldName"]: one for one in event["targets"][0]["fieldChanges"]}
        assert {name: (changes[name]["before"], changes[name]["after"]) for name in wanted} == wanted
    old, new = [one["id"] for one in (await admin.get("/v1/environments"))["data"]]
    await admin.post("/v4/environments/setDefaultEnvironment", {"environmentId": new})
    (change,) = (await newest(admin, event="environment.madeDefault"))["targets"][0]["fieldChanges"]
    assert (change["before"], change["after"]) == (old, new)


@pytest.mark.parametrize(
    ("details", "changes"),
    [
        ({}, []),
        ({"role": "contributor"}, []),
        ({"branch": "b", "before": "a"}, [("branch", "a", "b")]),
        ({"branch": "a", "before": "a"}, []),
        ({"x": 1, "y": 2, "before": 0}, []),
        (
            {"x": 1, "y": "new", "z": 3, "before": {"x": None, "y": "old"}},
            [("x", "null", "1"), ("y", "old", "new")],
        ),
        ({"x": 1, "before": {"gone": 1}}, []),
    ],
)
def test_changes_are_details_whose_earlier_value_is_known(details: Any, changes: Any) -> None:
    assert [(one.field_name, one.before, one.after) for one in field_changes(details)] == changes


async def test_events_are_never_changed_or_deleted(db: Database, ada: Person, admin: Person) -> None:
    before = await actions(admin, limit=1000)
    for sql in ("DELETE FROM events", "UPDATE events SET actor_name = 'eve'", "DELETE FROM events WHERE false"):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await db.execute(sql)
    assert await actions(admin, limit=1000) == before


async def test_old_events_are_removed_as_the_documentation_says(db: Database) -> None:
    for event_id, years in (("1" * 24, 3), ("2" * 24, 1)):
        await db.execute(
            "INSERT INTO events (id, at, actor_name, action, target_kind, target_id)"
            " VALUES ($1, now() - $2 * interval '1 year', 'x', 'x', 'x', 'x')",
            event_id, float(years),
        )  # fmt: skip
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "audit-trail.md").read_text()
    async with db.connection() as connection:
        await connection.execute(page.partition("```sql")[2].partition("```")[0])
    assert await db.values("SELECT id FROM events WHERE actor_name = 'x'") == ["2" * 24]
    with pytest.raises(asyncpg.RaiseError):
        await db.execute("DELETE FROM events")


async def test_nothing_secret_is_told(ada: Person, admin: Person, bob: Person, project: dict[str, Any]) -> None:
    secret = {"key": "PASSWORD", "value": "s3cret"}
    environment = {"name": "mine", "visibility": "private", "image": "python", "environmentVariables": [secret]}
    await ada.post("/api/environments/beta/environments", environment)
    made = await admin.post("/v4/users", {"userName": "grace", "email": "grace@example.org"})
    await as_(ada).starts_job(project["id"], "PASSWORD=s3cret python train.py")
    await let(ada, project, bob, "contributor")
    told = str(await admin.get(EVENTS, limit=1000))
    for word in ("s3cret", made["apiKey"], ada.key, bob.key, admin.key):
        assert word not in told
