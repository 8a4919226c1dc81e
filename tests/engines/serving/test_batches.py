"""Batches: what waits is done together when the model says that it can."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.engines.serving import MlflowSource
from tests.engines.serving.mlflow_models import save_sum, signature_of
from tests.engines.serving.models import Served, Yard

# The first request waits for a file, so that the others gather before the replica meanwhile.
FUNCTION = """
import os, time

{prefix}def predict(batch):
    if batch == [{{"wait": True}}]:
        while not os.path.exists("go"):
            time.sleep(0.001)
        return ["waited"]
    if any(one.get("x") == "bad" for one in batch):
        raise ValueError("bad")
    return [[len(batch), one.get("x")] for one in batch][: None if batch[0].get("x") != "few" else 0]

predict.max_batch_size = 8
"""


async def _gathered(served: Served, folder: Path, bodies: list[object]) -> list[object]:
    """The answers of requests that all wait before the replica works on the first of them."""
    first = asyncio.create_task(served.result({"data": {"wait": True}}))
    while not (await served.replicas[0].health(5)).busy_seconds:
        await asyncio.sleep(0)
    calls = [asyncio.create_task(served.answer(body)) for body in bodies]
    await asyncio.sleep(0)  # all have sent what they send
    (folder / "go").touch()
    assert await first == "waited"
    return [json.loads((await call).body) for call in calls]


@pytest.mark.parametrize("prefix", ["", "async "])
async def test_what_waits_is_one_batch(yard: Yard, prefix: str) -> None:
    source = yard.function(FUNCTION.format(prefix=prefix))
    served = await yard.served(source)
    assert (served.description.concurrency, served.description.max_batch_size) == (1, 8)
    answers = await _gathered(served, source.folder, [{"data": {"x": number}} for number in range(11)])
    assert answers == [[8, number] for number in range(8)] + [[3, number] for number in range(8, 11)]


@pytest.mark.parametrize("prefix", ["", "async "])
async def test_an_error_is_only_its_own_requests(yard: Yard, prefix: str) -> None:
    source = yard.function(FUNCTION.format(prefix=prefix))
    served = await yard.served(source)
    bodies: list[object] = [{"data": {"x": 1}}, {"data": {"x": "bad"}}, {}, {"data": {"x": 2}}]
    answers = await _gathered(served, source.folder, bodies)
    assert answers[0] == [1, 1]
    assert answers[1] == "ValueError: bad"
    assert "either" in str(answers[2])
    assert answers[3] == [1, 2]
    assert "A batch of 3 requests failed; they are done one by one." in served.log()[1]


async def test_a_batch_without_a_result_for_each_is_done_one_by_one(yard: Yard) -> None:
    source = yard.function(FUNCTION.format(prefix=""))
    served = await yard.served(source)
    answers = await _gathered(served, source.folder, [{"data": {"x": "few"}}, {"data": {"x": 2}}])
    assert answers == ["TypeError: a batch of 1 request was not answered by as many results", [1, 2]]


async def test_frames_that_are_alike_are_one_frame(yard: Yard, tmp_path: Path) -> None:
    waits = "wait_for_go(model_input) or list(zip([len(model_input)] * 99, model_input['a'], model_input['b']))"
    place = save_sum(
        tmp_path,
        waits,
        signature=signature_of("doubles"),
        metadata={"max_batch_size": 8},
        extra=f"""
        import pathlib, time

        def wait_for_go(frame):
            while frame["b"].iloc[0] == 99 and not pathlib.Path({str(tmp_path / "go")!r}).exists():
                time.sleep(0.001)
            return ["waited"] if frame["b"].iloc[0] == 99 else None
        """,
    )
    served = await yard.served(MlflowSource(folder=place))
    assert served.description.max_batch_size == 8

    def rows(*values: list[Any]) -> object:
        return {"dataframe_split": {"columns": ["a", "b"], "data": list(values)}}

    first = asyncio.create_task(served.result(rows([1.0, 99.0])))
    while not (await served.replicas[0].health(5)).busy_seconds:
        await asyncio.sleep(0)
    bodies = [
        rows([1.0, 2.0]),
        rows([3.0, 4.0], [5.0, 6.0]),
        rows([-1.0, 0.0]),
        rows(["x", 1.0]),
        {"data": {"a": 1}},
    ]
    calls = [asyncio.create_task(served.answer(body)) for body in bodies]
    await asyncio.sleep(0)
    (tmp_path / "go").touch()
    assert await first == ["waited"]
    answers = [await call for call in calls]
    # The one with a negative number makes the batch fail: all are done alone.
    assert [answer.status for answer in answers] == [200, 200, 500, 400, 400]
    assert json.loads(answers[1].body) == [[2, 3.0, 4.0], [2, 5.0, 6.0]]
