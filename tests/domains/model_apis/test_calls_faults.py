"""Calls when something goes wrong: full queues, slow and vanished clients, lost replicas, replaced versions."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from modelyard.domains.model_apis.calls import app as calls_app
from modelyard.domains.model_apis.calls import bodies
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import of_version
from tests.domains.model_apis.served import TOKEN, Model, basic, failure, new_model
from tests.domains.running import as_
from tests.engines.serving.models import Yard

SECOND = "def predict(x, y=1): return 'second'"


def gated(gate: Path) -> str:
    """A model that notes what it has begun and answers once its gate is open."""
    return f"""
import os, time
def predict(x, y=1):
    open({str(gate)!r} + '.begun', 'a').write('.')
    while not os.path.exists({str(gate)!r}):
        time.sleep(0.005)
    return 'first'
"""


async def until(is_so: Callable[[], bool]) -> None:
    """Until something has come about."""
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.005)


class Gate:
    """What a gated model waits for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun = path.with_name(path.name + ".begun")

    @property
    def begun(self) -> int:
        """How many calls the model has begun."""
        return len(self._begun.read_text()) if self._begun.exists() else 0

    def open(self) -> None:
        """Lets all calls go on."""
        self.path.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A gate that is shut."""
    return Gate(tmp_path / "gate")


@pytest.fixture
async def narrow(settings: Settings, dsn: str, yard: Yard, gate: Gate) -> Any:
    """A gated model API of Ada's, of which two calls may wait."""
    chosen = msgspec.structs.replace(settings, model_queue_size=2, request_timeout_seconds=20)
    async with Modelyard.over(chosen, dsn) as modelyard:
        ada = await modelyard.person("ada")
        project = {"id": await as_(ada).makes_project("churn", model__py=SECOND)}
        yield await new_model(ada, yard, project, gated(gate.path))


def starts(calls: int, model: Model) -> list[asyncio.Task[httpx.Response]]:
    """So many calls at once."""
    return [asyncio.create_task(model.call()) for _ in range(calls)]


async def one_begun_two_waiting(model: Model, gate: Gate) -> list[asyncio.Task[httpx.Response]]:
    """Three calls, of which the model can do one at a time."""
    calls = starts(1, model)
    await until(lambda: gate.begun == 1)
    calls += starts(2, model)
    (full,) = starts(1, model)
    failure(await full, 429)
    return calls


async def test_more_calls_than_may_wait_are_told_to_come_again(narrow: Model, gate: Gate) -> None:
    calls = starts(12, narrow)
    await until(lambda: sum(call.done() for call in calls) >= 8)
    refused = [call.result() for call in calls if call.done()]
    for reply in refused:
        failure(reply, 429)
        assert reply.headers["retry-after"] == "1"
    gate.open()
    replies = await asyncio.gather(*calls)
    assert {reply.status_code for reply in replies} == {200, 429}
    assert sum(reply.status_code == 200 for reply in replies) == 12 - len(refused)


async def test_a_model_that_takes_too_long_is_a_504(narrow: Model, gate: Gate) -> None:
    await narrow.set(request_timeout_seconds=1)
    await narrow.says_at_last(504)
    assert gate.begun == 1


async def test_a_replica_that_is_lost_in_the_middle_is_a_502(narrow: Model, gate: Gate) -> None:
    (call,) = starts(1, narrow)
    await until(lambda: gate.begun == 1)
    (replica,) = narrow.replicas[(await narrow.first_version())["id"]]
    replica.stop(0)
    failure(await call, 502)


async def test_without_a_replica_it_is_a_503(narrow: Model) -> None:
    version = await narrow.first_version()
    await narrow.modelyard.db.execute("UPDATE model_replicas SET state = 'ended'")
    await narrow.modelyard.db.execute(
        "UPDATE model_api_versions SET status = 'Stalled' WHERE id = $1", version["id"]
    )
    await narrow.set(description="changed")
    reply = await narrow.call()
    failure(reply, 503)
    assert reply.headers["retry-after"] == "1"


async def test_who_waits_for_a_version_that_is_replaced_is_answered_by_the_next(narrow: Model, gate: Gate) -> None:
    calls = await one_begun_two_waiting(narrow, gate)
    await narrow.serves(await narrow.new_version(), SECOND)
    await narrow.stops(await narrow.first_version())
    # Those that the first version was not given yet are answered by the second, though the gate is still shut.
    await until(lambda: any(call.done() for call in calls))
    gate.open()
    replies = [await call for call in calls]
    results = [reply.json().get("result") for reply in replies]
    assert set(results) == {"first", "second"}, [reply.text for reply in replies]


