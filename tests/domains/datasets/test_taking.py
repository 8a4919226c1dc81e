"""Snapshots that are really taken: at once, in the background, of some files, and what becomes of them."""

import asyncio
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.disks import small_disk
from tests.domains.conftest import running
from tests.domains.datasets.conftest import EDITOR, NOBODY, READER, SNAPSHOTS, V1, grant, make_dataset
from tests.domains.datasets.live import PRIVATE, Live

COLLECTION = "/v4/datasetrw/collection"


@pytest.fixture
async def live(modelyard: Modelyard, ada: Person, dataset: dict[str, Any]) -> Live:
    """The live files of Ada's dataset."""
    await ada.get(f"{PRIVATE}/{dataset['id']}/files")
    return Live(modelyard, ada, dataset)


async def test_an_empty_dataset_has_a_snapshot_at_once(live: Live) -> None:
    taken = await live.snapshot()
    assert taken["status"] == "active"
    assert taken["datasetId"] == live.id
    assert taken["creatorId"] == live.owner.id


async def test_changes_by_programs_are_looked_for_in_the_background(live: Live, runner: None) -> None:
    await live.write(a__csv=b"1,2", sub___b__bin=b"\0" * 5000)
    asked = await live.snapshot()
    assert asked["status"] == "pending"
    taken = await live.settled(asked["id"])
    assert (taken["status"], taken["number"], taken["fileCount"], taken["sizeBytes"]) == ("active", 1, 2, 5003)
    assert len(taken["root"]) == 64
    # Nobody has mounted it since: nothing has to be read.
    again = await live.snapshot()
    assert again["status"] == "active"
    assert (await live.settled(again["id"]))["root"] == taken["root"]
    details = (await live.owner.get(f"{V1}/{live.id}"))["dataset"]
    assert details["snapshotIds"] == [asked["id"], again["id"]]


async def test_a_snapshot_of_chosen_files(live: Live, runner: None) -> None:
    await live.write(a___x=b"1", a___y=b"2", b=b"3")
    taken = await live.taken("a", "./b", "a/")
    assert taken["relativeFilePaths"] == ["a", "b"]
    assert taken["fileCount"] == 3
    some = await live.taken("a/x")
    assert (some["fileCount"], await live.names(snapshot="2")) == (1, ["a/"])
    assert (await live.taken("."))["relativeFilePaths"] == []


async def test_wrong_paths_are_refused(live: Live) -> None:
    for path in ("nowhere", "../x", "a\\b"):
        reply = await live.snapshot(path, expect=400)
        assert reply["message"]
    await live.owner.post(f"{V1}/{live.id}/snapshots", {}, expect=400)
    assert (await live.owner.get(f"{V1}/{live.id}/snapshots"))["snapshots"] == []


async def test_who_may_read_may_take_a_snapshot(live: Live, bob: Person, dataset: dict[str, Any]) -> None:
    body = {"relativeFilePaths": []}
    await bob.post(f"{V1}/{live.id}/snapshots", body, expect=404)
    await grant(live.owner, dataset, bob.id, READER)
    await bob.post(f"{V1}/{live.id}/snapshots", body)
    await live.owner.post(f"{V1}/{NOBODY}/snapshots", body, expect=404)


async def test_links_that_leave_the_dataset_are_said_to_be_left_out(live: Live, runner: None) -> None:
    await live.write(a=b"1")
    (live.root / "out").symlink_to("/etc/passwd")
    taken = await live.taken()
    assert "out" in taken["problem"]
    assert await live.names(snapshot="1") == ["a"]
    assert "out" in (await live.taken())["problem"]  # also when nothing has to be looked through


async def test_a_killed_runner_leaves_a_snapshot_that_the_next_one_takes(
    live: Live, modelyard: Modelyard, dsn: str
) -> None:
    await live.write(a=b"1")
    asked = await live.snapshot()
    # What a runner leaves that was killed while it copied: the state, and work whose lease nobody holds.
    await modelyard.db.execute("UPDATE dataset_snapshots SET status = 'copying' WHERE id = $1", asked["id"])
    async with running(modelyard, dsn):
        assert (await live.settled(asked["id"]))["status"] == "active"


async def test_a_deleted_snapshot_gives_its_bytes_back(live: Live, admin: Person, runner: None) -> None:
    await live.write(big=os.urandom(3_000_000), small=b"1")
    first = await live.taken()
    (live.root / "big").unlink()
    await live.change()
    second = await live.taken()
    store = live.modelyard.settings.home_path / "blobs" / "packs"
    assert _size(store) > 3_000_000
    await live.owner.post(f"{V1}/{live.id}/tags", {"tagName": "t", "snapshotId": first["id"]})
    await live.owner.delete(f"/v4/datasetrw/snapshots/{first['id']}")
    assert (await live.owner.get(f"{V1}/{live.id}"))["dataset"]["tags"] == {}
    await _until_deleted(live, first["id"])
    assert _size(store) < 100_000
    assert await live.text("small", snapshot=str(second["number"])) == b"1"
    await live.text("small", snapshot=str(first["number"]), expect=404)


