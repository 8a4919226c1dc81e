"""Calls on record: sampled, redacted and bounded, as files of a dataset that people read as any other."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pyarrow import parquet

from modelyard.kit import work
from modelyard.kit.db import Database
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.conftest import running
from tests.domains.datasets.conftest import EDITOR, READER, grant, make_dataset
from tests.domains.model_apis.conftest import make_model_api
from tests.domains.model_apis.serving import first_version, waits_for
from tests.domains.model_apis.stand import Stand, standing
from tests.domains.projects.conftest import let

SECONDS = 60
ADD = """
def predict(x, iban=None):
    return {"sum": x + 1, "iban": iban}
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings with which calls soon come into their dataset."""
    return msgspec.structs.replace(settings, model_record_seconds=1, model_record_max_bytes=1000)


@pytest.fixture
async def stand(db: Database) -> AsyncIterator[Stand]:
    """Where model APIs are served."""
    async with standing(db) as made:
        yield made


@pytest.fixture
async def adder(ada: Person, project: dict[str, Any], stand: Stand) -> dict[str, Any]:
    """Ada's model API whose calls are logged; it runs."""
    return await logged(ada, project, stand)


async def logged(person: Person, project: dict[str, Any], stand: Stand, **version: Any) -> dict[str, Any]:
    """A model API whose calls are logged, and that runs."""
    made = await stand.makes(person, project, version={"logHttpRequestResponse": True} | version)
    await stand.serves(made["activeVersion"]["id"], ADD)
    return made


def recording(model_api: dict[str, Any]) -> str:
    """The address of what is chosen of recording."""
    return f"/v4/models/{model_api['id']}/recording"


async def call(person: Person, model_api: dict[str, Any], expect: int = 200, **data: Any) -> Any:
    """The reply to a call."""
    response = await person.request("POST", f"/models/{model_api['id']}/latest/model", json={"data": data})
    assert response.status_code == expect, response.text
    return response.json()


async def datasets(person: Person) -> dict[str, str]:
    """The ids of the datasets that somebody sees, by their names."""
    listed = (await person.get("/api/datasetrw/v2/datasets"))["datasets"]
    return {one["dataset"]["name"]: one["dataset"]["id"] for one in listed}


async def usage(person: Person, dataset_id: str) -> dict[str, Any]:
    """What a dataset takes."""
    found: dict[str, Any] = await person.get(f"/v4/datasetrw/datasets/{dataset_id}/usage")
    return found


def files(modelyard: Modelyard, dataset_id: str) -> list[Path]:
    """The live files of a dataset."""
    root = modelyard.settings.home_path / "datasets" / dataset_id / "live"
    return sorted(path for path in root.rglob("*") if path.is_file())


def rows(modelyard: Modelyard, dataset_id: str) -> list[dict[str, Any]]:
    """All calls that are on record in a dataset."""
    found = [row for path in files(modelyard, dataset_id) for row in parquet.ParquetFile(path).read().to_pylist()]
    return sorted(found, key=lambda row: row["time"])


