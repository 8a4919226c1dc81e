"""Datasets of projects that are copied."""

from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import READER, V1, grant, make_dataset, names
from tests.domains.datasets.live import PRIVATE, Live


@pytest.fixture
async def live(modelyard: Modelyard, ada: Person, dataset: dict[str, Any]) -> Live:
    """The live files of Ada's dataset."""
    await ada.get(f"{PRIVATE}/{dataset['id']}/files")
    return Live(modelyard, ada, dataset)


async def copied(person: Person, project: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """The reply to a wish for a copy with its datasets."""
    body = {"copyDatasets": True, "name": "copy"} | wanted
    reply: dict[str, Any] = await person.post(f"/api/projects/v1/projects/{project['id']}/copy-project", body)
    return reply


async def only_dataset(person: Person, project: dict[str, Any]) -> dict[str, Any]:
    """The one dataset of a project."""
    (one,) = (await person.get(V1, projectId=project["id"]))["datasets"]
    found: dict[str, Any] = one
    return found


async def test_a_copy_gets_the_live_files(live: Live, project: dict[str, Any]) -> None:
    await live.write(a=b"1", sub___b=b"22")
    reply = await copied(live.owner, project)
    assert (reply["datasetsNotCopied"], reply["metadata"]["notices"]) == ([], [])
    copy = Live(live.modelyard, live.owner, await only_dataset(live.owner, reply["project"]))
    assert await copy.names() == ["a", "sub/"]
    assert await copy.text("sub/b") == b"22"
    await live.write(a=b"later")
    assert await copy.text("a") == b"1"


async def test_a_copy_is_filled_in_the_background(live: Live, project: dict[str, Any], runner: None) -> None:
    await live.write(a=b"1")
    reply = await copied(live.owner, project)
    made = await only_dataset(live.owner, reply["project"])
    copy = Live(live.modelyard, live.owner, made)
    assert (await copy.taken())["fileCount"] == 1


async def test_a_copy_is_filled_though_its_source_is_deleted(
    live: Live, project: dict[str, Any], admin: Person
) -> None:
    await live.write(a=b"1")
    reply = await copied(live.owner, project)
    copy = Live(live.modelyard, live.owner, await only_dataset(live.owner, reply["project"]))
    await live.owner.delete(f"{V1}/{live.id}")
    await admin.post("/v4/datasetrw/collection")
    assert await copy.text("a") == b"1"
    await admin.post("/v4/datasetrw/collection")
    assert not live.root.exists()
    assert await copy.text("a") == b"1"


async def test_only_what_may_be_read_is_copied(live: Live, project: dict[str, Any], bob: Person) -> None:
    secret = await make_dataset(live.owner, project, "secret")
    body = {"id": bob.id, "role": "contributor"}
    await live.owner.post(f"/api/projects/v1/projects/{project['id']}/collaborators", body)
    await grant(live.owner, {"id": live.id}, bob.id, READER)
    reply = await copied(bob, project)
    assert await names(bob, projectIdsToInclude=reply["project"]["id"]) == ["calls"]
    assert reply["metadata"]["notices"] == ["Datasets that were not copied, because you have no role on them: 1."]
    assert secret["id"] not in str(reply)
    assert "secret" not in str(reply)


async def test_datasets_stay_behind_where_they_are_not_wanted(live: Live, project: dict[str, Any]) -> None:
    reply = await copied(live.owner, project, copyDatasets=False)
    assert await names(live.owner, projectIdsToInclude=reply["project"]["id"]) == []
    assert reply["datasetsNotCopied"] == []
