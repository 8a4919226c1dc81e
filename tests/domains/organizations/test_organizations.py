"""Organizations: who is in one, who may change that, and what membership gives."""

from typing import Any

import pytest

from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.conftest import Cost
from tests.domains.projects.conftest import let, make

ORGS = "/api/organizations/v1/organizations"
NOBODY = "0" * 24


@pytest.fixture
async def lab(ada: Person) -> dict[str, Any]:
    """Ada's organization `lab`, without other members."""
    return await found(ada, "lab")


async def found(person: Person, name: str, **members: Person) -> dict[str, Any]:
    """A new organization with members by their roles."""
    listed = [{"userId": member.id, "organizationRole": role} for role, member in members.items()]
    made: dict[str, Any] = (await person.post(ORGS, {"name": name, "members": listed}))["org"]
    return made


async def join(admin: Person, org: dict[str, Any], person: Person, role: str = "member") -> dict[str, Any]:
    """Puts a person into an organization."""
    body = {"userId": person.id, "organizationRole": role}
    changed: dict[str, Any] = (await admin.put(f"{ORGS}/{org['id']}/user", body))["org"]
    return changed


def roles(org: dict[str, Any]) -> dict[str, str]:
    return {member["userId"]: member["organizationRole"] for member in org["members"]}


async def test_its_maker_is_an_admin_listed_or_not(ada: Person, bob: Person, lab: dict[str, Any]) -> None:
    assert lab["name"] == "lab"
    assert roles(lab) == {ada.id: "admin"}
    other = await found(ada, "other", member=bob)
    assert roles(other) == {ada.id: "admin", bob.id: "member"}
    body = {"name": "third", "members": [{"userId": ada.id, "organizationRole": "member"}]}
    assert roles((await ada.post(ORGS, body))["org"]) == {ada.id: "admin"}


@pytest.mark.parametrize("name", ["", "two words", "a/b", "-lab", "a\0b", "n" * 101])
async def test_names_that_cannot_be_used_are_refused(ada: Person, name: str) -> None:
    assert "name" in (await ada.post(ORGS, {"name": name, "members": []}, expect=400))["message"]


async def test_a_name_is_taken_once_among_people_and_organizations(
    ada: Person, bob: Person, lab: dict[str, Any], db: Database
) -> None:
    for name in ("LAB", "bob"):
        body = {"name": name, "members": []}
        assert "taken" in (await ada.post(ORGS, body, expect=400))["message"]
    assert await db.value("SELECT count(*) FROM users WHERE kind = 'organization'") == 1


async def test_only_people_who_exist_become_members_and_nothing_is_half_made(
    ada: Person, lab: dict[str, Any], db: Database
) -> None:
    for stranger in (NOBODY, lab["id"]):
        body = {"name": "new", "members": [{"userId": stranger, "organizationRole": "member"}]}
        assert "person" in (await ada.post(ORGS, body, expect=400))["message"]
    assert await db.value("SELECT count(*) FROM users WHERE user_name = 'new'") == 0
    body = {"userId": NOBODY, "organizationRole": "member"}
    await ada.put(f"{ORGS}/{lab['id']}/user", body, expect=400)
    body = {"userId": ada.id, "organizationRole": "king"}
    await ada.put(f"{ORGS}/{lab['id']}/user", body, expect=400)


async def test_members_read_it_and_others_do_not_know_of_it(
    ada: Person, bob: Person, admin: Person, modelyard: Modelyard, lab: dict[str, Any]
) -> None:
    path = f"{ORGS}/{lab['id']}"
    await bob.get(path, expect=404)
    await modelyard.stranger().get(path, expect=401)
    await join(ada, lab, bob)
    assert roles((await bob.get(path))["org"]) == {ada.id: "admin", bob.id: "member"}
    assert (await admin.get(path))["org"]["name"] == "lab"
    await ada.get(f"{ORGS}/{NOBODY}", expect=404)
    await ada.get(f"{ORGS}/{ada.id}", expect=404)


