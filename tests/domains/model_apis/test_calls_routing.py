"""What a process knows of model APIs: read once, forgotten when it changes, never older than it may be."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from modelyard.domains.model_apis import queries as model_apis
from modelyard.domains.model_apis.calls import queries, routing
from modelyard.domains.model_apis.calls.queries import Routes, Served
from modelyard.domains.model_apis.calls.recorded import RecordedCall
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.engines.serving.pool import LocalEndpoints
from modelyard.kit.db import Database
from modelyard.kit.errors import Unavailable
from modelyard.kit.ids import new_id
from tests.client import Person
from tests.conftest import Cost
from tests.domains.model_apis.served import Model, new_model
from tests.engines.serving.models import Yard

ADDER = "def predict(x, y=1): return x + y"
# It takes a time that can be measured.
SLOWER_ADDER = "def predict(x, y=1): return sum(range(100_000)) * 0 + x + y"


@pytest.fixture
async def model(ada: Person, yard: Yard, project: dict[str, Any]) -> Model:
    """A model API of Ada's whose version nobody serves."""
    return await new_model(ada, yard, project)


@pytest.fixture
async def router(db: Database, dsn: str) -> AsyncIterator[Router]:
    """A router that does not listen yet."""
    made = Router(db, dsn, LocalEndpoints(), 10)
    yield made
    await made.close()


@pytest.fixture
async def listening(router: Router, model: Model) -> AsyncIterator[Router]:
    """A router that hears of changes and knows the model."""
    task = asyncio.create_task(router.listen())
    await _knows(router, model)
    yield router
    task.cancel()


async def _knows(router: Router, model: Model) -> None:
    """Until the router keeps what it reads."""
    async with asyncio.timeout(30):
        while router.known(model.id) is None:
            await router.find(model.id)
            await asyncio.sleep(0.005)


async def _reads(router: Router, model: Model, description: str) -> None:
    """Until the router has read this."""
    async with asyncio.timeout(30):
        while True:
            route = await router.find(model.id)
            assert route is not None
            if route.routes.description == description:
                return
            await asyncio.sleep(0.005)


async def test_all_that_calls_need_is_read_by_one_query(model: Model, router: Router, cost: Cost) -> None:
    assert await cost(asyncio.gather(*(router.find(model.id) for _ in range(20)))) == 1


async def test_without_listening_nothing_is_kept(model: Model, router: Router, cost: Cost) -> None:
    await router.find(model.id)
    assert router.known(model.id) is None
    assert await cost(router.find(model.id)) == 1


async def test_what_is_known_costs_nothing_until_it_changes(model: Model, listening: Router, cost: Cost) -> None:
    assert await cost(listening.find(model.id)) == 0
    await model.set(description="changed")
    await _reads(listening, model, "changed")
    assert listening.known(model.id) is not None


