"""What the registry says of the model APIs that serve its models."""

from typing import Any

import pytest

from tests.client import Person
from tests.conftest import Cost
from tests.domains.model_apis.conftest import at, file_source, make_model_api, version_of
from tests.domains.model_apis.test_collaborators import let_in
from tests.domains.projects.conftest import let, make
from tests.domains.registered_models.conftest import MLFLOW, V1, put_model, put_version
from tests.domains.registered_models.conftest import at as of_model

NAME = "churn/forest"


@pytest.fixture
async def model(ada: Person, project: dict[str, Any]) -> str:
    """The id of Ada's registered model, which has two versions."""
    made = await put_model(ada, project, NAME)
    for _ in range(2):
        await put_version(ada.modelyard.db, made)
    return made.id


def serving(version: int) -> dict[str, Any]:
    """A version of a model API that serves a version of the model."""
    return {"source": {"type": "Registry", "registeredModelName": NAME, "registeredModelVersion": version}}


async def names(person: Person, version: int | None = None, expect: int = 200) -> list[str]:
    """The names of the model APIs that serve the model, or one version of it."""
    place = of_model(NAME, "/modelapis" if version is None else f"/versions/{version}/modelapis")
    found = await person.get(place, expect=expect)
    return [one["name"] for one in found.get("items", [])]


async def count(person: Person) -> int:
    """How many model APIs serve the model, as the list for people has it."""
    [shown] = (await person.get(f"{V1}/ui"))["items"]
    return int(shown["modelApiCount"])


async def test_a_model_and_its_versions_know_what_serves_them(
    ada: Person, project: dict[str, Any], model: str
) -> None:
    first = await make_model_api(ada, project, "first", version=serving(1))
    await make_model_api(ada, project, "both", version=serving(1))
    second = next(
        one for one in (await ada.get("/api/modelServing/v1/modelApis"))["items"] if one["name"] == "both"
    )
    await ada.post(at(second, "/versions"), version_of(project, **serving(2)), expect=201)
    await make_model_api(ada, project, "of a file")
    assert await names(ada) == ["both", "first"]
    assert await names(ada, 1) == ["both", "first"]
    assert await names(ada, 2) == ["both"]
    assert await count(ada) == 2
    shown = (await ada.get(of_model(NAME, "/modelapis")))["items"][1]
    assert shown.pop("updatedAt").endswith("Z")
    assert shown == {
        "id": first["id"],
        "name": "first",
        "description": "About first",
        "project": {"id": project["id"], "name": "churn", "ownerUsername": "ada", "isGitBasedProject": False},
        "activeModelVersionId": first["activeVersion"]["id"],
        "activeVersionNumber": 1,
        "activeVersionStatus": "Preparing to build",
    }


async def test_only_what_the_caller_may_see_is_listed_and_counted(
    ada: Person, bob: Person, admin: Person, project: dict[str, Any], model: str
) -> None:
    elsewhere = await make(ada, "elsewhere")
    made = await make_model_api(ada, elsewhere, version=serving(1))
    await names(bob, expect=404)
    await names(bob, 1, expect=404)
    await let(ada, project, bob, "LauncherUser")
    assert (await names(bob), await names(bob, 1), await count(bob)) == ([], [], 0)
    assert (await names(admin), await names(admin, 1), await count(admin)) == (["adder"], ["adder"], 1)
    await let_in(ada, made, "bob", "Viewer")
    assert (await names(bob), await names(bob, 1), await count(bob)) == (["adder"], ["adder"], 1)
    await ada.delete(at(made), expect=204)
    assert (await names(ada), await names(ada, 1), await count(ada)) == ([], [], 0)


async def test_a_model_that_is_served_may_be_renamed_and_deleted(
    ada: Person, project: dict[str, Any], model: str
) -> None:
    made = await make_model_api(ada, project, version=serving(1))
    await ada.request("DELETE", f"{MLFLOW}/model-versions/delete", json={"name": NAME, "version": "1"})
    assert await names(ada) == ["adder"]
    await names(ada, 1, expect=404)
    await ada.post(f"{MLFLOW}/registered-models/rename", {"name": NAME, "new_name": "other"})
    assert [one["name"] for one in (await ada.get(of_model("other", "/modelapis")))["items"]] == ["adder"]
    reply = await ada.request("DELETE", f"{MLFLOW}/registered-models/delete", json={"name": "other"})
    assert reply.status_code == 200
    await ada.get(of_model("other", "/modelapis"), expect=404)
    [version] = await ada.get(at(made, "/versions"))
    assert version["source"]["registeredModelName"] == NAME
    await ada.put(at(made, f"/versions/{version['id']}/targetState"), {"isRunning": False})


async def test_what_serves_a_model_costs_one_query_beside_its_guard(
    ada: Person, project: dict[str, Any], model: str, cost: Cost
) -> None:
    for number in range(3):
        made = await make_model_api(ada, project, f"m{number}", version=serving(1))
        await ada.post(at(made, "/versions"), version_of(project, source=file_source()), expect=201)
    for path in (of_model(NAME, "/modelapis"), of_model(NAME, "/versions/1/modelapis"), f"{V1}/ui"):
        assert await cost(ada.get(path)) == 3, path
