"""Calls through an endpoint: the queue, times, cancellation, replicas that come, hang, and are no replicas."""

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.engines.serving import (
    Answer,
    CallTimeout,
    Endpoints,
    FunctionSource,
    NoReplica,
    QueueFull,
    ReplicaLost,
    Serving,
)
from modelyard.engines.serving.pool import LocalEndpoints
from modelyard.engines.serving.worker.frames import GREETING, reply
from modelyard.kit.errors import Unavailable
from tests.engines.serving.models import Served, Yard, until, worker_of

# Waits for a file of a name before it answers.
WAITING = """
import os, time

def predict(name):
    print("begun", name, flush=True)
    while name and not os.path.exists(name):
        time.sleep(0.001)
    return name
"""


def _begun(served: Served, name: str) -> Callable[[], bool]:
    return lambda: any(f"begun {name}\n" in program.stdout.read_text() for program in served.programs)


def _go(source: FunctionSource, name: str) -> None:
    (source.folder / name).touch()


def _waiting(name: str) -> dict[str, object]:
    return {"data": {"name": name}}


async def test_a_full_queue_refuses(yard: Yard) -> None:
    source = yard.function(WAITING)
    served = await yard.served(source, queue_size=2)
    calls = [asyncio.create_task(served.result(_waiting("go"))) for _ in range(3)]
    await until(lambda: served.endpoint.waiting == 2)
    with pytest.raises(QueueFull, match="2 requests wait for this model"):
        await served.answer(_waiting("go"))
    _go(source, "go")
    assert await asyncio.gather(*calls) == ["go"] * 3
    assert served.endpoint.waiting == 0


async def test_who_waits_longest_is_next(yard: Yard) -> None:
    source = yard.function(WAITING)
    served = await yard.served(source)
    calls = [asyncio.create_task(served.result(_waiting(f"go-{number}"))) for number in range(5)]
    for number in range(5):
        await until(_begun(served, f"go-{number}"))
        _go(source, f"go-{number}")
        await calls[number]
    assert served.log()[0].split() == [word for number in range(5) for word in ("begun", f"go-{number}")]


async def test_a_hanging_request_runs_out_of_time_while_others_are_served(any_yard: Yard) -> None:
    source = any_yard.function(WAITING)
    served = await any_yard.served(source, replicas=2)
    hanging = asyncio.create_task(served.answer(_waiting("never"), timeout=0.5))
    await until(_begun(served, "never"))
    for _ in range(50):
        assert await served.result(_waiting("")) == ""
    with pytest.raises(CallTimeout, match="did not answer in time"):
        await hanging
    # Its replica is not asked anything before it is done with what hangs.
    assert [await served.result(_waiting("")) for _ in range(20)] == [""] * 20
    busy = [(await replica.health(5)).busy_seconds for replica in served.replicas]
    assert sorted(seconds > 0 for seconds in busy) == [False, True]


async def test_a_late_answer_is_dropped_and_frees_its_replica(yard: Yard) -> None:
    source = yard.function(WAITING)
    served = await yard.served(source)
    with pytest.raises(CallTimeout):
        await served.answer(_waiting("late"), timeout=0.2)
    with pytest.raises(CallTimeout, match="was free in time"):
        await served.answer(_waiting("other"), timeout=0.2)
    _go(source, "late")
    assert await served.result(_waiting("")) == ""
    assert "begun other" not in served.log()[0]


async def test_callers_who_go_leave_nothing_behind(yard: Yard) -> None:
    source = yard.function(WAITING)
    served = await yard.served(source, queue_size=3)
    working = asyncio.create_task(served.answer(_waiting("go")))
    await until(_begun(served, "go"))
    for _ in range(3):
        waiting = [asyncio.create_task(served.answer(_waiting("other"))) for _ in range(3)]
        await until(lambda: served.endpoint.waiting == 3)
        for call in waiting:
            call.cancel()
        await asyncio.wait(waiting)
        assert served.endpoint.waiting == 0
    working.cancel()
    await asyncio.wait([working])
    last = asyncio.create_task(served.result(_waiting("")))
    _go(source, "go")
    assert await last == ""
    assert "begun other" not in served.log()[0]


async def test_requests_go_to_whoever_has_the_fewest(yard: Yard) -> None:
    source = yard.function("import os\ndef predict(): return os.getpid()")
    served = await yard.served(source, replicas=3)
    pids = [await served.result({"data": {}}) for _ in range(30)]
    assert {pids.count(pid) for pid in pids} == {10}


async def test_without_replicas_nothing_is_called(yard: Yard) -> None:
    endpoint = yard.endpoint()
    with pytest.raises(NoReplica, match="No replica of the model is running"):
        await endpoint.call(b"{}", "id", 5)
    served = await yard.served(yard.function(WAITING))
    hanging = asyncio.create_task(served.result(_waiting("go")))
    await until(_begun(served, "go"))
    waiting = asyncio.create_task(served.answer(_waiting("")))
    await until(lambda: served.endpoint.waiting == 1)
    served.use([])
    with pytest.raises(NoReplica):
        await waiting
    _go(served.programs[0].source, "go")  # type: ignore[arg-type]
    assert await hanging == "go"