async def test_replicas_that_come_anew_answer_who_waits(narrow: Model, gate: Gate) -> None:
    version = await narrow.first_version()
    calls = await one_begun_two_waiting(narrow, gate)
    (replica,) = narrow.replicas[version["id"]]
    replica.stop(0)
    await replica.wait()
    gate.open()
    await narrow.modelyard.db.execute("UPDATE model_replicas SET state = 'ended'")
    await narrow.serves(version, SECOND)
    replies = [await call for call in calls]
    assert sorted(reply.status_code for reply in replies) == [200, 200, 502]


async def test_the_label_moves_under_load_without_a_lost_call(ada: Person, yard: Yard, project: Any) -> None:
    model = await new_model(ada, yard, project, "def predict(x, y=1): return 'first'")
    first, second = await model.first_version(), await model.serves(await model.new_version(), SECOND)
    await ada.put(of_version(first, "/productionLabel"), {"isProd": True})
    await model.says_at_last(200, version="labels/prod")
    heard: list[str] = []
    over = asyncio.Event()

    async def keep_calling() -> None:
        while not over.is_set():
            heard.append(await model.answers(version="labels/prod"))

    callers = [asyncio.create_task(keep_calling()) for _ in range(8)]
    await until(lambda: len(heard) > 100)
    for version, name in ((second, "second"), (first, "first"), (second, "second")):
        await ada.put(of_version(version, "/productionLabel"), {"isProd": True})
        await until(lambda name=name: heard[-1] == name)  # type: ignore[misc]
    over.set()
    await asyncio.gather(*callers)
    assert set(heard) == {"first", "second"}


class ByHand:
    """A call whose client does as it is told: `receive` gives what is put into the queue."""

    def __init__(self, model: Model, **headers: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        given = basic(TOKEN) | headers
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": model.path(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        }

    async def serve(self, app: Any) -> None:
        """Has the call answered, or not."""
        await app(self.scope, self.messages.get, self._send)

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def says(self, body: bytes, *, more: bool = False) -> None:
        """The client sends a piece of the body."""
        self.messages.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leaves(self) -> None:
        """The client goes."""
        self.messages.put_nowait({"type": "http.disconnect"})

    @property
    def status(self) -> int:
        """What it was told."""
        return int(self.sent[0]["status"])


Serve = Callable[[ByHand], Awaitable[None]]


@pytest.fixture
def serve(narrow: Model) -> Serve:
    """Has a call by hand served by the application of the narrow model."""
    app = narrow.modelyard.http._transport.app  # type: ignore[attr-defined]
    return lambda call: call.serve(app)


async def test_who_sends_too_slowly_is_told_so(
    narrow: Model, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_app, "BODY_SECONDS", 0.05)
    call = ByHand(narrow)
    call.says(b'{"data"', more=True)
    await serve(call)
    assert call.status == 408


async def test_who_goes_while_sending_is_forgotten(narrow: Model, serve: Serve, gate: Gate) -> None:
    call = ByHand(narrow)
    call.says(b'{"data"', more=True)
    call.leaves()
    await serve(call)
    assert (call.sent, gate.begun) == ([], 0)


async def test_who_goes_while_waiting_makes_room_for_others(narrow: Model, serve: Serve, gate: Gate) -> None:
    calls = starts(12, narrow)
    await until(lambda: sum(call.done() for call in calls) >= 8)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    waiting = ByHand(narrow)
    waiting.says(b'{"data": {"x": 1}}')
    serving = asyncio.create_task(_served(serve, waiting))
    waiting.leaves()
    await serving
    assert waiting.sent == []
    others = starts(2, narrow)
    gate.open()
    assert [(await call).status_code for call in others] == [200, 200]


async def _served(serve: Serve, call: ByHand) -> None:
    await serve(call)


async def test_no_more_bodies_are_read_at_once_than_may(
    narrow: Model, serve: Serve, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "READ_AT_ONCE", 2)
    slow = [ByHand(narrow), ByHand(narrow)]
    serving = [asyncio.create_task(_served(serve, call)) for call in slow]
    for call in slow:
        call.says(b'{"data": ', more=True)
    await until(lambda: all(call.messages.empty() for call in slow))
    failure(await narrow.call(), 503)
    gate.open()
    for call in slow:
        call.says(b'{"x": 1}}')
    await asyncio.gather(*serving)
    assert [call.status for call in slow] == [200, 200]
    assert await narrow.answers() == "first"


async def test_a_server_that_stops_interrupts_its_calls(narrow: Model, serve: Serve) -> None:
    call = ByHand(narrow)
    serving = asyncio.create_task(_served(serve, call))
    call.says(b"{", more=True)
    await until(call.messages.empty)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert call.sent == []