async def test_admins_change_who_is_in_it_and_members_do_not(
    ada: Person, bob: Person, admin: Person, lab: dict[str, Any]
) -> None:
    path = f"{ORGS}/{lab['id']}/user"
    body = {"userId": bob.id, "organizationRole": "admin"}
    await bob.put(path, body, expect=404)
    await join(ada, lab, bob)
    assert "EditMembers" in (await bob.put(path, body, expect=403))["message"]
    await bob.delete(path, memberToRemoveId=ada.id, expect=403)
    assert roles(await join(ada, lab, bob, "admin"))[bob.id] == "admin"
    reply = await bob.delete(path, memberToRemoveId=ada.id)
    assert roles(reply["org"]) == {bob.id: "admin"}
    assert roles(await join(admin, lab, ada)) == {ada.id: "member", bob.id: "admin"}


async def test_members_leave_by_themselves(ada: Person, bob: Person, lab: dict[str, Any]) -> None:
    path = f"{ORGS}/{lab['id']}/user"
    await bob.delete(path, memberToRemoveId=bob.id, expect=404)
    await join(ada, lab, bob)
    assert roles((await bob.delete(path, memberToRemoveId=bob.id))["org"]) == {ada.id: "admin"}
    await bob.get(f"{ORGS}/{lab['id']}", expect=404)


async def test_the_last_admin_stays(ada: Person, bob: Person, lab: dict[str, Any]) -> None:
    path = f"{ORGS}/{lab['id']}/user"
    await join(ada, lab, bob)
    assert "last admin" in (await ada.delete(path, memberToRemoveId=ada.id, expect=400))["message"]
    body = {"userId": ada.id, "organizationRole": "member"}
    assert "last admin" in (await ada.put(path, body, expect=400))["message"]
    await ada.delete(path, memberToRemoveId=NOBODY, expect=404)
    await ada.delete(path, expect=400)


async def test_the_own_list_filters_by_the_whole_name_and_the_administrators_by_a_part(
    ada: Person, bob: Person, admin: Person
) -> None:
    for name in ("lab", "lab-two", "works"):
        await found(ada, name)
    await found(bob, "bobs-lab")
    mine = await ada.get(ORGS)
    assert [org["name"] for org in mine["orgs"]] == ["lab", "lab-two", "works"]
    assert mine["metadata"]["totalCount"] == 3
    assert [org["name"] for org in (await ada.get(ORGS, nameFilter="lab"))["orgs"]] == ["lab"]
    assert (await ada.get(ORGS, nameFilter="la"))["orgs"] == []
    assert [org["name"] for org in (await ada.get(ORGS, offset=1, limit=1))["orgs"]] == ["lab-two"]
    everything = await admin.get(f"{ORGS}/all", nameFilter="LAB")
    assert [org["name"] for org in everything["orgs"]] == ["bobs-lab", "lab", "lab-two"]
    of_bob = await admin.get(f"{ORGS}/all", userIdFilter=bob.id)
    assert [org["name"] for org in of_bob["orgs"]] == ["bobs-lab"]
    assert "ManageOrganizations" in (await ada.get(f"{ORGS}/all", expect=403))["message"]
    await ada.get(ORGS, limit=-1, expect=400)


async def test_what_an_organization_is_given_its_members_have(
    ada: Person, bob: Person, lab: dict[str, Any]
) -> None:
    project = await make(bob, "shared")
    path = f"/api/projects/v1/projects/{project['id']}"
    await ada.get(path, expect=404)
    await bob.post(f"{path}/collaborators", {"id": lab["id"], "role": "resultsConsumer"})
    assert (await ada.get(path))["project"]["collaborators"] == [{"id": lab["id"], "role": "resultsConsumer"}]
    assert "shared" in {one["name"] for one in (await ada.get("/api/projects/beta/projects"))["projects"]}
    await ada.post(f"{path}/goals", {"title": "t"}, expect=403)
    await let(bob, project, ada, "contributor")
    await ada.post(f"{path}/goals", {"title": "t"})
    await bob.delete(f"{path}/collaborators/{ada.id}")
    await ada.post(f"{path}/goals", {"title": "t"}, expect=403)
    await bob.delete(f"{path}/collaborators/{lab['id']}")
    await ada.get(path, expect=404)


