"""Who sees which models, through lists and by name; how lists are paged and searched."""

from typing import Any
from urllib.parse import quote

import pytest

from modelyard.kit.db import Database
from tests.client import Person
from tests.conftest import Cost
from tests.domains.projects.conftest import make
from tests.domains.registered_models.conftest import V1, at, give_role, put_model, put_version

NAMES = [
    "team/churn",
    "ü 😀 模型",
    "50%",
    "a%2Fb",
    "a%252Fb",
    "x+y&z=1;?#",
    "dots...",
    "a//b",
    "/a/",
    "versions",
    "'\"\\",
]


async def _names(person: Person, path: str = V1, **params: Any) -> list[str]:
    listed = (await person.get(path, **params))["items"]
    return [one if isinstance(one, str) else one["name"] for one in listed]


async def test_a_model_shows_its_details_and_what_the_caller_may_do(ada: Person, project: dict[str, Any]) -> None:
    model = await put_model(ada, project, "churn", team="a")
    assert "latestVersion" not in await ada.get(at("churn"))
    await put_version(ada.modelyard.db, model)
    found = await ada.get(at("churn"))
    assert found["project"] == {
        "id": project["id"],
        "name": "churn",
        "ownerUsername": "ada",
        "isGitBasedProject": False,
    }
    assert (found["ownerUsername"], found["latestVersion"], found["discoverable"]) == ("ada", 1, False)
    assert found["tags"] == {
        "team": "a",
        "mlflow.domino.user": "ada",
        "mlflow.domino.user_id": ada.id,
        "mlflow.domino.project_id": project["id"],
        "mlflow.domino.project": "churn",
        "mlflow.domino.project_name": "churn",
    }
    assert set(found["requestingUserAccess"].values()) == {True}