async def test_requests_wait_for_a_replica_that_is_coming(yard: Yard) -> None:
    program = yard.program(yard.function("def predict(): return 1"))
    endpoint = yard.endpoint()
    endpoint.use([str(program.socket_folder / "calls")], concurrency=1, pure=False)
    call = asyncio.create_task(endpoint.call(b'{"data": {}}', "id", 30))
    await until(lambda: endpoint.waiting == 1)
    yard.start(program)
    assert (await call).body == b"1"


async def test_requests_do_not_wait_for_ever_for_one_that_does_not_come(tmp_path: Path) -> None:
    endpoint = LocalEndpoints(patience_seconds=0.1).open(queue_size=5)
    endpoint.use([str(tmp_path / "calls")], concurrency=1, pure=False)
    for _ in range(2):
        with pytest.raises(NoReplica, match="can be reached"):
            await endpoint.call(b"{}", "id", 30)
    await endpoint.close()


async def test_closing_tells_everybody(yard: Yard) -> None:
    served = await yard.served(yard.function(WAITING))
    working = asyncio.create_task(served.answer(_waiting("never")))
    await until(_begun(served, "never"))
    waiting = asyncio.create_task(served.answer(_waiting("")))
    await until(lambda: served.endpoint.waiting == 1)
    await served.endpoint.close()
    with pytest.raises(ReplicaLost):
        await working
    with pytest.raises(NoReplica):
        await waiting


async def test_large_bodies_and_results_pass(any_yard: Yard) -> None:
    served = await any_yard.served(any_yard.function("def predict(x): return [len(x), x]"))
    texts = [chr(97 + number) * 10_000_000 for number in range(4)]
    results = await asyncio.gather(*(served.result({"data": {"x": text}}) for text in texts))
    assert results == [[10_000_000, text] for text in texts]
    assert "bytes" in await served.refusal({"data": {"x": "a" * 70_000_000}}, 500)
    assert await served.result({"data": {"x": "a"}}) == [1, "a"]


async def test_a_stopped_replica_is_not_healthy(yard: Yard) -> None:
    served = await yard.served(yard.function(WAITING))
    assert (await served.replicas[0].health(5)).busy_seconds == 0
    worker = worker_of(served.replicas[0])
    worker.send_signal(signal.SIGSTOP)
    with pytest.raises(Unavailable):
        await served.replicas[0].health(0.2)
    worker.send_signal(signal.SIGCONT)
    assert (await served.replicas[0].health(20)).served == 0


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        reply(0, GREETING, 0, b"0") + (2**31).to_bytes(4, "little") + bytes(100),
        reply(0, GREETING, 0, b"0") + reply(0, GREETING, 0, b"0"),
        reply(0, GREETING, 0, b"first"),
        reply(0, GREETING, 0, b"0") + reply(99, 200, 0, b"{}"),
        reply(0, GREETING, 0, b"0") + reply(1, 302, 0, b"{}"),
        b"",
    ],
)
async def test_who_is_no_replica_harms_nobody(yard: Yard, tmp_path: Path, said: bytes) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        with contextlib.suppress(ConnectionError):
            await reader.read(1)
            writer.close()

    served = await yard.served(yard.function("def predict(): return 1"))
    place = Path(os.path.relpath(tmp_path))
    (place / "begun").write_bytes(bytes(4096))
    server = await asyncio.start_unix_server(answer, place / "calls")
    served.endpoint.use([str(place / "calls"), served.replicas[0].address], concurrency=1, pure=True)
    answers = await asyncio.gather(*(served.answer({"data": {}}) for _ in range(20)))
    assert {answer.body for answer in answers} == {b"1"}
    server.close()


async def test_several_callers_share_a_replica(yard: Yard) -> None:
    served = await yard.served(yard.function("def predict(x): return x"))
    others = [yard.endpoint() for _ in range(4)]
    for endpoint in others:
        endpoint.use([served.replicas[0].address], concurrency=1, pure=False)

    async def ask(place: int) -> list[Answer]:
        body = json.dumps({"data": {"x": place}}).encode()
        return [await others[place].call(body, "id", 30) for _ in range(200)]

    answers = await asyncio.gather(*(ask(place) for place in range(4)))
    assert [{one.body for one in answered} for answered in answers] == [{b"0"}, {b"1"}, {b"2"}, {b"3"}]


async def test_the_adapters_keep_the_protocols(yard: Yard) -> None:
    assert isinstance(yard.serving, Serving)
    assert isinstance(LocalEndpoints(), Endpoints)


async def test_more_connections_than_there_are_slots_are_refused(yard: Yard) -> None:
    served = await yard.served(yard.function("def predict(x): return x"))
    links = []
    for _ in range(511):
        link = socket.socket(socket.AF_UNIX)
        link.connect(served.replicas[0].address)
        assert len(await asyncio.to_thread(link.recv, 100)) > 0
        links.append(link)
    with socket.socket(socket.AF_UNIX) as last:
        last.connect(served.replicas[0].address)
        assert await asyncio.to_thread(last.recv, 100) == b""
    links.pop().close()
    assert await served.result({"data": {"x": 1}}) == 1
    for link in links:
        link.close()
