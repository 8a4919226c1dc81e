"""Calls of model APIs over HTTP: answers, versions, bodies, failures."""

from typing import Any

import httpx
import msgspec
import pytest

from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import of_version
from tests.domains.model_apis.served import Model, basic, failure, new_model
from tests.domains.running import as_
from tests.engines.serving.models import Yard

ADDER = "def predict(x, y=1): return {'sum': x + y}"


@pytest.fixture
async def adder(ada: Person, yard: Yard, project: dict[str, Any]) -> Model:
    """A model API of Ada's that adds."""
    return await new_model(ada, yard, project, ADDER)


async def test_an_answer_has_the_result_the_release_and_times(adder: Model) -> None:
    version = await adder.first_version()
    reply = await adder.call({"data": {"x": 1, "y": 2}}, headers={"X-Request-Id": "mine-1"})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-request-id"] == "mine-1"
    answer = reply.json()
    assert answer.pop("timing") >= answer.pop("model_time_in_ms") >= 0
    assert answer == {
        "result": {"sum": 3},
        "release": {
            "harness_version": "0.1",
            "model_version": version["id"],
            "model_version_number": 1,
        },
        "request_id": "mine-1",
    }


async def test_a_request_without_an_id_of_its_own_gets_one(adder: Model) -> None:
    reply = await adder.call(headers={"X-Request-Id": "no plain id"})
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert len(reply.json()["request_id"]) == 24


async def test_the_model_is_sent_the_body_as_it_came(adder: Model) -> None:
    assert await adder.answers({"parameters": [5, 6]}) == {"sum": 11}
    assert await adder.answers(b'  {"data":\n{"x": 1e2}}  ') == {"sum": 101.0}

    async def pieces() -> Any:
        yield b'{"data": {"x"'
        yield b": 40, "
        yield b'"y": 2}}'

    stranger = adder.modelyard.stranger()
    reply = await stranger.request(
        "POST", adder.path(), content=pieces(), headers=basic("mdt_a-token-of-the-model")
    )
    assert reply.json()["result"] == {"sum": 42}


async def test_what_the_model_cannot_take_or_do_is_said_in_the_envelope(
    ada: Person, yard: Yard, project: Any
) -> None:
    model = await new_model(ada, yard, project, "def predict(x): return 1 / x")
    assert "'x'" in await model.refuses(400, {"data": {"y": 1}})
    assert "ZeroDivisionError" in await model.refuses(500, {"data": {"x": 0}})
    assert await model.answers({"data": {"x": 2}}) == 0.5


async def test_a_thousand_malformed_bodies_are_refused_and_the_model_lives(adder: Model) -> None:
    pieces = [b"{", b"\0", b'{"data": ', b"[1, 2", b'"', b"\xff\xfe", b'{"data": {"x": NaN', b"[" * 2000, b"nul"]
    for number in range(1000):
        body = pieces[number % len(pieces)] + str(number).encode() * (number % 7)
        reply = await adder.call(body)
        assert 400 <= reply.status_code < 500, (body, reply.text)
    assert await adder.answers() == {"sum": 3}
    assert len({replica.address for replica in adder.replicas[(await adder.first_version())["id"]]}) == 1


async def test_bodies_that_are_empty_or_too_large_are_refused(settings: Settings, dsn: str, yard: Yard) -> None:
    small = msgspec.structs.replace(settings, model_max_body_bytes=1000)
    async with Modelyard.over(small, dsn) as modelyard:
        ada = await modelyard.person("ada")
        project = {"id": await as_(ada).makes_project("churn", model__py=ADDER)}
        model = await new_model(ada, yard, project, ADDER)
        assert "empty" in await model.refuses(400, b"")
        assert "1,000 bytes" in await model.refuses(413, b" " * 1001)

        async def pieces() -> Any:
            for _ in range(20):
                yield b" " * 100

        reply = await modelyard.stranger().request(
            "POST", model.path(), content=pieces(), headers=basic("mdt_a-token-of-the-model")
        )
        failure(reply, 413)
        assert await model.answers(b" " * 900 + b'{"data": {"x": 1}}') == {"sum": 2}