async def test_a_dry_run_says_what_would_be_given_back(live: Live, admin: Person) -> None:
    live.put("big", os.urandom(2_000_000))
    await live.change()
    await live.owner.get(f"{live.url}/files")
    taken = await live.snapshot()
    assert taken["status"] == "active"
    await live.owner.delete(f"{live.url}/files", path="big")
    await live.snapshot()
    nothing = await admin.post(COLLECTION, dryRun="true")
    assert (nothing["snapshots"], nothing["pieceBytes"]) == (0, 0)
    await live.owner.delete(f"/v4/datasetrw/snapshots/{taken['id']}")
    planned = await admin.post(COLLECTION, dryRun="true")
    assert planned["dryRun"] is True
    assert planned["snapshots"] == 1
    assert planned["pieceBytes"] > 2_000_000
    store = live.modelyard.settings.home_path / "blobs" / "packs"
    assert _size(store) > 2_000_000
    done = await admin.post(COLLECTION)
    assert (done["pieces"], done["pieceBytes"]) == (planned["pieces"], planned["pieceBytes"])
    assert done["diskBytes"] > 1_900_000
    assert _size(store) < 100_000
    assert (await live.owner.get(f"{SNAPSHOTS}/{taken['id']}"))["snapshot"]["status"] == "deleted"
    await live.owner.post(COLLECTION, expect=403)


async def test_a_deleted_dataset_gives_its_files_back(live: Live, runner: None) -> None:
    await live.write(big=os.urandom(1_000_000))
    taken = await live.taken()
    await live.owner.delete(f"{V1}/{live.id}")
    await _until(live, "SELECT reclaimed_at IS NOT NULL FROM datasets WHERE id = $1", live.id)
    assert not live.root.exists()
    assert (
        await live.modelyard.db.value("SELECT status FROM dataset_snapshots WHERE id = $1", taken["id"])
        == "deleted"
    )


async def test_who_may_delete_a_snapshot(live: Live, bob: Person, dataset: dict[str, Any]) -> None:
    taken = await live.snapshot()
    path = f"/v4/datasetrw/snapshots/{taken['id']}"
    await bob.delete(path, expect=404)
    await grant(live.owner, dataset, bob.id, EDITOR)
    await bob.delete(path, expect=403)
    await live.owner.delete(path)
    await live.owner.delete(path, expect=400)
    await live.owner.delete(f"/v4/datasetrw/snapshots/{NOBODY}", expect=404)


async def test_a_dataset_begins_with_the_content_of_a_snapshot(live: Live, runner: None) -> None:
    await live.write(a=b"1", sub___b=b"22")
    taken = await live.taken()
    made = (await live.owner.post(V1, {"name": "copy", "snapshotId": taken["id"]}))["dataset"]
    copy = Live(live.modelyard, live.owner, made)
    assert await copy.names() == ["a", "sub/"]
    assert await copy.text("sub/b") == b"22"
    assert (await copy.owner.get(f"{copy.url}/usage"))["sizeBytes"] == 3
    assert (await copy.taken())["root"] == taken["root"]
    (copy.root / "a").write_bytes(b"changed")
    assert (live.root / "a").read_bytes() == b"1"


async def test_a_dataset_is_filled_though_its_source_is_gone(live: Live, admin: Person) -> None:
    await live.owner.post(V1, {"name": "copy", "snapshotId": (await live.snapshot())["id"]})
    live.put("a", b"1")
    await live.change()
    await live.names()
    taken = await live.snapshot()
    made = (await live.owner.post(V1, {"name": "late", "snapshotId": taken["id"]}))["dataset"]
    await live.owner.delete(f"{live.url}/files", path="a")
    await live.owner.delete(f"/v4/datasetrw/snapshots/{taken['id']}")
    await admin.post(COLLECTION)
    assert await Live(live.modelyard, live.owner, made).text("a") == b"1"