async def recorded(modelyard: Modelyard, person: Person, count: int, name: str = "prediction_data") -> list[Any]:
    """The calls on record in a dataset, as soon as there are so many."""
    deadline = time.monotonic() + SECONDS
    while True:
        dataset_id = (await datasets(person)).get(name)
        found = rows(modelyard, dataset_id) if dataset_id else []
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def lines(db: Database, model_api: dict[str, Any], count: int) -> list[str]:
    """What the deployment log says of recording, as soon as that are so many lines."""
    deadline = time.monotonic() + SECONDS
    while True:
        found = await db.values(
            "SELECT line FROM model_api_log_lines WHERE version_id = $1 AND line LIKE 'Calls are %'"
            " ORDER BY time_ns",
            model_api["activeVersion"]["id"],
        )
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def try_again(db: Database) -> None:
    """Has what is in the spool tried now, and not after a while."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE work SET available_at = now() WHERE kind = 'model_apis.record'")
        await work.enqueue(tx, "model_apis.record", "spool")


async def test_logged_calls_come_into_a_dataset_of_the_project(
    modelyard: Modelyard, ada: Person, project: dict[str, Any], adder: dict[str, Any], runner: None, db: Database
) -> None:
    replies = [await call(ada, adder, x=number) for number in range(3)]
    await call(ada, adder, expect=500, x="one")
    found = await recorded(modelyard, ada, 4)
    assert [json.loads(row["request"])["data"]["x"] for row in found] == [0, 1, 2, "one"]
    assert [row["request_id"] for row in found[:3]] == [reply["request_id"] for reply in replies]
    assert [row["status"] for row in found] == [200, 200, 200, 500]
    assert json.loads(found[1]["response"]) == {"sum": 2, "iban": None}
    assert "TypeError" in found[3]["response"]
    assert {row["version_number"] for row in found} == {1}
    assert {row["version_id"] for row in found} == {adder["activeVersion"]["id"]}
    assert all(row["latency_ms"] >= row["model_time_ms"] >= 0 for row in found)
    assert {row["caller"] for row in found} == {ada.id}
    dataset_id = (await datasets(ada))["prediction_data"]
    path = files(modelyard, dataset_id)[0]
    day = f"date={found[0]['time']:%Y-%m-%d}"
    assert path.parts[-4:-1] == (adder["id"], "1", day)
    deadline = time.monotonic() + SECONDS
    while (await usage(ada, dataset_id))["fileCount"] < len(files(modelyard, dataset_id)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    size = sum(one.stat().st_size for one in files(modelyard, dataset_id))
    assert (await usage(ada, dataset_id))["sizeBytes"] == size


async def test_the_audit_trail_tells_of_a_new_day_and_not_of_every_file(
    modelyard: Modelyard, ada: Person, adder: dict[str, Any], runner: None, db: Database
) -> None:
    await call(ada, adder, x=1)
    first = len(files(modelyard, await _of_first(modelyard, ada)))
    await call(ada, adder, x=2)
    await recorded(modelyard, ada, 2)
    assert len(files(modelyard, (await datasets(ada))["prediction_data"])) > first
    told = await db.values("SELECT details FROM events WHERE action = 'dataset.filesWritten'")
    days = {row["time"].date() for row in await recorded(modelyard, ada, 2)}
    assert len(told) == len(days)
    assert told[0]["modelApiId"] == adder["id"]


async def _of_first(modelyard: Modelyard, person: Person) -> str:
    await recorded(modelyard, person, 1)
    return (await datasets(person))["prediction_data"]


async def test_calls_are_recorded_only_where_somebody_asked_for_it(
    modelyard: Modelyard, ada: Person, project: dict[str, Any], stand: Stand, runner: None
) -> None:
    silent = await logged(ada, project, stand, logHttpRequestResponse=False)
    monitored = await logged(ada, project, stand, logHttpRequestResponse=False, monitoringEnabled=True)
    await call(ada, silent, x=1)
    await call(ada, monitored, x=2)
    found = await recorded(modelyard, ada, 1)
    assert {row["version_id"] for row in found} == {monitored["activeVersion"]["id"]}


async def test_of_a_version_that_the_runner_serves_inputs_by_position_are_known_by_their_names(
    modelyard: Modelyard, ada: Person, project: dict[str, Any], runner: None
) -> None:
    made = await make_model_api(ada, project, version={"recordInvocation": True})
    await ada.put(recording(made), {"sampleRate": 1, "redactedFields": ["y"]})
    await waits_for(ada, await first_version(ada, made), "Running")
    for parameters in ([1, 2], {"x": 3, "y": 4}):
        body = {"parameters": parameters}
        response = await ada.request("POST", f"/models/{made['id']}/latest/model", json=body)
        assert response.status_code == 200, response.text
    found = [json.loads(row["request"])["parameters"] for row in await recorded(modelyard, ada, 2)]
    assert found == [[1, "[redacted]"], {"x": 3, "y": "[redacted]"}]


async def test_predictions_are_recorded_too(
    modelyard: Modelyard, ada: Person, project: dict[str, Any], stand: Stand, runner: None
) -> None:
    made = await stand.makes(ada, project, isAsync=True, version={"logHttpRequestResponse": True})
    await stand.serves(made["activeVersion"]["id"], ADD)
    asked = await ada.post(f"/api/modelApis/async/v1/{made['id']}", {"parameters": {"x": 4}})
    [row] = await recorded(modelyard, ada, 1)
    assert row["request_id"] == asked["asyncPredictionId"]
    assert json.loads(row["response"])["sum"] == 5


async def test_the_share_and_the_fields_that_are_left_out_are_chosen(
    modelyard: Modelyard, ada: Person, adder: dict[str, Any], runner: None
) -> None:
    assert await ada.get(recording(adder)) == {"sampleRate": 1, "redactedFields": []}
    await ada.put(recording(adder), {"sampleRate": 0, "redactedFields": []})
    await call(ada, adder, x=1)
    chosen = await ada.put(recording(adder), {"sampleRate": 1, "redactedFields": ["iban", "iban"]})
    assert chosen == {"sampleRate": 1, "redactedFields": ["iban"]} == await ada.get(recording(adder))
    await call(ada, adder, x=2, iban="DE02")
    response = await ada.request("POST", f"/models/{adder['id']}/latest/model", json={"parameters": [3, "DE03"]})
    assert response.status_code == 200
    named, by_place = await recorded(modelyard, ada, 2)
    assert json.loads(named["request"]) == {"data": {"x": 2, "iban": "[redacted]"}}
    assert json.loads(named["response"]) == {"sum": 3, "iban": "[redacted]"}
    assert json.loads(by_place["request"]) == {"parameters": [3, "[redacted]"]}


async def test_only_editors_choose_what_is_recorded(
    ada: Person, bob: Person, project: dict[str, Any], adder: dict[str, Any]
) -> None:
    wanted = {"sampleRate": 0.5, "redactedFields": ["iban"]}
    await bob.get(recording(adder), expect=404)
    await let(ada, project, bob, "ResultsConsumer")
    assert (await bob.get(recording(adder)))["sampleRate"] == 1
    await bob.put(recording(adder), wanted, expect=403)
    for wrong in ({"sampleRate": 1.5}, {"sampleRate": -1}, {"redactedFields": [""]}, {"redactedFields": "iban"}):
        await ada.put(recording(adder), wanted | wrong, expect=400)
    await ada.put(recording(adder), wanted)


async def test_long_bodies_are_cut(modelyard: Modelyard, ada: Person, adder: dict[str, Any], runner: None) -> None:
    await call(ada, adder, x=1, iban="I" * 2000)
    await recorded(modelyard, ada, 1)
    await ada.put(recording(adder), {"sampleRate": 1, "redactedFields": ["iban"]})
    await call(ada, adder, x=1, iban="I" * 2000)
    cut, hidden = await recorded(modelyard, ada, 2)
    assert (len(cut["request"]), len(cut["response"]), cut["truncated"]) == (1000, 1000, True)
    assert (hidden["request"], hidden["response"], hidden["truncated"]) == (None, None, True)


async def test_a_dataset_is_named_for_a_version_by_somebody_who_may_write_to_it(
    modelyard: Modelyard, ada: Person, bob: Person, project: dict[str, Any], stand: Stand, runner: None
) -> None:
    dataset = await make_dataset(bob, {"id": await _project_of(bob)}, "calls")
    named = {"predictionDatasetResourceId": dataset["id"]}
    refused = await make_model_api(ada, project, expect=400, version=named)
    assert "predictionDatasetResourceId" in refused["message"]
    await grant(bob, dataset, ada.id, READER)
    await make_model_api(ada, project, expect=403, version=named)
    await grant(bob, dataset, ada.id, EDITOR)
    adder = await logged(ada, project, stand, **named)
    await call(ada, adder, x=1)
    assert len(await recorded(modelyard, bob, 1, "calls")) == 1
    assert "prediction_data" not in await datasets(ada)


async def _project_of(person: Person) -> str:
    body = {"name": "elsewhere", "description": "", "visibility": "Private"}
    return str((await person.post("/api/projects/beta/projects", body))["project"]["id"])


async def test_who_may_not_write_any_more_is_told_in_the_log_and_nothing_is_lost(
    modelyard: Modelyard,
    ada: Person,
    bob: Person,
    project: dict[str, Any],
    stand: Stand,
    runner: None,
    db: Database,
) -> None:
    dataset = await make_dataset(bob, {"id": await _project_of(bob)}, "calls")
    await grant(bob, dataset, ada.id, EDITOR)
    adder = await logged(ada, project, stand, predictionDatasetResourceId=dataset["id"])
    await grant(bob, dataset, ada.id, READER)
    await call(ada, adder, x=1)
    [line] = await lines(db, adder, 1)
    assert "needs the right" in line
    await try_again(db)
    await grant(bob, dataset, ada.id, EDITOR)
    await try_again(db)
    assert len(await recorded(modelyard, bob, 1, "calls")) == 1
    assert await lines(db, adder, 2) == [line, "Calls are recorded again."]


async def test_a_full_dataset_is_said_once_and_filled_when_there_is_room(
    modelyard: Modelyard, ada: Person, admin: Person, adder: dict[str, Any], runner: None, db: Database
) -> None:
    await call(ada, adder, x=1)
    dataset_id = await _of_first(modelyard, ada)
    await admin.put(f"/v4/datasetrw/datasets/{dataset_id}/quota", {"quotaBytes": 1})
    await call(ada, adder, x=2)
    [line] = await lines(db, adder, 1)
    assert "quota of the dataset prediction_data is 1 bytes" in line
    await call(ada, adder, x=3)
    await try_again(db)
    await admin.put(f"/v4/datasetrw/datasets/{dataset_id}/quota", {"quotaBytes": None})
    deadline = time.monotonic() + SECONDS
    while len(rows(modelyard, dataset_id)) < 3:
        await try_again(db)
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    assert await lines(db, adder, 2) == [line, "Calls are recorded again."]


async def test_a_segment_that_is_turned_twice_gives_one_file(
    modelyard: Modelyard, dsn: str, ada: Person, adder: dict[str, Any], db: Database
) -> None:
    await call(ada, adder, x=1)
    spool = modelyard.settings.home_path / "models" / "spool" / adder["activeVersion"]["id"]
    deadline = time.monotonic() + SECONDS
    while not (closed := list(spool.glob("*.closed"))):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    aside = modelyard.settings.home_path / closed[0].name
    shutil.copy(closed[0], aside)
    async with running(modelyard, dsn):
        dataset_id = await _of_first(modelyard, ada)
        before = files(modelyard, dataset_id)
        await _spool_is_empty(spool)
        # As if the runner had been killed when the file was in its place, and the segment not removed.
        spool.mkdir(exist_ok=True)
        shutil.copy(aside, closed[0])
        await try_again(db)
        await _spool_is_empty(spool)
    assert files(modelyard, dataset_id) == before
    assert len(rows(modelyard, dataset_id)) == 1
    used = await usage(ada, dataset_id)
    assert (used["fileCount"], used["sizeBytes"]) == (1, before[0].stat().st_size)


async def test_what_a_killed_server_has_left_is_recorded_by_the_next_one(
    settings: Settings, dsn: str, modelyard: Modelyard, ada: Person, adder: dict[str, Any]
) -> None:
    await call(ada, adder, x=1)
    spool = settings.home_path / "models" / "spool" / adder["activeVersion"]["id"]
    deadline = time.monotonic() + SECONDS
    while not (closed := list(spool.glob("*.closed"))):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    # As a writer leaves it that is killed: nobody holds it, and nobody has told the runner.
    closed[0].rename(spool / f"{closed[0].name.partition('-')[0]}.open")
    await modelyard.db.execute("DELETE FROM work WHERE kind = 'model_apis.record'")
    async with Modelyard.over(settings, dsn) as next_one, running(next_one, dsn):
        assert len(await recorded(next_one, ada, 1)) == 1


async def _spool_is_empty(spool: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while spool.exists() and any(spool.iterdir()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
