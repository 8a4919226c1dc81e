"""What the jobs of a project use that name nothing, and what restricted projects may use at all."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.organizations.test_organizations import found, join
from tests.domains.projects.conftest import let, make
from tests.domains.running import as_

ENVIRONMENTS = "/api/environments/beta/environments"
JOBS = "/api/jobs/v1/jobs"


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's private project."""
    return await make(ada, "churn")


async def environment(person: Person, **more: Any) -> dict[str, Any]:
    """A new environment."""
    body = {"name": "mine", "visibility": "private", "image": "python"} | more
    made: dict[str, Any] = (await person.post(ENVIRONMENTS, body))["environment"]
    return made


async def started(person: Person, project: dict[str, Any], expect: int = 200, **more: Any) -> Any:
    """A job that was submitted, as the database has it, or the refusal."""
    reply = await person.post(JOBS, {"projectId": project["id"], "runCommand": "true"} | more, expect=expect)
    if expect != 200:
        return reply
    return await person.modelyard.db.row(
        dict,
        "SELECT environment_id, environment_revision_id, hardware_tier_id FROM jobs WHERE id = $1",
        reply["job"]["id"],
    )


async def test_a_job_that_names_nothing_uses_its_projects_defaults(ada: Person, project: dict[str, Any]) -> None:
    path = f"/v4/projects/{project['id']}/settings"
    assert await ada.get(path) == {}
    mine = await environment(ada)
    tiers = await ada.get(f"/v4/projects/{project['id']}/hardwareTiers")
    tier = next(one["hardwareTier"]["id"] for one in tiers if not one["hardwareTier"]["hwtFlags"]["isDefault"])
    wanted = {"defaultEnvironmentId": mine["id"], "defaultHardwareTierId": tier}
    assert await ada.put(path, wanted) == wanted
    job = await started(ada, project)
    assert (job["environment_id"], job["hardware_tier_id"]) == (mine["id"], tier)
    plain = await as_(ada).plain_python()
    assert (await started(ada, project, environmentId=plain))["environment_id"] == plain
    assert await ada.put(path, {}) == {}
    assert (await started(ada, project))["environment_id"] != mine["id"]


async def test_defaults_that_cannot_be_used_are_refused(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    path = f"/v4/projects/{project['id']}/settings"
    his = await environment(bob)
    await ada.put(path, {"defaultEnvironmentId": his["id"]}, expect=400)
    await ada.put(path, {"defaultHardwareTierId": "gigantic"}, expect=400)
    await ada.put(path, {"defaultEnvironmentRevisionSpec": "LatestRevision"}, expect=400)
    await let(ada, project, bob, "resultsConsumer")
    await bob.put(path, {}, expect=403)


async def test_a_restricted_project_uses_restricted_revisions_only(ada: Person, admin: Person) -> None:
    secret = await make(admin, "secret", isRestricted=True)
    await let(admin, secret, ada, "contributor")
    shared = await environment(admin, name="shared", visibility="global")
    first = shared["latestRevision"]["id"]
    refused = await started(ada, secret, environmentId=shared["id"], expect=400)
    assert "restricted" in refused["message"]
    await admin.patch(f"{ENVIRONMENTS}/{shared['id']}/revisions/{first}", {"isRestricted": True})
    second = await admin.post(f"{ENVIRONMENTS}/{shared['id']}/revisions", {"image": "python"})
    job = await started(ada, secret, environmentId=shared["id"])
    assert job["environment_revision_id"] == first
    newer = f"SomeRevision({second['environmentRevision']['id']})"
    refused = await started(ada, secret, environmentId=shared["id"], environmentRevisionSpec=newer, expect=400)
    assert "restricted" in refused["message"]


async def test_an_organizations_environment_is_its_members(ada: Person, bob: Person) -> None:
    lab = await found(ada, "lab")
    await bob.post(
        ENVIRONMENTS,
        {"name": "x", "visibility": "private", "image": "python", "orgOwnerId": lab["id"]},
        expect=400,
    )
    shared = await environment(ada, orgOwnerId=lab["id"])
    assert (shared["visibility"], shared["owner"]["ownerType"]) == ("organization", "organization")
    one = f"/api/environments/v1/environments/{shared['id']}"
    await bob.get(one, expect=404)
    await join(ada, lab, bob)
    assert shared["id"] in {each["id"] for each in (await bob.get(ENVIRONMENTS))["environments"]}
    await bob.post(f"{ENVIRONMENTS}/{shared['id']}/revisions", {"image": "python"})
    copied = (await bob.post(ENVIRONMENTS, {"duplicateFromEnvironmentId": shared["id"]}))["environment"]
    assert (copied["visibility"], copied["owner"]["username"]) == ("private", "bob")
    await ada.delete(f"/api/organizations/v1/organizations/{lab['id']}/user", memberToRemoveId=bob.id)
    await bob.get(one, expect=404)
    await bob.delete(one, expect=404)