async def test_members_own_the_projects_of_their_organization(
    ada: Person, bob: Person, admin: Person, lab: dict[str, Any]
) -> None:
    body = {"name": "ours", "ownerId": lab["id"], "visibility": "Private"}
    await bob.post("/v4/projects", body, expect=403)
    made = await ada.post("/v4/projects", body)
    assert (made["ownerId"], made["ownerUsername"]) == (lab["id"], "lab")
    await bob.get(f"/v4/projects/{made['id']}", expect=404)
    await join(ada, lab, bob)
    found_by_name = await bob.get(
        "/v4/gateway/projects/findProjectByOwnerAndName", ownerName="lab", projectName="ours"
    )
    assert found_by_name["id"] == made["id"]
    assert "ours" in {one["name"] for one in await bob.get("/v4/gateway/projects", relationship="Owned")}
    await ada.delete(f"{ORGS}/{lab['id']}/user", memberToRemoveId=bob.id)
    await bob.delete(f"/v4/projects/{made['id']}", expect=404)
    await ada.delete(f"/v4/projects/{made['id']}")
    await admin.post("/v4/projects", body)
    based = body | {"name": "based", "mainRepository": {"uri": "https://git.example.org/m.git"}}
    assert (await ada.post("/v4/projects", based))["mainRepository"]["name"] == "m"
    public = {"name": "x", "description": "", "visibility": "Private", "ownerId": lab["id"]}
    assert "person" in (await ada.post("/api/projects/beta/projects", public, expect=400))["message"]


async def test_an_organization_has_no_keys_of_its_own(admin: Person, ada: Person, lab: dict[str, Any]) -> None:
    await admin.post(f"/v4/users/{lab['id']}/apiKeys", {"label": "x"}, expect=404)
    await admin.get(f"/api/users/beta/credentials/{lab['id']}", expect=404)


async def test_changes_are_events(ada: Person, bob: Person, lab: dict[str, Any], db: Database) -> None:
    await join(ada, lab, bob)
    await ada.delete(f"{ORGS}/{lab['id']}/user", memberToRemoveId=bob.id)
    actions = await db.values("SELECT action FROM events WHERE target_id = $1 ORDER BY id", lab["id"])
    assert actions[-3:] == ["organization.created", "organization.memberAdded", "organization.memberRemoved"]


async def test_lists_cost_two_queries_beside_authentication(
    ada: Person, bob: Person, admin: Person, lab: dict[str, Any], cost: Cost
) -> None:
    await found(ada, "second", member=bob)
    await admin.get(f"{ORGS}/all")
    assert await cost(ada.get(ORGS)) == 3
    assert await cost(admin.get(f"{ORGS}/all", nameFilter="a", userIdFilter=bob.id)) == 3
    assert await cost(ada.get(f"{ORGS}/{lab['id']}")) == 2


async def test_a_page_has_the_organizations_of_its_window_with_all_their_members(
    ada: Person, bob: Person, admin: Person
) -> None:
    for name in ("Delta", "alpha", "Charlie", "bravo"):
        await found(ada, name, member=bob)
    page = await bob.get(ORGS, offset=1, limit=2)
    assert [one["name"] for one in page["orgs"]] == ["bravo", "Charlie"]
    assert [roles(one) for one in page["orgs"]] == [{ada.id: "admin", bob.id: "member"}] * 2
    assert page["metadata"]["totalCount"] == 4
    assert [one["name"] for one in (await admin.get(f"{ORGS}/all", offset=3))["orgs"]] == ["Delta"]
