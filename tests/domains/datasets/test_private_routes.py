"""The routes by which the official client lists, makes, changes and deletes datasets."""

from typing import Any

from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import NOBODY, READER, V1, grant
from tests.domains.projects.conftest import let, make


async def test_a_dataset_is_made_read_changed_and_deleted(ada: Person, project: dict[str, Any]) -> None:
    body = {"datasetName": "calls", "description": "who called", "projectId": project["id"]}
    made = await ada.post("/dataset", body)
    assert made == body | {"datasetId": made["datasetId"]}
    path = f"/dataset/{made['datasetId']}"
    assert await ada.get(path) == made
    assert await ada.patch(path, {"datasetName": "bills"}) == made | {"datasetName": "bills"}
    await ada.patch(path, {"description": "who paid"})
    assert await ada.get(path) == made | {"datasetName": "bills", "description": "who paid"}
    assert (await ada.get(f"{V1}/{made['datasetId']}"))["dataset"]["name"] == "bills"
    assert (await ada.delete(path))["success"] is True
    await ada.get(path, expect=404)
    assert await ada.get("/dataset") == []


async def test_the_list_is_bare_and_filtered_by_one_project(
    ada: Person, bob: Person, project: dict[str, Any], dataset: dict[str, Any]
) -> None:
    other = await make(ada, "other")
    for number in range(11):
        await ada.post("/dataset", {"datasetName": f"d{number}", "description": None, "projectId": other["id"]})
    (listed,) = await ada.get("/dataset", projectId=project["id"])
    assert listed == {
        "datasetId": dataset["id"], "datasetName": "calls", "description": "", "projectId": project["id"]
    }  # fmt: skip
    assert len(await ada.get("/dataset")) == 12
    assert await bob.get("/dataset") == []


async def test_what_cannot_be_made_or_changed_is_refused(
    ada: Person, bob: Person, modelyard: Modelyard, project: dict[str, Any], dataset: dict[str, Any]
) -> None:
    body = {"datasetName": "calls", "description": "", "projectId": project["id"]}
    assert "already" in (await ada.post("/dataset", body, expect=400))["message"]
    await ada.post("/dataset", body | {"datasetName": "two words"}, expect=400)
    await ada.post("/dataset", {"datasetName": "x"}, expect=400)
    await ada.post("/dataset", body | {"projectId": NOBODY}, expect=404)
    await bob.post("/dataset", body, expect=404)
    await let(ada, project, bob, "resultsConsumer")
    await bob.post("/dataset", body, expect=403)
    path = f"/dataset/{dataset['id']}"
    await modelyard.stranger().get("/dataset", expect=401)
    await bob.get(path, expect=404)
    await grant(ada, dataset, bob.id, READER)
    await bob.patch(path, {"description": "d"}, expect=403)
    await bob.delete(path, expect=403)
    await ada.patch(path, {"datasetName": ""}, expect=400)
    await ada.delete(f"/dataset/{NOBODY}", expect=404)


async def test_addresses_of_projects_beside_it_still_answer(ada: Person, project: dict[str, Any]) -> None:
    assert await ada.get("/ada/churn/collaborators") == []
