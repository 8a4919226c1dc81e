"""Snapshots of a dataset: how they are listed, read and tagged, and which states may follow each other."""

from typing import Any

import pytest

from modelyard.domains.datasets import lifecycle
from modelyard.kit.db import Database
from tests.client import Person
from tests.conftest import Cost
from tests.domains.datasets.conftest import (
    EDITOR,
    NOBODY,
    READER,
    SNAPSHOTS,
    V1,
    grant,
    make_dataset,
    put_snapshot,
)

STATES = list(lifecycle.MOVES)
NEXT = {
    "pending": {"copying", "failed"},
    "copying": {"active", "failed"},
    "active": {"markForDeletion"},
    "failed": {"markForDeletion"},
    "markForDeletion": {"deletionInProgress"},
    "deletionInProgress": {"deleted"},
    "deleted": set(),
}


async def tag(person: Person, dataset: dict[str, Any], name: str, snapshot_id: str, expect: int = 200) -> Any:
    """Points a tag at a snapshot; the dataset, or the reply of a refusal."""
    body = {"tagName": name, "snapshotId": snapshot_id}
    reply = await person.post(f"{V1}/{dataset['id']}/tags", body, expect=expect)
    return reply.get("dataset", reply)


async def test_a_dataset_names_the_snapshots_that_are_there_to_stay_oldest_first(
    ada: Person, dataset: dict[str, Any], db: Database
) -> None:
    made = {status: await put_snapshot(db, dataset, status) for status in STATES}
    staying = [made[status] for status in ("pending", "copying", "active", "failed")]
    assert (await ada.get(f"{V1}/{dataset['id']}"))["dataset"]["snapshotIds"] == staying


async def test_snapshots_are_listed_newest_first_until_they_are_deleted(
    ada: Person, bob: Person, dataset: dict[str, Any], db: Database
) -> None:
    made = {status: await put_snapshot(db, dataset, status) for status in STATES}
    other = await make_dataset(ada, {"id": dataset["projectId"]}, "other")
    await put_snapshot(db, other)
    path = f"{V1}/{dataset['id']}/snapshots"
    listed = await ada.get(path)
    shown = {one["id"]: one["status"] for one in listed["snapshots"]}
    assert list(shown) == [made[status] for status in reversed(STATES) if status != "deleted"]
    assert shown == {one: status for status, one in made.items() if status != "deleted"}
    assert listed["metadata"]["totalCount"] == len(STATES) - 1
    page = await ada.get(path, offset=1, limit=1)
    assert [one["id"] for one in page["snapshots"]] == [list(shown)[1]]
    await ada.get(path, offset=-1, expect=400)
    await bob.get(path, expect=404)
    await ada.get(f"{V1}/{NOBODY}/snapshots", expect=404)


async def test_a_snapshot_is_read_by_whoever_sees_its_dataset(
    ada: Person, bob: Person, dataset: dict[str, Any], db: Database
) -> None:
    snapshot = await put_snapshot(db, dataset)
    await db.execute(
        "UPDATE dataset_snapshots SET creator_id = $1, last_mounted_at = '2026-01-02T03:04:05Z',"
        " description = 'first', created_at = '2026-01-01T00:00:00Z'",
        ada.id,
    )
    await bob.get(f"{SNAPSHOTS}/{snapshot}", expect=404)
    await grant(ada, dataset, bob.id, READER)
    assert (await bob.get(f"{SNAPSHOTS}/{snapshot}"))["snapshot"] == {
        "id": snapshot,
        "datasetId": dataset["id"],
        "status": "active",
        "description": "first",
        "creatorId": ada.id,
        "createdAt": "2026-01-01T00:00:00Z",
        "lastMounted": "2026-01-02T03:04:05Z",
    }
    await ada.get(f"{SNAPSHOTS}/{NOBODY}", expect=404)


async def test_an_unknown_snapshot_and_one_of_others_look_the_same(
    ada: Person, bob: Person, dataset: dict[str, Any], db: Database
) -> None:
    snapshot = await put_snapshot(db, dataset)
    hidden = (await bob.get(f"{SNAPSHOTS}/{snapshot}", expect=404))["message"]
    unknown = (await bob.get(f"{SNAPSHOTS}/{NOBODY}", expect=404))["message"]
    assert hidden.replace(snapshot, NOBODY) == unknown


