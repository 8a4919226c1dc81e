"""Volumes of a model API: datasets by name or id, snapshots by number, tag or id."""

from typing import Any
from urllib.parse import quote

import pytest

from modelyard.domains.model_apis.volumes import service
from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import EDITOR, READER, V1, grant, make_dataset, put_snapshot
from tests.domains.model_apis.conftest import MODEL_APIS, at, make_model_api
from tests.domains.model_apis.test_collaborators import let_in
from tests.domains.projects.conftest import make


@pytest.fixture
async def adder(ada: Person, project: dict[str, Any]) -> dict[str, Any]:
    """Ada's model API."""
    return await make_model_api(ada, project)


@pytest.fixture
async def calls(ada: Person, project: dict[str, Any]) -> dict[str, Any]:
    """Ada's dataset `calls` in the model API's project."""
    return await make_dataset(ada, project, "calls")


def volume(name: str, mount_path: str = "/data/calls", **more: Any) -> dict[str, Any]:
    """The request for a volume, in the words of the contract."""
    return {"name": name, "mountPath": mount_path, "volumeType": "Dataset", "readOnly": True} | more


async def attach(
    person: Person, model_api: dict[str, Any], wanted: dict[str, Any], expect: int = 201
) -> dict[str, Any]:
    """A new volume; the reply."""
    reply: dict[str, Any] = await person.post(at(model_api, "/volumes"), wanted, expect=expect)
    return reply


async def snapshot(modelyard: Modelyard, dataset: dict[str, Any], status: str = "active") -> tuple[str, int]:
    """A snapshot of a dataset: its id and number."""
    snapshot_id = await put_snapshot(modelyard.db, dataset, status)
    return snapshot_id, int(snapshot_id, 16)


async def test_a_dataset_is_attached_by_name_or_id(
    ada: Person, adder: dict[str, Any], calls: dict[str, Any], modelyard: Modelyard
) -> None:
    by_name = await attach(ada, adder, volume("Calls", volumeType="dataset"))
    assert by_name == volume("Calls")
    by_id = await attach(ada, adder, volume(calls["id"], "//mnt/other/", readOnly=False))
    assert by_id == volume(calls["id"], "/mnt/other", readOnly=False)
    listed = sorted([by_name, by_id], key=lambda one: str(one["mountPath"]))
    assert sorted(await ada.get(at(adder, "/volumes")), key=lambda one: str(one["mountPath"])) == listed
    assert len((await ada.get(at(adder)))["volumes"]) == 2
    rows = await modelyard.db.rows(
        dict, "SELECT DISTINCT dataset_id, snapshot_id, added_by_id FROM model_api_volumes"
    )
    assert rows == [{"dataset_id": calls["id"], "snapshot_id": None, "added_by_id": ada.id}]


async def test_a_snapshot_is_attached_by_number_tag_or_id(
    ada: Person, adder: dict[str, Any], calls: dict[str, Any], modelyard: Modelyard
) -> None:
    snapshot_id, number = await snapshot(modelyard, calls)
    await ada.post(f"{V1}/{calls['id']}/tags", {"tagName": "best", "snapshotId": snapshot_id})
    names = [f"calls/{number}", "calls/best", f"{calls['id']}/{number}", snapshot_id]
    for place, name in enumerate(names):
        asked = volume(name, f"/data/{place}", volumeType="SNAPSHOT")
        assert await attach(ada, adder, asked) == asked | {"volumeType": "Snapshot"}
    stored = await modelyard.db.values("SELECT DISTINCT snapshot_id FROM model_api_volumes")
    assert stored == [snapshot_id]


async def test_a_name_that_says_a_snapshot_is_one(
    ada: Person, adder: dict[str, Any], calls: dict[str, Any], modelyard: Modelyard
) -> None:
    _, number = await snapshot(modelyard, calls)
    made = await attach(ada, adder, volume(f"calls/{number}", volumeType="Dataset"))
    assert made["volumeType"] == "Snapshot"


async def test_a_snapshot_cannot_be_written_to_or_be_unfinished(
    ada: Person, adder: dict[str, Any], calls: dict[str, Any], modelyard: Modelyard
) -> None:
    _, number = await snapshot(modelyard, calls)
    refused = await attach(ada, adder, volume(f"calls/{number}", readOnly=False), expect=400)
    assert "readOnly" in refused["message"]
    unfinished, other = await snapshot(modelyard, calls, "copying")
    assert "copying" in (await attach(ada, adder, volume(f"calls/{other}"), expect=400))["message"]
    await attach(ada, adder, volume(unfinished, volumeType="Snapshot"), expect=400)
    assert (
        "number or tag"
        in (await attach(ada, adder, volume("calls", volumeType="Snapshot"), expect=400))["message"]
    )
    await attach(ada, adder, volume("calls/none"), expect=404)
    await attach(ada, adder, volume("0" * 24, volumeType="Snapshot"), expect=404)


async def test_a_shared_dataset_has_its_name_behind_own_ones(
    ada: Person, project: dict[str, Any], adder: dict[str, Any], modelyard: Modelyard
) -> None:
    other = await make(ada, "other")
    shared = await make_dataset(ada, other, "calls")
    await attach(ada, adder, volume("calls"), expect=404)
    await ada.post(f"/api/projects/v1/projects/{project['id']}/shared-datasets", {"datasetId": shared["id"]})
    await attach(ada, adder, volume("calls"))
    own = await make_dataset(ada, project, "calls")
    await attach(ada, adder, volume("CALLS", "/data/own"))
    rows = await modelyard.db.rows(dict, "SELECT name, dataset_id FROM model_api_volumes ORDER BY mount_path")
    assert [row["dataset_id"] for row in rows] == [shared["id"], own["id"]]


