"""Asynchronous predictions: asked for now, made when a model has room, whatever happens to the runner."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from modelyard.engines.serving import MlflowSource
from modelyard.kit.db import Database
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.conftest import running
from tests.domains.model_apis.conftest import at, make_model_api
from tests.domains.model_apis.serving import Runner, first_version, new_version, sets_running, waits_for
from tests.domains.model_apis.stand import Stand, standing
from tests.domains.running import as_
from tests.engines.serving.mlflow_models import save_sum

ASYNC = "/api/modelApis/async/v1"
SECONDS = 60
ADD = """
def predict(x, y=1):
    return {"sum": x + y}
"""
# Waits for a file, and counts how often it was asked.
SLOW = """
import time
from pathlib import Path

def predict(folder, answer=1):
    folder = Path(folder)
    with (folder / "asked").open("a") as asked:
        asked.write("x")
    while not (folder / "go").exists():
        time.sleep(0.01)
    return answer
"""


_SUM = "(model_input['a'] + model_input['b']).tolist()"


@pytest.fixture
async def stand(db: Database) -> AsyncIterator[Stand]:
    """Where model APIs are served."""
    async with standing(db) as made:
        yield made


@pytest.fixture
async def adder(ada: Person, project: dict[str, Any], stand: Stand) -> dict[str, Any]:
    """Ada's asynchronous model API, which does not run yet."""
    return await stand.makes(ada, project, isAsync=True)


def version_id(model_api: dict[str, Any]) -> str:
    """The id of its version."""
    return str(model_api["activeVersion"]["id"])


async def ask(person: Person, model_api: dict[str, Any], expect: int = 200, **parameters: Any) -> Any:
    """The id of a new prediction, or how it was refused."""
    reply = await person.post(f"{ASYNC}/{model_api['id']}", {"parameters": parameters}, expect=expect)
    return reply["asyncPredictionId"] if expect == 200 else reply


async def look(person: Person, model_api: dict[str, Any], prediction: str, expect: int = 200) -> dict[str, Any]:
    """How a prediction is."""
    found: dict[str, Any] = await person.get(f"{ASYNC}/{model_api['id']}/{prediction}", expect=expect)
    return found


async def until(person: Person, model_api: dict[str, Any], prediction: str, *statuses: str) -> dict[str, Any]:
    """A prediction when it has come so far."""
    deadline = time.monotonic() + SECONDS
    while (found := await look(person, model_api, prediction))["status"] not in statuses:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.02)
    return found


async def ended(person: Person, model_api: dict[str, Any], prediction: str) -> dict[str, Any]:
    """A prediction when it has ended."""
    return await until(person, model_api, prediction, "Succeeded", "Failed")


async def appears(path: Path, content: str = "") -> None:
    """Waits for a file that has at least this content."""
    deadline = time.monotonic() + SECONDS
    while not path.exists() or len(path.read_text()) < len(content):
        assert time.monotonic() < deadline, path
        await asyncio.sleep(0.01)


async def test_a_prediction_waits_for_its_model_and_is_made_when_it_runs(
    ada: Person, adder: dict[str, Any], stand: Stand, runner: None
) -> None:
    prediction = await ask(ada, adder, x=2)
    assert await look(ada, adder, prediction) == {"asyncPredictionId": prediction, "status": "Pending"}
    await stand.serves(version_id(adder), ADD)
    assert await ended(ada, adder, prediction) == {
        "asyncPredictionId": prediction, "status": "Succeeded", "result": {"sum": 3},
    }  # fmt: skip


async def test_predictions_of_a_version_that_the_runner_serves_go_on_with_the_next_one(
    ada: Person, project: dict[str, Any], runner: None
) -> None:
    made = await make_model_api(ada, project, isAsync=True)
    early = await ask(ada, made, x=1)
    assert (await ended(ada, made, early))["result"] == {"sum": 2}
    version = await first_version(ada, made)
    await sets_running(ada, version, running=False)
    await waits_for(ada, version, "Stopped")
    meanwhile = await ask(ada, made, x=5)
    assert (await look(ada, made, meanwhile))["status"] == "Pending"
    await as_(ada).uploads("churn", "model.py", "def predict(x):\n    return {'twice': 2 * x}\n")
    await new_version(ada, made, project)
    assert (await ended(ada, made, meanwhile))["result"] == {"twice": 10}


@pytest.mark.parametrize(
    ("parameters", "result"),
    [
        ({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}}, [3, 7]),
        ({"dataframe_records": [{"a": 1, "b": 5}]}, [6]),
        ({"a": 1, "b": 2}, [3]),
    ],
)
async def test_a_model_of_the_registry_takes_mlflows_forms_and_records(
    ada: Person, adder: dict[str, Any], stand: Stand, runner: None, tmp_path: Path, parameters: Any, result: Any
) -> None:
    await stand.db.execute('UPDATE model_api_versions SET source = source || \'{"type": "Registry"}\'')
    await stand.serves(version_id(adder), MlflowSource(folder=save_sum(tmp_path, _SUM)))
    found = await ended(ada, adder, await ask(ada, adder, **parameters))
    assert found.get("result") == {"result": result}, found


