"""Shared datasets: a project uses those of other projects."""

from typing import Any

import pytest

from modelyard.kit.db import Database
from tests.client import Person
from tests.conftest import Cost
from tests.domains.datasets.conftest import NOBODY, READER, V1, grant, make_dataset
from tests.domains.projects.conftest import let, make

PROJECTS = "/api/projects/v1/projects"


@pytest.fixture
async def sales(ada: Person) -> dict[str, Any]:
    """Another project of Ada."""
    return await make(ada, "sales")


async def link(person: Person, project: dict[str, Any], dataset: dict[str, Any], expect: int = 200) -> Any:
    """Has a project use a dataset; the ids of all it uses, or the reply of a refusal."""
    path = f"{PROJECTS}/{project['id']}/shared-datasets"
    reply = await person.post(path, {"datasetId": dataset["id"]}, expect=expect)
    return reply["dataset"]["sharedDatasetIds"] if "dataset" in reply else reply


async def used(person: Person, project: dict[str, Any]) -> list[str]:
    """The ids of the datasets of other projects that a project uses."""
    entry = (await person.get(f"{PROJECTS}/{project['id']}/shared-datasets"))["dataset"]
    assert entry["projectId"] == project["id"]
    ids: list[str] = entry["sharedDatasetIds"]
    return ids


async def test_a_project_uses_a_dataset_of_another_until_it_is_unlinked(
    ada: Person, dataset: dict[str, Any], sales: dict[str, Any]
) -> None:
    assert await used(ada, sales) == []
    assert await link(ada, sales, dataset) == [dataset["id"]]
    assert await link(ada, sales, dataset) == [dataset["id"]]
    other = await make_dataset(ada, {"id": dataset["projectId"]}, "other")
    assert await link(ada, sales, other) == [dataset["id"], other["id"]]
    path = f"{PROJECTS}/{sales['id']}/shared-datasets/{dataset['id']}"
    assert (await ada.delete(path))["success"] is True
    assert await used(ada, sales) == [other["id"]]
    await ada.delete(path, expect=404)
    await ada.delete(f"{PROJECTS}/{sales['id']}/shared-datasets/{NOBODY}", expect=404)


async def test_a_projects_own_dataset_need_not_be_linked(
    ada: Person, project: dict[str, Any], dataset: dict[str, Any]
) -> None:
    assert await link(ada, project, dataset) == []
    assert await used(ada, project) == []


async def test_only_what_one_may_read_is_linked(
    ada: Person, bob: Person, dataset: dict[str, Any], sales: dict[str, Any]
) -> None:
    his = await make(bob, "his")
    await link(bob, his, dataset, expect=404)
    await link(bob, his, {"id": NOBODY}, expect=404)
    await link(bob, sales, dataset, expect=404)
    await grant(ada, dataset, bob.id, READER)
    assert await link(bob, his, dataset) == [dataset["id"]]
    await let(ada, sales, bob, "resultsConsumer")
    assert "ManageDatasetsRw" in (await link(bob, sales, dataset, expect=403))["message"]
    assert await used(bob, sales) == []
    await ada.post(f"{PROJECTS}/{sales['id']}/shared-datasets", {}, expect=400)


async def test_a_deleted_dataset_is_used_no_more(
    ada: Person, dataset: dict[str, Any], sales: dict[str, Any], db: Database
) -> None:
    await link(ada, sales, dataset)
    await ada.delete(f"{V1}/{dataset['id']}")
    # As when somebody links it in the moment of its deletion.
    await db.execute("INSERT INTO shared_datasets VALUES ($1, $2)", sales["id"], dataset["id"])
    assert await used(ada, sales) == []


async def test_links_are_events_of_the_project_that_uses_the_dataset(
    ada: Person, dataset: dict[str, Any], sales: dict[str, Any], db: Database
) -> None:
    await link(ada, sales, dataset)
    await link(ada, sales, dataset)
    await ada.delete(f"{PROJECTS}/{sales['id']}/shared-datasets/{dataset['id']}")
    rows = await db.rows(
        dict,
        "SELECT action, project_id, details FROM events WHERE target_id = $1 AND action ~ 'linked' ORDER BY id",
        dataset["id"],
    )
    assert [(row["action"], row["details"].get("isNew")) for row in rows] == [
        ("dataset.linked", True),
        ("dataset.linked", False),
        ("dataset.unlinked", None),
    ]
    assert {row["project_id"] for row in rows} == {sales["id"]}


async def test_a_copy_uses_what_its_maker_may_read_and_says_what_it_lacks(
    ada: Person, bob: Person, dataset: dict[str, Any], sales: dict[str, Any]
) -> None:
    secret = await make_dataset(ada, {"id": dataset["projectId"]}, "secret")
    await link(ada, sales, dataset)
    await link(ada, sales, secret)
    await let(ada, sales, bob, "contributor")
    await grant(ada, dataset, bob.id, READER)

    async def copy(person: Person) -> tuple[list[str], list[str]]:
        path = f"{PROJECTS}/{sales['id']}/copy-project"
        reply = await person.post(path, {"copyDatasets": False, "name": "again"})
        return await used(person, reply["project"]), reply["metadata"]["notices"]

    assert await copy(ada) == ([dataset["id"], secret["id"]], [])
    ids, (notice,) = await copy(bob)
    assert ids == [dataset["id"]]
    assert notice.endswith("may not read them: 1.")
    assert "secret" not in notice


async def test_the_list_costs_one_query_beside_the_project(
    ada: Person, dataset: dict[str, Any], sales: dict[str, Any], cost: Cost
) -> None:
    await link(ada, sales, dataset)
    assert await cost(ada.get(f"{PROJECTS}/{sales['id']}/shared-datasets")) == 3
