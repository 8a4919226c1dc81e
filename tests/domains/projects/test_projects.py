"""Making, listing, reading, archiving projects, and their settings."""

from typing import Any

import pytest

from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.conftest import Cost
from tests.domains.projects.conftest import let, make

PROJECTS = "/api/projects/beta/projects"
V1 = "/api/projects/v1/projects"
NOBODY = "0" * 24


async def test_a_new_project_belongs_to_its_maker(ada: Person) -> None:
    made = await make(ada, "churn", billingTag={"tag": "research"})
    assert (made["name"], made["description"], made["visibility"]) == ("churn", "About churn", "Private")
    assert (made["ownerId"], made["ownerUsername"]) == (ada.id, "ada")
    assert made["collaborators"] == []
    assert made["billingTag"] == {"tag": "research"}
    assert (await ada.get(f"{V1}/{made['id']}"))["project"] == made


async def test_only_who_may_classify_projects_makes_restricted_ones(ada: Person, admin: Person) -> None:
    made = await make(admin, "secret", isRestricted=True)
    assert (made["isRestricted"], made["internalTags"]) == (True, ["restricted"])
    body = {"name": "x", "description": "", "visibility": "Private", "isRestricted": True}
    assert "ClassifyProjects" in (await ada.post(PROJECTS, body, expect=403))["message"]


@pytest.mark.parametrize("name", ["", "two words", "a\nb", "ä", "a/b", "-a", "..", "x.git", "n" * 101, "a\0b"])
async def test_names_that_cannot_be_used_are_refused(ada: Person, name: str) -> None:
    body = {"name": name, "description": "", "visibility": "Private"}
    assert "name" in (await ada.post(PROJECTS, body, expect=400))["message"]


async def test_a_name_is_taken_once_per_owner_whatever_its_case(ada: Person, bob: Person) -> None:
    await make(ada, "churn")
    body = {"name": "Churn", "description": "", "visibility": "Private"}
    assert "already has" in (await ada.post(PROJECTS, body, expect=400))["message"]
    await make(bob, "churn")


async def test_bodies_that_are_not_a_project_are_refused_with_the_field(ada: Person) -> None:
    good = {"name": "x", "description": "", "visibility": "Private"}
    assert "visibility" in (await ada.post(PROJECTS, good | {"visibility": "Secret"}, expect=400))["message"]
    assert (
        "description" in (await ada.post(PROJECTS, {"name": "x", "visibility": "Public"}, expect=400))["message"]
    )
    await ada.post(PROJECTS, good | {"description": "d" * 20_001}, expect=400)
    assert "stored" in (await ada.post(PROJECTS, good | {"description": "a\0b"}, expect=400))["message"]
    response = await ada.request("POST", PROJECTS, content=b'{"name": ')
    assert response.status_code == 400


async def test_visibility_is_read_whatever_its_case_and_sent_as_the_contract_says(ada: Person) -> None:
    assert (await make(ada, "open", "public"))["visibility"] == "Public"


async def test_templates_are_refused_clearly(ada: Person) -> None:
    body = {"name": "x", "description": "", "visibility": "Private"}
    body |= {"templateDetails": {"name": "t", "templateId": "1"}}
    assert "templates" in (await ada.post(PROJECTS, body, expect=400))["message"]


async def test_only_administrators_make_projects_for_others(admin: Person, ada: Person, bob: Person) -> None:
    made = await make(admin, "for-ada", ownerId=ada.id)
    assert made["ownerUsername"] == "ada"
    body = {"name": "x", "description": "", "visibility": "Private", "ownerId": ada.id}
    await bob.post(PROJECTS, body, expect=403)
    assert "owner" in (await admin.post(PROJECTS, body | {"ownerId": NOBODY}, expect=400))["message"]


async def test_an_organization_cannot_own_a_new_project(admin: Person, db: Database) -> None:
    await db.execute("INSERT INTO users (id, kind, user_name) VALUES ($1, 'organization', 'lab')", "1" * 24)
    body = {"name": "x", "description": "", "visibility": "Private", "ownerId": "1" * 24}
    assert "organization" in (await admin.post(PROJECTS, body, expect=400))["message"]