async def test_who_attaches_may_read_and_writes_where_they_may_write(
    ada: Person, bob: Person, adder: dict[str, Any], calls: dict[str, Any], modelyard: Modelyard
) -> None:
    await let_in(ada, adder, "bob", "Editor")
    _, number = await snapshot(modelyard, calls)
    await attach(bob, adder, volume("calls"), expect=404)
    await attach(bob, adder, volume(calls["id"]), expect=404)
    await attach(bob, adder, volume(f"calls/{number}"), expect=404)
    await grant(ada, calls, bob.id, READER)
    await attach(bob, adder, volume("calls", readOnly=False), expect=403)
    await attach(bob, adder, volume("calls"))
    await grant(ada, calls, bob.id, EDITOR)
    await attach(bob, adder, volume(calls["id"], "/data/writable", readOnly=False))


async def test_an_administrator_needs_no_role_to_attach(
    admin: Person, adder: dict[str, Any], calls: dict[str, Any]
) -> None:
    await attach(admin, adder, volume("calls", readOnly=False))


NO_ROOM = [
    *(
        "data",
        "",
        "/",
        "//",
        "/mnt",
        "/mnt/",
        "/mnt/model",
        "/mnt/model/x",
        "/data/../etc",
        "/data/./x",
        "/data/\n",
    ),
    *(
        "/usr",
        "/usr/local/x",
        "/etc/x",
        "/proc/x",
        "/dev/shm/x",
        "/tmp/x",
        "/run/x",
        "/root",
        "/home/ada",
        "/lib64",
    ),
]
ROOM = ["/data", "/mnt/x", "/mnt/models", "/domino/datasets/x", "/volumes/a b", "/users"]


async def test_no_volume_is_where_the_system_or_the_model_is(
    ada: Person, adder: dict[str, Any], calls: dict[str, Any]
) -> None:
    for path in NO_ROOM:
        refused = await attach(ada, adder, volume("calls", path), expect=400)
        assert "path" in refused["message"].lower(), path


async def test_volumes_have_room_beside_them(ada: Person, adder: dict[str, Any], calls: dict[str, Any]) -> None:
    for path in ROOM:
        assert (await attach(ada, adder, volume("calls", path)))["mountPath"] == path
        await ada.delete(at(adder, "/volumes/calls"), expect=204)


async def test_volumes_are_not_in_each_others_way(
    ada: Person,
    project: dict[str, Any],
    adder: dict[str, Any],
    calls: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await make_dataset(ada, project, "other")
    await attach(ada, adder, volume("calls", "/data/calls"))
    for path in ("/data/calls", "/data/calls/", "/data", "/data/calls/deeper"):
        refused = await attach(ada, adder, volume("other", path), expect=400)
        assert "in each other's way" in refused["message"]
    assert "already" in (await attach(ada, adder, volume("calls", "/data/x"), expect=400))["message"]
    await attach(ada, adder, volume("other", "/data/calls2"))
    monkeypatch.setattr(service, "MOST", 2)
    assert "at most" in (await attach(ada, adder, volume(calls["id"], "/data/y"), expect=400))["message"]
    await attach(ada, adder, volume("calls", "/x", volumeType="Bucket"), expect=400)


async def test_a_volume_is_detached_by_its_name_with_slash_or_blank(
    ada: Person, adder: dict[str, Any], calls: dict[str, Any], modelyard: Modelyard
) -> None:
    _, number = await snapshot(modelyard, calls)
    await attach(ada, adder, volume(f"calls/{number}"))
    await attach(ada, adder, volume("calls", "/data/live"))
    await ada.delete(at(adder, f"/volumes/{quote(f'calls/{number}', safe='')}"), expect=204)
    assert [one["name"] for one in await ada.get(at(adder, "/volumes"))] == ["calls"]
    await ada.delete(at(adder, "/volumes/calls"), expect=204)
    for name in ("calls", f"calls%2F{number}", "100%25"):
        await ada.delete(at(adder, f"/volumes/{name}"), expect=404)


async def test_a_model_api_may_begin_with_volumes(
    ada: Person, project: dict[str, Any], calls: dict[str, Any], modelyard: Modelyard
) -> None:
    _, number = await snapshot(modelyard, calls)
    wanted = [volume("calls"), volume(f"calls/{number}", "/data/old", volumeType="Snapshot")]
    made = await make_model_api(ada, project, volumes=wanted)
    assert made["volumes"] == wanted


@pytest.mark.parametrize(
    ("wanted", "expect"),
    [
        ([volume("none")], 404),
        ([volume("calls", "/etc")], 400),
        ([volume("calls"), volume("calls", "/x")], 400),
        ([volume("calls"), volume("Calls")], 400),
    ],
)
async def test_a_model_api_whose_volumes_cannot_be_is_not_made(
    ada: Person, project: dict[str, Any], calls: dict[str, Any], wanted: list[dict[str, Any]], expect: int
) -> None:
    await make_model_api(ada, project, expect=expect, volumes=wanted)
    assert (await ada.get(MODEL_APIS))["metadata"]["totalCount"] == 0
