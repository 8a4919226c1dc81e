"""Replicas that are killed while they work: what can be asked again is, what may have had effects is not."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest
import uvloop

from modelyard.engines.serving import Answer, MlflowSource, ReplicaLost
from modelyard.engines.serving.pool import LocalEndpoints
from tests.engines.serving.mlflow_models import save_sum
from tests.engines.serving.models import Served, Yard, until, worker_of

# Notes in a file what it begins and what it has done.
NOTING = """
import os, time

notes = os.open({notes!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

{prefix}def predict(x):
    os.write(notes, b"begun %d\\n" % x)
    time.sleep(0.002)
    os.write(notes, b"done %d\\n" % x)
    return x
"""
CLIENTS, REQUESTS = 16, 40


async def _load(served: Served, done: Counter[str]) -> dict[int, Answer | Exception]:
    """Requests by many clients, each with a number of its own, and how they ended."""
    outcomes: dict[int, Answer | Exception] = {}

    async def client(first: int) -> None:
        for number in range(first, first + REQUESTS):
            try:
                outcomes[number] = await served.answer({"data": {"x": number}})
            except ReplicaLost as error:
                outcomes[number] = error
            done["requests"] += 1

    await asyncio.gather(*(client(1 + place * REQUESTS) for place in range(CLIENTS)))
    return outcomes


@pytest.mark.parametrize("prefix", ["", "async "])
async def test_only_what_was_begun_is_lost_and_nothing_is_done_twice(
    yard: Yard, tmp_path: Path, prefix: str
) -> None:
    notes = tmp_path / "notes"
    served = await yard.served(yard.function(NOTING.format(notes=str(notes), prefix=prefix)), replicas=2)
    done: Counter[str] = Counter()
    load = asyncio.create_task(_load(served, done))
    await until(lambda: done["requests"] > 100)
    worker_of(served.replicas[0]).kill()
    outcomes = await load
    lines = Counter(notes.read_text().splitlines())
    assert set(lines.values()) == {1}, "a request was done twice"
    lost = [number for number, outcome in outcomes.items() if isinstance(outcome, ReplicaLost)]
    assert len(lost) <= served.description.concurrency
    for number, outcome in outcomes.items():
        if isinstance(outcome, Answer):
            assert (outcome.status, json.loads(outcome.body)) == (200, number)
            assert lines[f"done {number}"] == 1
    assert len(outcomes) == CLIENTS * REQUESTS
    assert (await served.replicas[0].wait()).code != 0


async def test_a_request_that_was_begun_is_told_as_lost(any_yard: Yard) -> None:
    source = any_yard.function("import time\ndef predict(x):\n    print('begun', flush=True)\n    time.sleep(60)")
    served = await any_yard.served(source)
    call = asyncio.create_task(served.answer({"data": {"x": 1}}))
    await until(lambda: "begun" in served.log()[0])
    worker_of(served.replicas[0]).kill()
    with pytest.raises(ReplicaLost, match="may have had effects"):
        await call


async def test_nothing_asked_of_a_pure_model_is_lost(any_yard: Yard, tmp_path: Path) -> None:
    served = await any_yard.served(MlflowSource(folder=save_sum(tmp_path)), replicas=2)
    done: Counter[str] = Counter()

    async def client() -> list[Answer]:
        answers = []
        for number in range(REQUESTS):
            body = {"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, float(number)]]}}
            answers.append(await served.answer(body))
            done["requests"] += 1
        return answers

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    await until(lambda: done["requests"] > 100)
    worker_of(served.replicas[0]).kill()
    for answered in await asyncio.gather(*clients):
        assert [json.loads(one.body) for one in answered] == [[{"0": 1.0 + number}] for number in range(REQUESTS)]


async def test_a_request_that_kills_its_replica_kills_no_more_than_two(yard: Yard, tmp_path: Path) -> None:
    deadly = "__import__('os').kill(__import__('os').getpid(), 9) if model_input['b'].iloc[0] == 666 else [1]"
    served = await yard.served(MlflowSource(folder=save_sum(tmp_path, deadly)), replicas=3)
    with pytest.raises(ReplicaLost):
        await served.answer({"data": {"a": 1.0, "b": 666.0}})
    assert await served.result({"data": {"a": 1.0, "b": 1.0}}) == [1]
    await until(lambda: sum(replica._ended.done() for replica in served.replicas) == 2)


async def test_too_much_memory_is_reported(any_yard: Yard) -> None:
    code = "import time\ndef predict(x):\n    kept = bytearray(400 * 2**20)\n    time.sleep(60)"
    served = await any_yard.served(any_yard.function(code), memory_bytes=200 * 2**20)
    with pytest.raises(ReplicaLost):
        await served.answer({"data": {"x": 1}})
    assert "its tier allows 200 MiB" in ((await served.replicas[0].wait()).reason or "")


async def test_a_replica_that_comes_back_is_called_again(yard: Yard) -> None:
    served = await yard.served(yard.function("def predict(x): return x"))
    worker_of(served.replicas[0]).kill()
    await served.replicas[0].wait()
    call = asyncio.create_task(served.result({"data": {"x": 1}}))
    again, _ = await yard.ready(served.programs[0])
    assert await call == 1
    assert again.address == served.replicas[0].address


async def test_the_same_holds_on_the_loop_of_the_api(yard: Yard, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    served = await yard.served(yard.function(NOTING.format(notes=str(notes), prefix="")), replicas=2)
    worker = worker_of(served.replicas[0])

    async def on_uvloop() -> dict[int, Answer | Exception]:
        endpoint = LocalEndpoints().open(queue_size=100)
        endpoint.use([replica.address for replica in served.replicas], concurrency=1, pure=False)
        there = Served(endpoint, served.programs, served.replicas, served.description)
        done: Counter[str] = Counter()
        load = asyncio.create_task(_load(there, done))
        await until(lambda: done["requests"] > 100)
        worker.kill()
        outcomes = await load
        await endpoint.close()
        return outcomes

    outcomes = await asyncio.to_thread(uvloop.run, on_uvloop())
    lost = [outcome for outcome in outcomes.values() if isinstance(outcome, ReplicaLost)]
    assert len(outcomes) == CLIENTS * REQUESTS
    assert len(lost) <= 1
    assert set(Counter(notes.read_text().splitlines()).values()) == {1}
