"""How people come into a project by the client's routes, and ask to."""

from typing import Any

from modelyard.kit.db import Database
from tests.client import Person
from tests.conftest import Cost
from tests.domains.organizations.test_organizations import found
from tests.domains.projects.conftest import let, make

AUDIT = "/api/audittrail/v1/auditevents"


async def test_the_client_adds_lists_and_removes_collaborators(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    path = f"/v4/projects/{project['id']}/collaborators"
    await ada.post(path, {"collaboratorId": bob.id, "projectRole": "Contributor"})
    lab = await found(ada, "a-lab")
    await ada.post(path, {"collaboratorId": lab["id"], "projectRole": "resultsConsumer"})
    listed = await bob.get("/ada/churn/collaborators")
    assert [(one["username"], one["projectRole"], one["kind"]) for one in listed] == [
        ("a-lab", "resultsConsumer", "organization"),
        ("bob", "contributor", "individual"),
    ]
    await ada.delete(f"{path}/{bob.id}")
    await ada.delete(f"{path}/{bob.id}", expect=404)
    await bob.get("/ada/churn/collaborators", expect=404)
    await ada.post(path, {"collaboratorId": "0" * 24, "projectRole": "Contributor"}, expect=400)
    await ada.post(path, {"collaboratorId": bob.id, "projectRole": "Owner"}, expect=400)


async def test_who_finds_a_project_may_ask_for_a_role_and_the_owner_sees_it(ada: Person, bob: Person) -> None:
    project = await make(ada, "findable", "Searchable")
    path = f"/v4/projects/{project['id']}/accessRequests"
    asked = await bob.post(path, {"projectRole": "resultsConsumer", "message": "for the audit"})
    assert asked == {"projectId": project["id"], "requesterId": bob.id, "projectRole": "resultsConsumer"}
    seen = await ada.get(AUDIT, withinProjectId=project["id"], event="project.accessRequested")
    (event,) = seen["events"]
    assert event["actor"]["name"] == "bob"
    assert event["metadata"]["message"] == "for the audit"
    (told,) = (await ada.get("/v4/notifications"))["notifications"]
    assert told["subject"] == "bob asks to be resultsConsumer in ada/findable"
    assert "for the audit" in told["message"]
    assert "within a day" in (await bob.post(path, {"projectRole": "resultsConsumer"}, expect=400))["message"]
    await bob.post(path, {})
    await let(ada, project, bob, "contributor")
    assert "already" in (await bob.post(path, {}, expect=400))["message"]


async def test_nobody_asks_for_what_they_cannot_see(bob: Person, project: dict[str, Any]) -> None:
    await bob.post(f"/v4/projects/{project['id']}/accessRequests", {}, expect=404)


async def test_visibility_is_the_owners_and_the_description_also_the_contributors(
    ada: Person, bob: Person, project: dict[str, Any], db: Database
) -> None:
    await let(ada, project, bob, "contributor")
    path = f"/v4/projects/{project['id']}"
    assert (
        "ChangeProjectVisibility"
        in (await bob.put(f"{path}/visibility", {"visibility": "Public"}, expect=403))["message"]
    )
    assert (await ada.put(f"{path}/visibility", {"visibility": "public"}))["visibility"] == "Public"
    await ada.put(f"{path}/visibility", {"visibility": "hidden"}, expect=400)
    assert (await bob.put(f"{path}/description", {"description": "new"}))["description"] == "new"
    changed = await ada.get(AUDIT, withinProjectId=project["id"], event="project.visibilityChanged")
    (change,) = changed["events"][0]["targets"][0]["fieldChanges"]
    assert (change["before"], change["after"]) == ("Private", "Public")


async def test_a_list_costs_one_query_beside_authentication_and_guard(
    ada: Person, bob: Person, admin: Person, project: dict[str, Any], cost: Cost
) -> None:
    for person in (bob, admin):
        await let(ada, project, person, "contributor")
    assert await cost(ada.get("/ada/churn/collaborators")) == 3