async def test_what_the_model_refuses_or_raises_is_said_to_the_caller(
    ada: Person, adder: dict[str, Any], stand: Stand, runner: None
) -> None:
    await stand.serves(version_id(adder), ADD)
    for parameters, says in (
        ({"z": 1}, "predict"),
        ({"x": "one"}, "TypeError"),
        ({"x": {"nul": "\0"}}, "TypeError"),
    ):
        found = await ended(ada, adder, await ask(ada, adder, **parameters))
        assert found["status"] == "Failed"
        assert says in found["errors"][0]
        assert "result" not in found


async def test_a_result_that_is_no_object_becomes_one(
    ada: Person, adder: dict[str, Any], stand: Stand, runner: None
) -> None:
    await stand.serves(version_id(adder), "def predict(x):\n    return x")
    for value in (5, None, [1, {"a": 2}], "text", 123456789012345678901234567890):
        found = await ended(ada, adder, await ask(ada, adder, x=value))
        assert found["result"] == {"result": value}
    assert (await ended(ada, adder, await ask(ada, adder, x={"a": 1})))["result"] == {"a": 1}


async def test_at_once_are_as_many_made_as_the_replicas_can_take(
    ada: Person, adder: dict[str, Any], stand: Stand, runner: None, tmp_path: Path
) -> None:
    await stand.serves(version_id(adder), SLOW, replicas=2)
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    predictions = [await ask(ada, adder, folder=str(folder)) for folder in folders]
    for folder in folders[:2]:
        await appears(folder / "asked", "x")
    found = [(await look(ada, adder, prediction))["status"] for prediction in predictions]
    assert found == ["Processing", "Processing", "Pending", "Pending"]
    assert not (folders[2] / "asked").exists()
    (folders[0] / "go").touch()
    await appears(folders[2] / "asked", "x")
    assert (await ended(ada, adder, predictions[0]))["status"] == "Succeeded"
    for folder in folders[1:]:
        (folder / "go").touch()
    for prediction in predictions:
        assert (await ended(ada, adder, prediction))["result"] == {"result": 1}


async def test_a_prediction_goes_on_after_a_restart_of_the_runner(
    modelyard: Modelyard, dsn: str, ada: Person, adder: dict[str, Any], stand: Stand, tmp_path: Path
) -> None:
    await stand.serves(version_id(adder), SLOW)
    async with running(modelyard, dsn):
        prediction = await ask(ada, adder, folder=str(tmp_path), answer=7)
        waiting = await ask(ada, adder, folder=str(tmp_path), answer=8)
        await appears(tmp_path / "asked", "x")
    assert (await look(ada, adder, prediction))["status"] == "Processing"
    assert (await look(ada, adder, waiting))["status"] == "Pending"
    (tmp_path / "go").touch()
    async with running(modelyard, dsn):
        assert (await ended(ada, adder, prediction))["result"] == {"result": 7}
        assert (await ended(ada, adder, waiting))["result"] == {"result": 8}
    assert (tmp_path / "asked").read_text() == "xxx"  # the first one was begun anew


async def test_a_prediction_in_the_middle_of_which_the_runner_is_killed_is_made_by_the_next_one(
    modelyard: Modelyard, dsn: str, ada: Person, adder: dict[str, Any], stand: Stand, tmp_path: Path
) -> None:
    await stand.serves(version_id(adder), SLOW)
    runner = Runner(modelyard, dsn)
    runner.start()
    predictions = [await ask(ada, adder, folder=str(tmp_path), answer=number) for number in range(3)]
    await appears(tmp_path / "asked", "x")
    await runner.kill()
    assert (await look(ada, adder, predictions[0]))["status"] == "Processing"
    (tmp_path / "go").touch()
    runner.start()
    for number, prediction in enumerate(predictions):
        assert (await ended(ada, adder, prediction))["result"] == {"result": number}
    await runner.stop()


async def test_a_replica_that_ends_in_the_middle_fails_the_prediction_it_had_begun(
    ada: Person, adder: dict[str, Any], stand: Stand, runner: None, tmp_path: Path
) -> None:
    [replica] = await stand.serves(version_id(adder), SLOW)
    prediction = await ask(ada, adder, folder=str(tmp_path))
    waiting = await ask(ada, adder, folder=str(tmp_path))
    await appears(tmp_path / "asked", "x")
    await stand.serves(version_id(adder), SLOW)  # a second one
    replica.stop(0)
    found = await ended(ada, adder, prediction)
    assert (found["status"], "ended while it worked" in found["errors"][0]) == ("Failed", True)
    (tmp_path / "go").touch()
    assert (await ended(ada, adder, waiting))["status"] == "Succeeded"