async def test_a_list_holds_own_shared_and_open_projects_newest_first(
    ada: Person, bob: Person, admin: Person
) -> None:
    await make(ada, "secret")
    shared = await make(ada, "shared")
    await let(ada, shared, bob, "resultsConsumer")
    await make(ada, "open", "Public")
    await make(ada, "findable", "Searchable")
    listed = await bob.get(PROJECTS)
    assert [one["name"] for one in listed["projects"]] == ["findable", "open", "shared", "quick-start"]
    assert listed["metadata"]["totalCount"] == 4
    page = await bob.get(PROJECTS, offset=1, limit=2)
    assert [one["name"] for one in page["projects"]] == ["open", "shared"]
    everything = await admin.get(PROJECTS)
    assert "secret" in {one["name"] for one in everything["projects"]}
    await bob.get(PROJECTS, offset=-1, expect=400)


async def test_every_way_into_a_project_is_listed_as_it_is_read(
    ada: Person, bob: Person, admin: Person, modelyard: Modelyard
) -> None:
    wanted = {"name": "lab", "members": [{"userId": bob.id, "organizationRole": "member"}]}
    lab = (await ada.post("/api/organizations/v1/organizations", wanted))["org"]
    made = [await make(ada, f"{kind}-{way}", kind) for kind in ("Private", "Searchable") for way in range(4)]
    made += [await make(bob, "own"), await make(bob, "own-open", "Public"), await make(ada, "gone", "Public")]
    for one in (made[1], made[3], made[5], made[7]):
        await let(ada, one, bob, "contributor")
    for one in (made[2], made[3], made[6], made[7]):
        await ada.post(f"{V1}/{one['id']}/collaborators", {"id": lab["id"], "role": "resultsConsumer"})
    made.append(await ada.post("/v4/projects", {"name": "labs", "visibility": "Private", "ownerId": lab["id"]}))
    await ada.delete(f"{PROJECTS}/{made[10]['id']}")
    stranger = await modelyard.person("eve")
    for person, count in ((ada, 10), (bob, 10), (stranger, 5), (admin, 11)):
        readable = []
        for one in reversed(made):
            response = await person.request("GET", f"{V1}/{one['id']}")
            readable += [one["id"]] if response.status_code != 404 else []
        pages = [(await person.get(PROJECTS, offset=offset, limit=3)) for offset in range(0, 15, 3)]
        listed = [one["id"] for page in pages for one in page["projects"] if one["name"] != "quick-start"]
        assert listed == readable
        assert len(readable) == count
        assert {page["metadata"]["totalCount"] for page in pages} == {
            len([x for p in pages for x in p["projects"]])
        }


async def test_a_list_costs_two_queries_beside_authentication(ada: Person, cost: Cost) -> None:
    for number in range(3):
        await make(ada, f"p{number}")
    assert await cost(ada.get(PROJECTS)) == 3
    for relationship in ("Owned", "Collaborating", "Suggesting", "Popular"):
        assert await cost(ada.get("/v4/gateway/projects", relationship=relationship)) == 3


async def test_one_project_costs_one_query_beside_authentication(ada: Person, bob: Person, cost: Cost) -> None:
    made = await make(ada, "churn", "Public")
    await let(ada, made, bob, "contributor")
    for person in (ada, bob):
        await person.get("/api/users/v1/self")
        assert await cost(person.get(f"{V1}/{made['id']}")) == 2


async def test_an_unknown_and_an_invisible_project_look_the_same(
    bob: Person, project: dict[str, Any], modelyard: Modelyard
) -> None:
    invisible = (await bob.get(f"{V1}/{project['id']}", expect=404))["message"]
    unknown = (await bob.get(f"{V1}/{NOBODY}", expect=404))["message"]
    assert invisible.replace(project["id"], "") == unknown.replace(NOBODY, "")
    await modelyard.stranger().get(f"{V1}/{project['id']}", expect=401)
    await bob.get(f"{V1}/a%00b", expect=400)