async def test_a_tag_points_at_one_snapshot_and_moves(ada: Person, dataset: dict[str, Any], db: Database) -> None:
    first, second = await put_snapshot(db, dataset), await put_snapshot(db, dataset)
    assert (await tag(ada, dataset, "latest", first))["tags"] == {"latest": first}
    assert (await tag(ada, dataset, "v1.0", first))["tags"] == {"latest": first, "v1.0": first}
    assert (await tag(ada, dataset, "latest", second))["tags"] == {"latest": second, "v1.0": first}
    assert (await ada.get(f"{V1}/{dataset['id']}"))["dataset"]["tags"] == {"latest": second, "v1.0": first}
    details = await db.values("SELECT details FROM events WHERE action = 'dataset.tagged' ORDER BY id")
    assert details[2] == {"tag": "latest", "snapshotId": second, "before": {"snapshotId": first}}
    untagged = await ada.delete(f"{V1}/{dataset['id']}/tags/latest")
    assert untagged["dataset"]["tags"] == {"v1.0": first}
    assert (await ada.get(f"{SNAPSHOTS}/{second}"))["snapshot"]["status"] == "active"
    await ada.delete(f"{V1}/{dataset['id']}/tags/latest", expect=404)


@pytest.mark.parametrize("status", [status for status in STATES if status != "active"])
async def test_only_active_snapshots_are_tagged(
    ada: Person, dataset: dict[str, Any], db: Database, status: str
) -> None:
    refusal = await tag(ada, dataset, "latest", await put_snapshot(db, dataset, status), expect=400)
    assert status in refusal["message"]


async def test_a_tag_points_at_a_snapshot_of_its_own_dataset(
    ada: Person, dataset: dict[str, Any], db: Database
) -> None:
    other = await make_dataset(ada, {"id": dataset["projectId"]}, "other")
    await tag(ada, dataset, "latest", await put_snapshot(db, other), expect=404)
    await tag(ada, dataset, "latest", NOBODY, expect=404)


@pytest.mark.parametrize(
    "name", ["", "7", "0042", ".", "..", ".x", "-x", "two words", "a/b", "a\0", "t" * 101, "é"]
)
async def test_names_that_a_tag_cannot_have_are_refused(
    ada: Person, dataset: dict[str, Any], db: Database, name: str
) -> None:
    refusal = await tag(ada, dataset, name, await put_snapshot(db, dataset), expect=400)
    assert "tagName" in refusal["message"]


async def test_editors_tag_and_readers_do_not(
    ada: Person, bob: Person, dataset: dict[str, Any], db: Database
) -> None:
    snapshot = await put_snapshot(db, dataset)
    await grant(ada, dataset, bob.id, READER)
    await tag(bob, dataset, "latest", snapshot, expect=403)
    await grant(ada, dataset, bob.id, EDITOR)
    await tag(bob, dataset, "latest", snapshot)


async def test_a_snapshot_moves_from_state_to_state_as_the_table_says_and_in_no_other_way(
    dataset: dict[str, Any], db: Database
) -> None:
    found = {}
    for state in STATES:
        found[state] = set()
        for following in STATES:
            snapshot = await put_snapshot(db, dataset, state)
            async with db.transaction() as tx:
                moved = await lifecycle.move(tx, [snapshot], following)
            now = await db.value("SELECT status FROM dataset_snapshots WHERE id = $1", snapshot)
            assert now == (following if moved == [snapshot] else state)
            found[state] |= {following} if moved else set()
    assert found == NEXT


async def test_snapshots_cost_two_queries_beside_the_dataset(
    ada: Person, dataset: dict[str, Any], db: Database, cost: Cost
) -> None:
    snapshot, *_ = [await put_snapshot(db, dataset) for _ in range(3)]
    assert await cost(ada.get(f"{V1}/{dataset['id']}/snapshots")) == 4
    assert await cost(ada.get(f"{SNAPSHOTS}/{snapshot}")) == 3