async def test_a_flipped_byte_is_found_and_named(live: Live, bob: Person) -> None:
    await live.write(good=b"good" * 100, bad=b"precious" * 100)
    await live.names()
    first, second = await live.snapshot(), await live.snapshot()
    assert (first["status"], second["status"]) == ("active", "active")
    url = f"{live.url}/verification"
    whole = await live.owner.get(url)
    assert (whole["snapshots"], whole["damaged"]) == (2, [])
    assert whole["bytes"] > 1200
    for pack in (live.modelyard.settings.home_path / "blobs" / "packs").iterdir():
        content = bytearray(pack.read_bytes())
        if (place := content.find(b"precious")) >= 0:
            content[place] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(content)
    found = (await live.owner.get(url))["damaged"]
    assert [(one["snapshot"], one["path"]) for one in found] == [(1, "bad"), (2, "bad")]
    await live.text("bad", snapshot="1", expect=500)
    assert await live.text("good", snapshot="1") == b"good" * 100
    await bob.get(url, expect=404)


async def test_a_damaged_store_fails_a_snapshot_and_says_how_to_find_what_is_concerned(
    live: Live, runner: None
) -> None:
    await live.write(a=b"1")
    first = await live.taken()
    for pack in (live.modelyard.settings.home_path / "blobs" / "packs").iterdir():
        content = bytearray(pack.read_bytes())
        content[-1] ^= 1  # of the tree's root, which is put last
        pack.chmod(0o600)
        pack.write_bytes(content)
    await live.write(b=b"2")
    failed = await live.taken()
    assert failed["status"] == "failed"
    assert "datasets verify" in failed["problem"]
    (damage,) = (await live.owner.get(f"{live.url}/verification"))["damaged"]
    assert (damage["snapshot"], damage["isList"]) == (first["number"], True)
    assert await live.text("a") == b"1"


async def test_what_a_dataset_may_have_is_limited(live: Live, admin: Person, project: dict[str, Any]) -> None:
    await live.write(a=b"12345")
    await live.names()
    await live.owner.put(f"{live.url}/quota", {"quotaBytes": 4}, expect=403)
    await admin.put(f"{live.url}/quota", {"quotaBytes": 4})
    refused = await live.snapshot(expect=400)
    assert "5 bytes, over its quota of 4" in refused["message"]
    assert (await live.owner.get(f"{live.url}/usage"))["quotaBytes"] == 4
    await admin.put(f"{live.url}/quota", {"quotaBytes": None})
    other = await make_dataset(live.owner, project, "other")
    await admin.put(f"/v4/projects/{project['id']}/datasetQuota", {"quotaBytes": 4})
    refused = await Live(live.modelyard, live.owner, other).snapshot(expect=400)
    assert "project" in refused["message"]
    usage = await live.owner.get(f"{live.url}/usage")
    assert (usage["projectSizeBytes"], usage["projectQuotaBytes"]) == (5, 4)
    await admin.put(f"/v4/projects/{project['id']}/datasetQuota", {"quotaBytes": None})
    assert (await live.snapshot())["status"] == "active"
    for wrong in (-1, 2**70, "much"):
        await admin.put(f"{live.url}/quota", {"quotaBytes": wrong}, expect=400)


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Path]:
    """A home on a disk of 24 MiB."""
    with small_disk(tmp_path / "small", mebibytes=24) as disk:
        yield disk


async def test_a_full_disk_fails_a_snapshot_and_changes_nothing(small_home: Path, dsn: str) -> None:
    async with Modelyard.over(Settings(home=str(small_home)), dsn) as modelyard:
        ada = await modelyard.person("ada")
        project = (await ada.get("/api/projects/beta/projects"))["projects"][0]
        live = Live(modelyard, ada, await make_dataset(ada, project, "calls"))
        await live.names()
        live.put("fits", os.urandom(6_000_000))
        await live.change()
        await live.names()
        assert (await live.snapshot())["status"] == "active"
        live.put("big", os.urandom(9_000_000))
        await live.change()
        await live.names()
        refused = await live.owner.request("POST", f"{V1}/{live.id}/snapshots", json={"relativeFilePaths": []})
        assert refused.status_code == 503
        assert os.strerror(errno.ENOSPC) not in refused.text
        assert "disk is full" in refused.text
        (live.root / "big").unlink()
        await live.change()
        await live.names()
        assert (await live.snapshot())["status"] == "active"
        assert await live.text("fits", snapshot="1") == (live.root / "fits").read_bytes()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


async def _until_deleted(live: Live, snapshot_id: str) -> None:
    await _until(live, "SELECT status = 'deleted' FROM dataset_snapshots WHERE id = $1", snapshot_id)
    # Its bytes go right after.
    await _until(live, "SELECT NOT EXISTS (SELECT FROM work WHERE kind = $1)", "datasets.reclaim")


async def _until(live: Live, sql: str, *args: object) -> None:
    deadline = time.monotonic() + 30
    while not await live.modelyard.db.value(sql, *args):
        assert time.monotonic() < deadline, sql
        await asyncio.sleep(0.02)
