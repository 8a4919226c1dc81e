"""Datasets: how they are made and named, who finds them, how they change and go."""

import asyncio
from typing import Any

import pytest

from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.conftest import Cost
from tests.domains.datasets.conftest import (
    EDITOR,
    NOBODY,
    OWNER,
    READER,
    V1,
    V2,
    grant,
    make_dataset,
    names,
    put_snapshot,
)
from tests.domains.organizations.test_organizations import found, join
from tests.domains.projects.conftest import let, make


async def roles(person: Person, dataset: dict[str, Any]) -> dict[str, str]:
    """Who has which role on a dataset, by name."""
    listed = (await person.get(f"{V1}/{dataset['id']}/grants"))["grantDetails"]
    return {one["targetName"]: one["targetRole"] for one in listed}


async def test_a_dataset_is_made_in_a_project_and_its_maker_owns_it(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    lab = await found(bob, "lab")
    wanted = [{"targetId": bob.id, "targetRole": EDITOR}, {"targetId": lab["id"], "targetRole": "datasetRWreader"}]
    made = await make_dataset(ada, project, "calls", description="who called", grants=wanted)
    assert (made["name"], made["description"], made["projectId"]) == ("calls", "who called", project["id"])
    assert (made["snapshotIds"], made["tags"]) == ([], {})
    assert (await ada.get(f"{V1}/{made['id']}"))["dataset"] == made
    assert await roles(ada, made) == {"ada": OWNER, "bob": EDITOR, "lab": READER}


async def test_whoever_makes_a_dataset_owns_it_whatever_role_they_ask_for(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    wanted = [{"targetId": ada.id, "targetRole": READER}, {"targetId": bob.id, "targetRole": OWNER}]
    made = await make_dataset(ada, project, "calls", grants=wanted)
    assert await roles(ada, made) == {"ada": OWNER, "bob": OWNER}


@pytest.mark.parametrize("name", ["", "two words", "a/b", "-calls", ".calls", "a\0b", "n" * 101, "é", "calls\n"])
async def test_names_that_cannot_be_used_are_refused(ada: Person, dataset: dict[str, Any], name: str) -> None:
    body = {"name": name, "projectId": dataset["projectId"]}
    assert "name" in (await ada.post(V1, body, expect=400))["message"]
    assert "name" in (await ada.patch(f"{V1}/{dataset['id']}", {"name": name}, expect=400))["message"]


@pytest.mark.parametrize("name", ["local", "Snapshot", "SNAPSHOTS"])
async def test_names_of_what_lies_beside_datasets_are_refused(
    ada: Person, dataset: dict[str, Any], name: str
) -> None:
    body = {"name": name, "projectId": dataset["projectId"]}
    assert "other things" in (await ada.post(V1, body, expect=400))["message"]
    await ada.patch(f"{V1}/{dataset['id']}", {"name": name}, expect=400)


async def test_a_name_is_taken_once_in_a_project_whatever_its_case(
    ada: Person, dataset: dict[str, Any], project: dict[str, Any]
) -> None:
    body = {"name": "CALLS", "projectId": project["id"]}
    assert "already" in (await ada.post(V1, body, expect=400))["message"]
    other = await make_dataset(ada, project, "other")
    assert "already" in (await ada.patch(f"{V1}/{other['id']}", {"name": "Calls"}, expect=400))["message"]
    await make_dataset(ada, await make(ada, "elsewhere"), "calls")
    renamed = await ada.patch(f"{V1}/{dataset['id']}", {"name": "Calls"})
    assert renamed["dataset"]["name"] == "Calls"
    await ada.delete(f"{V1}/{dataset['id']}")
    await make_dataset(ada, project, "calls")


async def test_of_those_who_take_a_name_at_the_same_time_one_gets_it(ada: Person, project: dict[str, Any]) -> None:
    others = [await make_dataset(ada, project, f"d{number}") for number in range(4)]
    replies = await asyncio.gather(
        *(ada.request("PATCH", f"{V1}/{one['id']}", json={"name": "new"}) for one in others),
        *(ada.request("POST", V1, json={"name": "new", "projectId": project["id"]}) for _ in range(4)),
    )
    assert sorted(reply.status_code for reply in replies) == [200] + [400] * 7


async def test_grants_that_cannot_be_given_are_refused_and_nothing_is_half_made(
    ada: Person, bob: Person, project: dict[str, Any], db: Database
) -> None:
    lab = await found(bob, "lab")
    refused = {(NOBODY, READER): "no account", (lab["id"], OWNER): "cannot own", (bob.id, "King"): "grants"}
    for (target, role), complaint in refused.items():
        body = {"name": "x", "projectId": project["id"], "grants": [{"targetId": target, "targetRole": role}]}
        assert complaint in (await ada.post(V1, body, expect=400))["message"]
    assert await db.value("SELECT count(*) FROM datasets") == 0


async def test_a_new_dataset_is_either_in_a_project_or_from_a_snapshot(
    ada: Person, project: dict[str, Any]
) -> None:
    for more in ({}, {"projectId": project["id"], "snapshotId": NOBODY}, {"projectId": "", "snapshotId": None}):
        assert "either" in (await ada.post(V1, {"name": "x"} | more, expect=400))["message"]
    await ada.post(V1, {"projectId": project["id"]}, expect=400)
    response = await ada.request("POST", V1, content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 400
    await ada.post(V1, {"name": "x", "projectId": NOBODY}, expect=404)
    await ada.post(V1, {"name": "x", "snapshotId": NOBODY}, expect=404)


async def test_a_dataset_is_made_from_a_snapshot_in_the_same_project_for_its_maker_alone(
    ada: Person, bob: Person, project: dict[str, Any], dataset: dict[str, Any], db: Database
) -> None:
    reply = await ada.post(f"{V1}/{dataset['id']}/snapshots", {"relativeFilePaths": []})
    snapshot = reply["snapshot"]["id"]
    body = {
        "name": "again",
        "snapshotId": snapshot,
        "projectId": None,
        "grants": [{"targetId": NOBODY, "targetRole": OWNER}],
    }
    await let(ada, project, bob, "contributor")
    await bob.post(V1, body, expect=404)
    await grant(ada, dataset, bob.id, READER)
    made = (await bob.post(V1, body))["dataset"]
    assert made["projectId"] == project["id"]
    assert await roles(bob, made) == {"bob": OWNER}
    assert await db.values("SELECT subject_id FROM work WHERE kind = 'datasets.fill'") == [made["id"]]
    sql = "SELECT details->>'snapshotId' FROM events WHERE action = 'dataset.created' AND target_id = $1"
    assert await db.value(sql, made["id"]) == snapshot
    await let(ada, project, bob, "resultsConsumer")
    assert "ManageDatasetsRw" in (await bob.post(V1, body | {"name": "third"}, expect=403))["message"]


@pytest.mark.parametrize("status", ["pending", "copying", "failed", "markForDeletion", "deleted"])
async def test_only_active_snapshots_make_a_dataset(
    ada: Person, dataset: dict[str, Any], db: Database, status: str
) -> None:
    body = {"name": "again", "snapshotId": await put_snapshot(db, dataset, status)}
    assert status in (await ada.post(V1, body, expect=400))["message"]
    assert await db.value("SELECT count(*) FROM work") == 0


async def test_people_see_what_they_have_a_role_on_and_administrators_everything(
    ada: Person, bob: Person, admin: Person, modelyard: Modelyard, project: dict[str, Any], dataset: dict[str, Any]
) -> None:
    path = f"{V1}/{dataset['id']}"
    await let(ada, project, bob, "contributor")
    await bob.get(path, expect=404)
    await modelyard.stranger().get(path, expect=401)
    await ada.get(f"{V1}/{NOBODY}", expect=404)
    assert (await admin.get(path))["dataset"] == dataset
    for listing in (V1, V2):
        assert [await names(one, listing) for one in (ada, bob, admin)] == [["calls"], [], ["calls"]]
    await grant(ada, dataset, bob.id, READER)
    assert (await bob.get(path))["dataset"]["name"] == "calls"


async def test_members_see_what_their_organization_has_a_role_on(
    ada: Person, bob: Person, dataset: dict[str, Any]
) -> None:
    carla = await ada.modelyard.person("carla")
    lab = await found(bob, "lab")
    await join(bob, lab, carla)
    await grant(ada, dataset, lab["id"], READER)
    assert await names(carla) == ["calls"]
    await carla.patch(f"{V1}/{dataset['id']}", {"description": "d"}, expect=403)
    await grant(ada, dataset, carla.id, EDITOR)
    await carla.patch(f"{V1}/{dataset['id']}", {"description": "d"})
    await bob.delete(f"/api/organizations/v1/organizations/{lab['id']}/user", memberToRemoveId=carla.id)
    assert await names(carla) == ["calls"]
    assert await names(bob) == ["calls"]


async def test_the_first_list_is_filtered_by_one_project(ada: Person, dataset: dict[str, Any]) -> None:
    other = await make(ada, "other")
    await make_dataset(ada, other, "bills")
    assert await names(ada, V1) == ["bills", "calls"]
    assert await names(ada, V1, projectId=other["id"]) == ["bills"]
    assert await names(ada, V1, projectId=NOBODY) == []
    page = await ada.get(V1, offset=1, limit=1)
    assert [one["name"] for one in page["datasets"]] == ["calls"]
    assert page["metadata"]["totalCount"] == 2
    await ada.get(V1, limit=-1, expect=400)


async def test_the_second_list_takes_projects_to_include_or_to_exclude(ada: Person) -> None:
    projects = [(await make(ada, name))["id"] for name in ("p1", "p2", "p3")]
    for number, project in enumerate(projects, 1):
        await make_dataset(ada, {"id": project}, f"d{number}")
    first, second, _ = projects
    assert await names(ada, projectIdsToInclude=[first, second]) == ["d2", "d1"]
    assert await names(ada, projectIdsToInclude=f"{first},{second}") == ["d2", "d1"]
    assert await names(ada, projectIdsToExclude=[first, NOBODY]) == ["d3", "d2"]
    assert await names(ada, projectIdsToInclude="", projectIdsToExclude=first) == ["d3", "d2"]
    page = await ada.get(V2, projectIdsToExclude=first, limit=1)
    assert [one["dataset"]["name"] for one in page["datasets"]] == ["d3"]
    assert page["metadata"]["totalCount"] == 2
    both = {"projectIdsToInclude": first, "projectIdsToExclude": second}
    assert "not both" in (await ada.get(V2, expect=400, **both))["message"]


async def test_the_second_list_shows_what_the_caller_has_a_right_on(
    ada: Person, bob: Person, admin: Person, project: dict[str, Any]
) -> None:
    for role in (READER, EDITOR, OWNER):
        made = await make_dataset(ada, project, role)
        await grant(ada, made, bob.id, role)
    lab = await found(bob, "lab")
    await grant(ada, await make_dataset(ada, project, "lab"), lab["id"], EDITOR)

    async def shown(right: str) -> list[str]:
        return await names(bob, minimumPermission=right)

    everything = ["lab", OWNER, EDITOR, READER]
    assert await names(bob) == everything
    for right in ("ListDatasetRwV2", "readdatasetrwv2", "PerformDatasetRwActionsInProjectV2"):
        assert await shown(right) == everything
    assert await shown("UpdateDatasetRwV2") == ["lab", OWNER, EDITOR]
    for right in ("EditSecurityDatasetRwV2", "DeleteDatasetRwV2", "PermanentDeleteDatasetRwV2"):
        assert await shown(right) == [OWNER]
    assert await shown("PerformDatasetRwActionsAsAdminV2") == []
    assert await names(admin, minimumPermission="PerformDatasetRwActionsAsAdminV2") == everything
    await bob.get(V2, minimumPermission="ArchiveProject", expect=400)


async def test_projects_are_named_where_that_is_asked_for(ada: Person, dataset: dict[str, Any]) -> None:
    (plain,) = (await ada.get(V2))["datasets"]
    assert plain == {"dataset": dataset}
    (full,) = (await ada.get(V2, includeProjectInfo="true"))["datasets"]
    info = {"projectId": dataset["projectId"], "projectName": "churn", "projectOwnerUsername": "ada"}
    assert full == {"dataset": dataset, "projectInfo": info}


async def test_datasets_of_archived_projects_are_listed_on_demand_and_read_by_id(
    ada: Person, admin: Person, dataset: dict[str, Any], db: Database
) -> None:
    snapshot = await put_snapshot(db, dataset)
    await ada.delete(f"/api/projects/beta/projects/{dataset['projectId']}")
    for person in (ada, admin):
        assert await names(person) == await names(person, V1) == []
        assert await names(person, includeArchivedProjects="true") == ["calls"]
    assert (await ada.get(f"{V1}/{dataset['id']}"))["dataset"]["name"] == "calls"
    await ada.post(V1, {"name": "x", "projectId": dataset["projectId"]}, expect=404)
    await ada.post(V1, {"name": "x", "snapshotId": snapshot}, expect=404)


async def test_name_and_description_change_alone(ada: Person, dataset: dict[str, Any], db: Database) -> None:
    path = f"{V1}/{dataset['id']}"
    await ada.patch(path, {"description": "who called"})
    changed = (await ada.patch(path, {"name": "bills", "description": None}))["dataset"]
    assert (changed["name"], changed["description"]) == ("bills", "who called")
    assert (await ada.patch(path, {}))["dataset"] == changed
    assert (await ada.patch(path, {"description": ""}))["dataset"]["description"] == ""
    await ada.patch(path, {"description": "x" * 20_001}, expect=400)
    details = await db.values("SELECT details FROM events WHERE action = 'dataset.updated' ORDER BY id")
    assert details[1]["before"] == {"name": "calls", "description": "who called"}


async def test_a_deleted_dataset_is_gone_with_its_tags_links_and_snapshots(
    ada: Person, admin: Person, dataset: dict[str, Any], db: Database
) -> None:
    other = await make(ada, "other")
    await ada.post(f"/api/projects/v1/projects/{other['id']}/shared-datasets", {"datasetId": dataset["id"]})
    snapshots = {
        status: await put_snapshot(db, dataset, status)
        for status in ("pending", "copying", "active", "failed", "deletionInProgress", "deleted")
    }
    path = f"{V1}/{dataset['id']}"
    await ada.post(f"{path}/tags", {"tagName": "latest", "snapshotId": snapshots["active"]})
    last = (await ada.delete(path))["dataset"]
    assert (last["id"], last["tags"]) == (dataset["id"], {"latest": snapshots["active"]})
    for person in (ada, admin):
        await person.get(path, expect=404)
        await person.get(f"/api/datasetrw/v1/snapshots/{snapshots['active']}", expect=404)
        assert await names(person, includeArchivedProjects="true") == []
    await ada.delete(path, expect=404)
    after = {row["id"]: row["status"] for row in await db.rows(dict, "SELECT id, status FROM dataset_snapshots")}
    left = {"deletionInProgress", "deleted"}
    assert {was: after[one] for was, one in snapshots.items()} == {
        was: was if was in left else "markForDeletion" for was in snapshots
    }
    assert await db.value("SELECT count(*) FROM dataset_tags") == 0
    assert await db.value("SELECT count(*) FROM shared_datasets") == 0
    assert await db.values("SELECT subject_id FROM work WHERE kind = 'datasets.reclaim'") == ["store"]


async def test_of_those_who_delete_a_dataset_at_once_one_does(ada: Person, dataset: dict[str, Any]) -> None:
    replies = await asyncio.gather(*(ada.request("DELETE", f"{V1}/{dataset['id']}") for _ in range(3)))
    assert sorted(reply.status_code for reply in replies) == [200, 404, 404]


async def test_changes_are_events_of_the_project_under_the_name_of_the_dataset(
    ada: Person, admin: Person, dataset: dict[str, Any]
) -> None:
    await ada.patch(f"{V1}/{dataset['id']}", {"name": "bills"})
    trail = await admin.get("/api/audittrail/v1/auditevents", targetType="dataset", targetName="bills")
    assert [one["action"]["eventName"] for one in trail["events"]] == ["dataset.updated", "dataset.created"]
    assert trail["events"][0]["in"]["id"] == dataset["projectId"]
    (change,) = trail["events"][0]["targets"][0]["fieldChanges"]
    assert (change["fieldName"], change["before"], change["after"]) == ("name", "calls", "bills")


async def test_lists_cost_two_queries_beside_authentication(
    ada: Person, admin: Person, project: dict[str, Any], db: Database, cost: Cost
) -> None:
    for number in range(5):
        made = await make_dataset(ada, project, f"d{number}")
        snapshot = await put_snapshot(db, made)
        await ada.post(f"{V1}/{made['id']}/tags", {"tagName": "latest", "snapshotId": snapshot})
    await admin.get(V2)
    for person in (ada, admin):
        assert await cost(person.get(V1)) == 3
        assert await cost(person.get(V2, includeProjectInfo="true", projectIdsToInclude=project["id"])) == 3
        assert await cost(person.get(f"{V1}/{made['id']}")) == 2