async def test_versions_are_called_by_number_or_label(adder: Model) -> None:
    first = await adder.first_version()
    second = await adder.serves(await adder.new_version(), "def predict(x, y=1): return 'second'")
    await adder.answers_at_last("second")
    assert await adder.answers(version=1) == {"sum": 3}
    assert (await adder.call(version=2)).json()["release"]["model_version"] == second["id"]
    assert "in production" in await adder.refuses(404, version="labels/prod")
    await adder.owner.put(of_version(first, "/productionLabel"), {"isProd": True})
    await adder.says_at_last(200, version="labels/prod")
    assert await adder.answers(version="labels/prod") == {"sum": 3}
    assert "no version 7" in await adder.refuses(404, version=7)


async def test_a_version_that_does_not_run_is_a_503_that_says_how_it_is(adder: Model) -> None:
    waiting = await adder.new_version()
    await adder.answers_at_last({"sum": 3})
    await adder.says_at_last(503, version=2)
    reply = await adder.call(version=2)
    assert waiting["deployment"]["status"] in failure(reply, 503)
    assert reply.headers["retry-after"] == "1"
    await adder.stops(await adder.first_version())
    await adder.says_at_last(503)
    assert "does not run" in await adder.refuses(503)


async def test_a_model_that_answers_later_names_the_address_for_that(
    ada: Person, yard: Yard, project: Any
) -> None:
    model = await new_model(ada, yard, project, ADDER, isAsync=True)
    assert f"/api/modelApis/async/v1/{model.id}" in await model.refuses(400)


async def test_an_archived_model_is_gone(adder: Model) -> None:
    assert await adder.answers() == {"sum": 3}
    await adder.owner.delete(f"/api/modelServing/v1/modelApis/{adder.id}", expect=204)
    await adder.says_at_last(401)
    reply = await adder.owner.request("POST", adder.path(), content=b"{}")
    failure(reply, 404)


async def test_only_post_calls_and_other_addresses_are_not_there(adder: Model) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        reply = await adder.owner.request(method, adder.path())
        failure(reply, 405)
        assert reply.headers["allow"] == "POST"
    for path in ("latest/mode", "labels/test/model", "-1/model", "1.5/model", "model", "1" * 30 + "/model"):
        reply = await adder.owner.request("POST", f"/models/{adder.id}/{path}", content=b"{}")
        failure(reply, 404)


async def test_slashes_too_many_are_forgiven(adder: Model) -> None:
    for path in (f"/models//{adder.id}/latest//model", f"/models/{adder.id}/latest/model/"):
        reply = await adder.owner.request("POST", path, content=b'{"data": {"x": 1}}')
        assert reply.status_code == 200, reply.text


async def test_an_answer_names_the_registered_model(adder: Model) -> None:
    version = await adder.first_version()
    source = {"type": "Registry", "registeredModelName": "churn", "registeredModelVersion": 3}
    await adder.modelyard.db.execute(
        "UPDATE model_api_versions SET source = $2 WHERE id = $1", version["id"], source
    )
    await adder.set(description="changed")
    await adder.says_at_last(200)
    release = (await adder.call()).json()["release"]
    assert (release["registered_model_name"], release["registered_model_version"]) == ("churn", 3)


async def test_calls_are_measured_under_one_name(adder: Model) -> None:
    before = await _measured(adder)
    await adder.answers()
    await adder.refuses(404, version=9)
    after = await _measured(adder)
    assert after["200"] == before.get("200", 0) + 1
    assert after["404"] == before.get("404", 0) + 1


async def test_a_usual_call_asks_the_database_nothing(adder: Model, cost: Any) -> None:
    await adder.answers_at_last({"sum": 3})
    asked = [await cost(adder.call()) for _ in range(3)]
    assert min(asked) == 0


async def _measured(model: Model) -> dict[str, float]:
    page = (await model.modelyard.stranger().get("/metrics")).decode()
    prefix = 'modelyard_requests_total{method="POST",route="/models/{modelApiId}/model",status="'
    lines = [line.removeprefix(prefix) for line in page.splitlines() if line.startswith(prefix)]
    return {line.partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


async def test_a_database_that_is_away_is_a_503(adder: Model) -> None:
    await adder.modelyard.db.close()
    reply: httpx.Response = await adder.modelyard.http.post(
        f"/models/{'0' * 24}/latest/model", content=b"{}", headers=basic("mdt_other")
    )
    assert "database" in failure(reply, 503)
