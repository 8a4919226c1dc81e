"""Environments over HTTP, and builds that are really made."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.client import Person
from tests.conftest import Cost
from tests.engines.test_builds import wheel

LIST = "/api/environments/beta/environments"
ONE = "/api/environments/v1/environments"


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of two tiny packages in a folder."""
    wheel(tmp_path / "wheels", "tinyone")
    wheel(tmp_path / "wheels", "tinytwo")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))


async def _make(person: Person, expect: int = 200, **body: Any) -> dict[str, Any]:
    wanted = {"name": "mine", "visibility": "private", "image": "python"} | body
    reply = await person.post(LIST, {k: v for k, v in wanted.items() if v is not None}, expect=expect)
    return dict(reply.get("environment", reply))


async def _built(person: Person, environment: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while True:
        found = (await person.get(f"{ONE}/{environment['id']}"))["environment"]
        if found["latestRevision"].get("status") in {"succeeded", "failed", "killed"}:
            return dict(found)
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def test_the_seeded_ones_are_not_built_before_they_are_used(ada: Person) -> None:
    seeded = (await ada.get(LIST))["environments"]
    assert [one["name"] for one in seeded] == ["Modelyard Standard Environment", "Plain Python"]
    assert all("status" not in one["latestRevision"] for one in seeded)
    default = await ada.get("/v4/environments/defaultEnvironment")
    assert (default["id"], default["latestRevisionDetails"]["dockerImage"]) == (seeded[0]["id"], "python")


async def test_a_private_one_is_its_owners(ada: Person, bob: Person, admin: Person) -> None:
    made = await _make(ada, environmentVariables=[{"key": "SECRET", "value": "s3cret"}])
    assert made["owner"]["username"] == "ada"
    assert made["latestRevision"]["number"] == 1
    await bob.get(f"{ONE}/{made['id']}", expect=404)
    assert (await admin.get(f"{ONE}/{made['id']}"))["environment"]["name"] == "mine"
    stored = await ada.modelyard.db.value(
        "SELECT sealed_variables FROM environment_revisions ORDER BY id DESC LIMIT 1"
    )
    assert b"s3cret" not in stored
    assert "s3cret" not in str(await ada.get(f"{ONE}/{made['id']}"))


async def test_refusals(ada: Person, bob: Person, admin: Person) -> None:
    await _make(ada, visibility="global", expect=400)
    await _make(ada, visibility="sometimes", expect=400)
    await _make(ada, image=None, expect=400)
    await _make(ada, name=None, expect=400)
    await _make(ada, environmentVariables=[{"value": "x"}], expect=400)
    shared = await _make(admin, name="shared", visibility="Global")
    await bob.post(f"{LIST}/{shared['id']}/revisions", {"image": "python"}, expect=403)
    await bob.delete(f"{ONE}/{shared['id']}", expect=403)
    await bob.get(f"{ONE}/{'0' * 24}", expect=404)
    revision = shared["latestRevision"]["id"]
    await bob.patch(f"{LIST}/{shared['id']}/revisions/{revision}", {"isRestricted": True}, expect=403)


async def test_a_copy_needs_nothing_else(ada: Person) -> None:
    made = await _make(ada, dockerfileInstructions="ENV A=1")
    copy = await ada.post(LIST, {"duplicateFromEnvironmentId": made["id"]})
    assert copy["environment"]["name"] == "Copy of mine"


async def test_restricting_and_archiving(ada: Person, admin: Person) -> None:
    shared = await _make(admin, name="shared", visibility="global")
    revision = shared["latestRevision"]["id"]
    path = f"{LIST}/{shared['id']}/revisions/{revision}"
    assert (await admin.patch(path, {"isRestricted": True}))["id"] == revision
    assert (await ada.get(f"{ONE}/{shared['id']}"))["environment"]["restrictedRevision"]["id"] == revision
    assert (await admin.delete(f"{ONE}/{shared['id']}"))["environment"]["archived"]
    assert "shared" not in [one["name"] for one in (await ada.get(LIST))["environments"]]
    assert (await ada.get(f"{ONE}/{shared['id']}"))["environment"]["archived"]
    default = (await ada.get("/v4/environments/defaultEnvironment"))["id"]
    await admin.delete(f"{ONE}/{default}", expect=400)


@pytest.mark.usefixtures("runner")
async def test_a_failed_build_never_hides_the_last_good_one(ada: Person) -> None:
    made = await _built(ada, await _make(ada, dockerfileInstructions="RUN pip install tinyone"))
    good = made["selectedRevision"]["id"]
    assert made["latestRevision"]["status"] == "succeeded"
    body = {"dockerfileInstructions": "RUN pip install no-such-package"}
    await ada.post(f"{LIST}/{made['id']}/revisions", body)
    failed = await _built(ada, made)
    assert (failed["latestRevision"]["number"], failed["latestRevision"]["status"]) == (2, "failed")
    assert failed["selectedRevision"]["id"] == good
    path = f"/v4/environments/{made['id']}/revisions/{failed['latestRevision']['id']}/buildLogs"
    assert "no-such-package" in "\n".join(line["text"] for line in (await ada.get(path))["lines"])
    await ada.post(f"{LIST}/{made['id']}/revisions", {"dockerfileInstructions": "RUN pip install tinytwo"})
    mended = await _built(ada, made)
    assert mended["selectedRevision"]["number"] == 3


@pytest.mark.usefixtures("runner")
async def test_the_same_content_is_there_at_once(ada: Person) -> None:
    instructions = "RUN pip install tinyone tinytwo"
    await _built(ada, await _make(ada, dockerfileInstructions=instructions))
    second = await _built(ada, await _make(ada, name="second", dockerfileInstructions=f"# same\n{instructions}"))
    path = f"/v4/environments/{second['id']}/revisions/{second['latestRevision']['id']}/buildLogs"
    log = await ada.get(path)
    assert log["isComplete"]
    assert any("built before" in line["text"] for line in log["lines"])


async def test_a_list_costs_three_queries_beside_authentication(ada: Person, cost: Cost) -> None:
    await _make(ada)
    assert await cost(ada.get(LIST)) == 4
