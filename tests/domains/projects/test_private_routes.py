"""The routes by which the official client finds, makes and lists projects."""

from typing import Any

from tests.client import Person
from tests.domains.projects.conftest import let, make

FIND = "/v4/gateway/projects/findProjectByOwnerAndName"
GATEWAY = "/v4/gateway/projects"


def names(listed: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in listed]


async def test_a_project_is_found_by_owner_and_name(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    found = await ada.get(FIND, ownerName="Ada", projectName="CHURN")
    assert found["id"] == project["id"]
    await ada.get(FIND, ownerName="ada", projectName="unknown", expect=404)
    await bob.get(FIND, ownerName="ada", projectName="churn", expect=404)
    await ada.get(FIND, ownerName="ada", expect=400)


async def test_a_project_is_made_with_collaborators_and_tags(ada: Person, bob: Person) -> None:
    body = {
        "name": "forecast",
        "visibility": "Private",
        "ownerId": ada.id,
        "description": "d",
        "collaborators": [{"collaboratorId": bob.id, "projectRole": "Contributor"}],
        "tags": {"tagNames": ["sales"]},
        "billingTag": None,
    }
    made = await ada.post("/v4/projects", body)
    assert [tag["name"] for tag in made["tags"]] == ["sales"]
    assert made["collaborators"] == [{"collaboratorId": bob.id, "projectRole": "contributor"}]
    assert names(await bob.get(GATEWAY, relationship="Collaborating")) == ["forecast"]
    await ada.post("/v4/projects", body, expect=400)


async def test_a_project_that_fails_half_way_leaves_nothing(ada: Person) -> None:
    body = {"name": "half", "collaborators": [{"collaboratorId": "0" * 24, "projectRole": "Contributor"}]}
    await ada.post("/v4/projects", body, expect=400)
    assert names(await ada.get(GATEWAY, relationship="Owned")) == ["quick-start"]


async def test_a_project_is_made_by_a_form_for_oneself_or_by_an_administrator_for_another(
    ada: Person, bob: Person, admin: Person
) -> None:
    async def form(person: Person, **fields: str) -> Any:
        return await person.request("POST", "/project", data=fields, headers={"Csrf-Token": "nocheck"})

    assert (await form(ada, projectName="by-form")).json()["ownerUsername"] == "ada"
    assert (await form(admin, projectName="given", ownerOverrideUsername="ada")).status_code == 200
    assert (await form(bob, projectName="x", ownerOverrideUsername="ada")).status_code == 403
    assert (await form(ada, projectName="two words")).status_code == 400
    assert (await form(ada)).status_code == 400
    assert names(await ada.get(GATEWAY)) == ["given", "by-form", "quick-start"]


async def test_projects_are_listed_by_relationship(ada: Person, bob: Person) -> None:
    shared = await make(ada, "shared")
    await let(ada, shared, bob, "contributor")
    busy = await make(ada, "busy", "Public")
    await let(ada, busy, bob, "resultsConsumer")
    await make(ada, "quiet", "Public")
    assert names(await ada.get(GATEWAY, relationship="Owned")) == ["quiet", "busy", "shared", "quick-start"]
    assert names(await bob.get(GATEWAY, relationship="collaborating")) == ["busy", "shared"]
    assert names(await bob.get(GATEWAY, relationship="Suggesting")) == ["quiet"]
    assert names(await bob.get(GATEWAY, relationship="Popular")) == ["busy", "quiet"]
    assert "relationship" in (await bob.get(GATEWAY, relationship="Admired", expect=400))["message"]


async def test_completed_projects_are_listed_on_demand(ada: Person, project: dict[str, Any]) -> None:
    path = f"/api/projects/v1/projects/{project['id']}/status"
    await ada.put(path, {"status": "complete", "isBlocked": False})
    assert names(await ada.get(GATEWAY, relationship="Owned")) == ["quick-start"]
    shown = await ada.get(GATEWAY, relationship="Owned", showCompleted="true")
    assert names(shown) == ["churn", "quick-start"]


async def test_a_project_is_archived_by_its_owner(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    await bob.delete(f"/v4/projects/{project['id']}", expect=404)
    await ada.delete(f"/v4/projects/{project['id']}")
    await ada.get(f"/v4/projects/{project['id']}", expect=404)