async def test_what_was_forgotten_is_not_answered_from_an_older_query(
    model: Model, listening: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is deleted while a query is under way that has still seen it."""
    read = queries.routes_of
    has_read, go_on = asyncio.Event(), asyncio.Event()

    async def slow(db: Database, model_api_id: str) -> Routes | None:
        found = await read(db, model_api_id)
        has_read.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(queries, "routes_of", slow)
    listening.forget(model.id)
    before = asyncio.create_task(listening.find(model.id))
    await has_read.wait()
    await model.modelyard.db.execute("DELETE FROM model_api_access_tokens")
    listening.forget(model.id)
    after = asyncio.create_task(listening.find(model.id))
    go_on.set()
    for finding in (before, after):
        route = await finding
        assert route is not None
        assert route.token_ids == {}


async def test_a_cut_connection_is_made_anew_and_changes_are_seen(
    model: Model, listening: Router, db: Database
) -> None:
    cut = await db.values(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%model_apis%'"
        " AND datname = current_database()"
    )
    assert cut
    await db.execute("UPDATE model_apis SET description = 'while nobody heard' WHERE id = $1", model.id)
    await _reads(listening, model, "while nobody heard")
    await _knows(listening, model)
    await model.set(description="heard again")
    await _reads(listening, model, "heard again")


async def test_unknown_ids_are_remembered_until_they_come_into_being(
    model: Model, listening: Router, cost: Cost
) -> None:
    unknown = new_id()
    assert await listening.find(unknown) is None
    assert await cost(listening.find(unknown)) == 0
    await model.modelyard.db.execute("UPDATE model_apis SET archived_at = now() WHERE id = $1", model.id)
    await model_apis.announce(model.modelyard.db, model.id)
    async with asyncio.timeout(30):
        while await listening.find(model.id) is not None:
            await asyncio.sleep(0.005)
    assert await cost(listening.find(model.id)) == 0
    await model.set(archived_at=None)
    async with asyncio.timeout(30):
        while await listening.find(model.id) is None:
            await asyncio.sleep(0.005)


async def test_only_so_many_unknown_ids_are_remembered(
    listening: Router, cost: Cost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "STRANGERS_KEPT", 10)
    ids = [new_id() for _ in range(30)]
    for unknown in ids:
        assert await listening.find(unknown) is None
    assert await cost(listening.find(ids[-1])) == 0
    assert await cost(listening.find(ids[0])) == 1
    assert await cost(listening.find("no id at all")) == 0


async def test_a_database_that_is_away_fails_those_who_ask_and_nobody_else(
    router: Router, model: Model, db: Database
) -> None:
    await db.close()
    for found in await asyncio.gather(*(router.find(model.id) for _ in range(3)), return_exceptions=True):
        assert isinstance(found, Unavailable)


async def test_a_version_lives_until_all_are_answered(model: Model, listening: Router) -> None:
    version = await model.serves(await model.first_version(), ADDER)
    async with asyncio.timeout(30):
        while not (route := await listening.find(model.id)) or not route.routes.versions[0].addresses:
            await asyncio.sleep(0.005)
    destination, answer = await listening.call(route, "latest", b'{"data": {"x": 1}}', "an-id", 10)
    assert (answer.status, answer.body) == (200, b"2")
    assert destination.served.version_id == version["id"]
    await model.stops(version)
    async with asyncio.timeout(30):
        while (now := await listening.find(model.id)) is route:
            await asyncio.sleep(0.005)
    for outdated_or_not in (route, now):
        assert outdated_or_not is not None
        with pytest.raises(Unavailable, match="Stopped"):
            await listening.call(outdated_or_not, "latest", b'{"data": {"x": 1}}', "an-id", 10)


async def test_who_has_found_a_route_may_choose_from_it_though_it_changes(model: Model, listening: Router) -> None:
    await model.serves(await model.first_version(), ADDER)
    async with asyncio.timeout(30):
        while not (route := await listening.find(model.id)) or not route.routes.versions[0].addresses:
            await asyncio.sleep(0.005)
    for description in ("changed", "changed again"):
        await model.set(description=description)
        async with asyncio.timeout(30):
            while (found := await listening.find(model.id)) is route or found is None:
                await asyncio.sleep(0.005)
        _, answer = await listening.call(route, "latest", b'{"data": {"x": 1}}', "an-id", 10)
        assert answer.body == b"2"
        route = found


class Notes:
    """A recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Routes, Served, RecordedCall]] = []

    def record(self, routes: Routes, served: Served, call: RecordedCall) -> None:
        self.calls.append((routes, served, call))


async def test_calls_of_recorded_versions_are_told_to_the_recorder(
    ada: Person, yard: Yard, project: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    state = ada.modelyard.http._transport.app._state  # type: ignore[attr-defined]
    monkeypatch.setattr(state.recorder, "record", notes.record)
    silent = await new_model(ada, yard, project, ADDER, name="silent")
    told = await new_model(ada, yard, project, SLOWER_ADDER, {"monitoringEnabled": True}, name="told")
    token_id = await told.add_token("mdt_second")
    await silent.answers()
    await told.says_at_last(200, token="mdt_second")
    notes.calls.clear()
    body = b'{"data": {"x": 1}}'
    await told.call(body, token="mdt_second", headers={"X-Request-Id": "mine"})
    await told.call(b"{}", token="mdt_second")
    await told.call(b"", token="mdt_second")
    (routes, served, good), (_, _, bad) = notes.calls
    assert (routes.model_api_id, served.number) == (told.id, 1)
    assert (good.request_id, good.status, good.request, good.answer, good.caller) == (
        "mine",
        200,
        body,
        b"2",
        token_id,
    )
    assert good.seconds >= good.model_seconds > 0
    assert (bad.status, bad.answer[:1]) == (400, b'"')