async def test_a_searchable_project_is_found_but_not_readable(ada: Person, bob: Person, admin: Person) -> None:
    made = await make(ada, "findable", "Searchable")
    await let(ada, made, admin, "contributor")
    found = next(one for one in (await bob.get(PROJECTS))["projects"] if one["name"] == "findable")
    assert found["collaborators"] == []
    by_name = {"ownerName": "ada", "projectName": "findable"}
    known = await bob.get("/v4/gateway/projects/findProjectByOwnerAndName", **by_name)
    assert (known["id"], known["collaborators"]) == (made["id"], [])
    message = (await bob.get(f"{V1}/{made['id']}", expect=403))["message"]
    assert "ListProject" in message
    assert "accessRequests" in message


async def test_an_archived_project_is_gone_and_its_name_is_free(
    ada: Person, project: dict[str, Any], db: Database
) -> None:
    assert (await ada.delete(f"{PROJECTS}/{project['id']}"))["success"] is True
    await ada.get(f"{V1}/{project['id']}", expect=404)
    await ada.delete(f"{PROJECTS}/{project['id']}", expect=404)
    assert [one["name"] for one in (await ada.get(PROJECTS))["projects"]] == ["quick-start"]
    again = await make(ada, "churn")
    assert again["id"] != project["id"]
    actions = await db.values("SELECT action FROM events WHERE project_id = $1 ORDER BY id", project["id"])
    assert actions == ["project.created", "project.archived"]


async def test_only_the_owner_archives(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    await let(ada, project, bob, "contributor")
    message = (await bob.delete(f"{PROJECTS}/{project['id']}", expect=403))["message"]
    assert "ArchiveProject" in message
    assert "ada/churn" in message


async def test_result_settings_are_read_by_readers_and_changed_by_the_owner(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    path = f"{PROJECTS}/{project['id']}/results-settings"
    await bob.get(path, expect=404)
    await let(ada, project, bob, "resultsConsumer")
    assert (await bob.get(path))["resultsSettings"] == {"branch": "main"}
    await bob.put(path, {"branch": "isolated"}, expect=403)
    await ada.put(path, {"branch": "elsewhere"}, expect=400)
    assert (await ada.put(path, {"branch": "isolated"}))["resultsSettings"] == {"branch": "isolated"}
    assert (await bob.get(path))["resultsSettings"] == {"branch": "isolated"}


async def test_status_is_replaced_as_a_whole(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    path = f"{V1}/{project['id']}/status"
    blocked = {"status": "active", "isBlocked": True, "blockedReason": "no data"}
    assert (await ada.put(path, blocked))["status"] == blocked
    complete = {"status": "complete", "isBlocked": False, "completedMessage": "done", "blockedReason": None}
    reply = await ada.put(path, complete)
    assert reply["status"] == {"status": "complete", "isBlocked": False, "completedMessage": "done"}
    private = await ada.get(f"/v4/projects/{project['id']}")
    assert private["status"] == {"status": "complete", "isBlocked": False, "completedMessage": "done"}
    await ada.put(path, {"status": "paused", "isBlocked": False}, expect=400)
    await let(ada, project, bob, "launcherUser")
    await bob.put(path, blocked, expect=403)


async def test_collaborators_come_change_roles_and_go(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    path = f"{V1}/{project['id']}/collaborators"
    await let(ada, project, bob, "launcherUser")
    await let(ada, project, bob, "resultsConsumer")
    seen = (await bob.get(f"{V1}/{project['id']}"))["project"]
    assert seen["collaborators"] == [{"id": bob.id, "role": "resultsConsumer"}]
    await bob.post(path, {"id": bob.id, "role": "contributor"}, expect=403)
    await ada.post(path, {"id": NOBODY, "role": "contributor"}, expect=400)
    await ada.post(path, {"id": ada.id, "role": "contributor"}, expect=400)
    await ada.post(path, {"id": bob.id, "role": "owner"}, expect=400)
    await ada.delete(f"{path}/{bob.id}")
    await ada.delete(f"{path}/{bob.id}", expect=404)
    await bob.get(f"{V1}/{project['id']}", expect=404)