async def test_models_of_invisible_projects_look_like_none(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await put_version(ada.modelyard.db, await put_model(ada, project, "churn"))
    for path in ("", "/versions", "/versions/1", "/modelapis", "/versions/1/modelapis"):
        reply = await bob.get(at("churn", path), expect=404)
        assert reply["message"] == (await bob.get(at("nothing", path), expect=404))["message"].replace(
            "nothing", "churn"
        )
    assert await _names(bob) == await _names(bob, f"{V1}/names") == await _names(bob, f"{V1}/ui") == []


async def test_a_discoverable_model_shows_everybody_its_basic_details_and_no_more(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await put_version(ada.modelyard.db, await put_model(ada, project, "churn", discoverable=True), auc=0.9)
    found = await bob.get(at("churn"))
    assert found["project"]["ownerUsername"] == "ada"
    assert set(found["requestingUserAccess"].values()) == {False}
    for path in ("/versions", "/versions/1", "/modelapis", "/versions/1/modelapis"):
        assert "ViewJobs" in (await bob.get(at("churn", path), expect=403))["message"]
    assert await _names(bob) == await _names(bob, f"{V1}/names") == ["churn"]
    assert await _names(bob, f"{V1}/ui") == []
    shown = await bob.get(f"{V1}/ui", globallyDiscoverable="true")
    assert [one["name"] for one in shown["items"]] == ["churn"]
    assert "latestVersionExperimentMetrics" not in shown["items"][0]


@pytest.mark.parametrize(
    ("role", "reads", "edits"),
    [("contributor", True, True), ("launcherUser", True, False), ("projectImporter", False, False)],
)
async def test_roles_in_the_project_decide(
    ada: Person, bob: Person, project: dict[str, Any], role: str, reads: bool, edits: bool
) -> None:
    await put_version(ada.modelyard.db, await put_model(ada, project, "churn"))
    await give_role(ada, project, bob, role)
    for path in ("", "/versions", "/versions/1"):
        await bob.get(at("churn", path), expect=200 if reads else 403)
    assert await _names(bob) == (["churn"] if reads else [])
    await bob.patch(at("churn"), {"description": "x"}, expect=200 if edits else 403)


async def test_searchable_projects_show_that_a_model_is_there_and_public_ones_show_it(
    ada: Person, bob: Person
) -> None:
    for visibility, status, listed in (("Searchable", 403, []), ("Public", 200, ["of-Public"])):
        await put_model(ada, await make(ada, f"p-{visibility}", visibility=visibility), f"of-{visibility}")
        await bob.get(at(f"of-{visibility}"), expect=status)
        assert await _names(bob) == listed


async def test_models_of_archived_projects_are_gone(ada: Person, admin: Person, project: dict[str, Any]) -> None:
    await put_model(ada, project, "churn", discoverable=True)
    await ada.delete(f"/api/projects/beta/projects/{project['id']}")
    for person in (ada, admin):
        await person.get(at("churn"), expect=404)
        assert await _names(person) == []


async def test_administrators_see_everything(ada: Person, admin: Person, project: dict[str, Any]) -> None:
    await put_version(ada.modelyard.db, await put_model(ada, project, "churn"))
    assert (
        await _names(admin) == await _names(admin, f"{V1}/names") == await _names(admin, f"{V1}/ui") == ["churn"]
    )
    await admin.get(at("churn", "/versions/1"))


@pytest.mark.parametrize("name", NAMES)
async def test_names_with_slashes_and_anything_else(ada: Person, project: dict[str, Any], name: str) -> None:
    model = await put_model(ada, project, name)
    await put_version(ada.modelyard.db, model)
    await put_version(ada.modelyard.db, model)
    for prefix in (V1, "/api/registeredmodels/beta"):
        path = f"{prefix}/{quote(name, safe='')}"
        assert (await ada.get(path))["name"] == name
        assert (await ada.get(f"{path}/versions"))["items"][0]["modelName"] == name
        assert (await ada.get(f"{path}/versions/2"))["modelVersion"] == 2
        changed = await ada.patch(path, {"description": prefix})
        assert (changed["name"], changed["description"]) == (name, prefix)
    assert await _names(ada) == [name]


async def test_a_slash_that_is_not_encoded_is_one_between_parts(ada: Person, project: dict[str, Any]) -> None:
    await put_model(ada, project, "team/churn")
    await ada.get(f"{V1}/team/churn", expect=404)
    await ada.get(f"{V1}/team%252Fchurn", expect=404)
    assert (await ada.get(f"{V1}//team%2fchurn"))["name"] == "team/churn"


async def test_lists_are_paged_by_token_names_and_versions_by_offset(ada: Person, project: dict[str, Any]) -> None:
    for number in range(5):
        model = await put_model(ada, project, f"m{number}")
    for path in (V1, f"{V1}/ui"):
        seen, token = [], None
        while True:
            page = await ada.get(path, maxResults=2, **({"pageToken": token} if token else {}))
            seen += [one["name"] for one in page["items"]]
            token = page["metadata"].get("nextPageToken")
            assert page["metadata"]["pagination"] == ({"nextPageToken": token} if token else {})
            if not token:
                break
        assert seen == ["m0", "m1", "m2", "m3", "m4"]
        await ada.get(path, pageToken="nonsense", expect=400)
        await ada.get(path, maxResults=-1, expect=400)
    names = await ada.get(f"{V1}/names", offset=3, limit=10)
    assert names["items"] == ["m3", "m4"]
    assert (names["metadata"]["totalCount"], names["metadata"]["offset"], names["metadata"]["limit"]) == (5, 3, 10)
    assert (await ada.get(f"{V1}/names", offset=99))["metadata"]["totalCount"] == 5
    for _ in range(3):
        await put_version(ada.modelyard.db, model)
    listed = await ada.get(at("m4", "/versions"), offset=1, limit=1)
    assert [one["modelVersion"] for one in listed["items"]] == [2]
    assert listed["metadata"]["totalCount"] == 3
    assert (await ada.get(at("m4", "/versions")))["metadata"]["limit"] == 20
    assert (await ada.get(at("m4", "/versions"), offset=9))["metadata"]["totalCount"] == 3


async def test_lists_are_searched_and_ordered(ada: Person, project: dict[str, Any]) -> None:
    other = await make(ada, "other")
    await put_model(ada, project, "churn", team="a")
    await put_model(ada, project, "Churn 2", team="b")
    await put_model(ada, other, "fraud", team="a")
    prompt = await put_model(ada, project, "prompt")
    await ada.modelyard.db.execute(
        'UPDATE registered_models SET tags = tags || \'{"mlflow.prompt.is_prompt": "true"}\' WHERE id = $1',
        prompt.id,
    )
    for path, key in ((V1, "searchPattern"), (f"{V1}/ui", "searchPattern"), (f"{V1}/names", "search")):
        assert sorted(await _names(ada, path)) == ["Churn 2", "churn", "fraud"]
        assert sorted(await _names(ada, path, **{key: "CHURN"})) == ["Churn 2", "churn"]
        assert await _names(ada, path, **{key: "name = 'churn'"}) == ["churn"]
        assert sorted(await _names(ada, path, **{key: "tags.team = 'a'"})) == ["churn", "fraud"]
        assert await _names(ada, path, **{key: "tags.`mlflow.prompt.is_prompt` = 'true'"}) == ["prompt"]
        assert await _names(ada, path, projectId=other["id"]) == ["fraud"]
        assert await _names(ada, path, projectId="0" * 24) == []
        await ada.get(path, **{key: "nothing = 'x'"}, expect=400)
    assert await _names(ada, orderBy="last_updated_timestamp DESC") == ["fraud", "Churn 2", "churn"]
    assert (await _names(ada, orderBy="name DESC"))[0] == "fraud"
    await ada.get(V1, orderBy="size", expect=400)


async def test_the_list_for_people_has_the_metrics_of_the_latest_version(
    ada: Person, project: dict[str, Any], db: Database
) -> None:
    model = await put_model(ada, project, "churn")
    assert "latestVersionExperimentMetrics" not in (await ada.get(f"{V1}/ui"))["items"][0]
    await put_version(db, model, auc=0.5)
    await put_version(db, model, auc=0.75, loss=1e-9)
    shown = (await ada.get(f"{V1}/ui"))["items"][0]
    assert shown["latestVersionExperimentMetrics"] == {"auc": 0.75, "loss": 1e-9}
    assert (shown["latestVersion"], shown["modelApiCount"]) == (2, 0)


async def test_a_version_shows_what_its_run_measured(ada: Person, project: dict[str, Any], db: Database) -> None:
    await put_version(db, await put_model(ada, project, "churn"), auc=0.75)
    found = await ada.get(at("churn", "/versions/1"))
    assert found["currentStage"] == "None"
    assert found["versionUiDetails"] == {
        "experimentRunInfo": {
            "metrics": [{"key": "auc", "value": 0.75, "timestamp": "2023-11-14T22:13:20Z"}],
            "params": [{"key": "depth", "value": "3"}],
            "runUrl": "",
        },
        "modelVersionDataSources": [],
        "modelVersionDatasets": [],
    }
    for number in ("0", "2", "-1", str(2**31), str(10**30), "x"):
        await ada.get(at("churn", f"/versions/{number}"), expect=404)


async def test_a_model_that_nothing_serves(ada: Person, project: dict[str, Any], db: Database) -> None:
    await put_version(db, await put_model(ada, project, "churn"))
    for path in ("/modelapis", "/versions/1/modelapis"):
        assert (await ada.get(at("churn", path)))["items"] == []
    await ada.get(at("churn", "/versions/2/modelapis"), expect=404)


async def test_a_read_costs_one_query_beside_authentication(
    ada: Person, admin: Person, project: dict[str, Any], db: Database, cost: Cost
) -> None:
    for number in range(3):
        model = await put_model(ada, project, f"m{number}")
    for _ in range(3):
        await put_version(db, model, auc=0.5)
    await ada.get(V1)
    await admin.get(V1)
    for person in (ada, admin):
        for path in (V1, f"{V1}/ui", f"{V1}/names", at("m2"), at("m2", "/versions"), at("m2", "/versions/1")):
            # What serves models counts that of all models of a page at once.
            assert await cost(person.get(path)) == (3 if path.endswith("/ui") else 2), path