async def test_a_prediction_that_takes_too_long_fails(
    ada: Person, project: dict[str, Any], stand: Stand, runner: None, tmp_path: Path
) -> None:
    slow = await stand.makes(ada, project, isAsync=True, overrideRequestTimeoutSecs=1)
    await stand.serves(version_id(slow), SLOW)
    found = await ended(ada, slow, await ask(ada, slow, folder=str(tmp_path)))
    assert (found["status"], "in time" in found["errors"][0]) == ("Failed", True)
    (tmp_path / "go").touch()


async def test_a_replica_that_nobody_reaches_is_waited_for(
    ada: Person, adder: dict[str, Any], stand: Stand, runner: None, db: Database
) -> None:
    [replica] = await stand.serves(version_id(adder), ADD)
    replica.stop(0)
    await replica.wait()
    prediction = await ask(ada, adder, x=1)
    deadline = time.monotonic() + SECONDS
    while not await db.value("SELECT attempts > 1 FROM work WHERE kind = 'model_apis.predict'"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert (await look(ada, adder, prediction))["status"] in {"Pending", "Processing"}
    await stand.serves(version_id(adder), ADD)
    assert (await ended(ada, adder, prediction))["result"] == {"sum": 2}


async def test_the_version_in_production_is_asked_else_the_newest_that_runs(
    ada: Person, project: dict[str, Any], adder: dict[str, Any], stand: Stand, runner: None
) -> None:
    second = await stand.adds(ada, adder, project)
    await stand.serves(version_id(adder), "def predict():\n    return 1")
    assert (await ended(ada, adder, await ask(ada, adder)))["result"] == {"result": 1}
    await stand.serves(second["id"], "def predict():\n    return 2")
    assert (await ended(ada, adder, await ask(ada, adder)))["result"] == {"result": 2}
    await ada.put(at(adder, f"/versions/{version_id(adder)}/productionLabel"), {"isProd": True})
    assert (await ended(ada, adder, await ask(ada, adder)))["result"] == {"result": 1}


async def test_those_who_may_call_ask_and_see_results_and_nobody_else(
    modelyard: Modelyard, ada: Person, bob: Person, project: dict[str, Any], adder: dict[str, Any], stand: Stand
) -> None:
    other = await stand.makes(ada, project, name="other", isAsync=True)
    prediction = await ask(ada, adder, x=1)
    await look(ada, other, prediction, expect=404)
    await look(ada, adder, "0" * 24, expect=404)
    await ask(bob, adder, expect=404, x=1)
    await look(bob, adder, prediction, expect=404)
    await ask(modelyard.stranger(), adder, expect=401, x=1)
    await ask(ada, {"id": "0" * 24}, expect=404, x=1)
    await ada.delete(at(adder), expect=204)
    await ask(ada, adder, expect=404, x=1)
    await look(ada, adder, prediction, expect=404)


async def test_what_cannot_be_used_is_refused(
    ada: Person, project: dict[str, Any], adder: dict[str, Any], stand: Stand
) -> None:
    path = f"{ASYNC}/{adder['id']}"
    for parameters in (1, [1], "x", None):
        refused = await ada.post(path, {"parameters": parameters}, expect=422)
        assert "object" in refused["message"]
    await ada.post(path, {}, expect=400)
    assert (await ada.request("POST", path, content=b'{"parameters": {')).status_code == 400
    deep = b'{"parameters": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert (await ada.request("POST", path, content=deep)).status_code == 400
    large = await ask(ada, adder, expect=413, x="x" * 2**20)
    assert "1,048,576" in large["message"]
    sync = await stand.makes(ada, project, name="sync")
    assert f"/models/{sync['id']}/latest/model" in (await ask(ada, sync, expect=400, x=1))["message"]


class TestWithSmallLimits:
    """Of a server that keeps little."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, async_prediction_max_open=2, async_prediction_keep_seconds=1)

    async def test_too_many_open_predictions_are_refused(self, ada: Person, adder: dict[str, Any]) -> None:
        for _ in range(2):
            await ask(ada, adder, x=1)
        body = {"parameters": {"x": 1}}
        refused: httpx.Response = await ada.request("POST", f"{ASYNC}/{adder['id']}", json=body)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "2 predictions" in refused.json()["message"]

    async def test_results_are_forgotten_after_a_while(
        self, ada: Person, adder: dict[str, Any], stand: Stand, runner: None, db: Database
    ) -> None:
        await stand.serves(version_id(adder), ADD)
        prediction = await ask(ada, adder, x=1)
        await ended(ada, adder, prediction)
        assert await db.value("SELECT parameters FROM async_predictions") is None
        deadline = time.monotonic() + SECONDS
        while await db.value("SELECT count(*) FROM async_predictions"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        await look(ada, adder, prediction, expect=404)

    async def test_a_prediction_that_nobody_can_make_is_given_up(
        self, ada: Person, adder: dict[str, Any], runner: None, db: Database
    ) -> None:
        prediction = await ask(ada, adder, x=1)
        found = await ended(ada, adder, prediction)
        assert "No version of the model was running" in found["errors"][0]
        assert not await db.value("SELECT count(*) FROM work WHERE kind = 'model_apis.predict'")
