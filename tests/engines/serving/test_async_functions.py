"""Async functions: many requests at once in one process."""

import asyncio

import pytest

from modelyard.engines.serving import CallTimeout
from tests.engines.serving.models import Yard

# Each request waits until as many as are told are there: only at once can they be answered.
TOGETHER = """
import asyncio

there = 0
changed = asyncio.Condition

async def predict(count):
    global there, changed
    if not isinstance(changed, asyncio.Condition):
        changed = changed()
    async with changed:
        there += 1
        changed.notify_all()
        await changed.wait_for(lambda: there >= count)
        return there
"""


async def test_requests_are_worked_on_at_once(any_yard: Yard) -> None:
    served = await any_yard.served(any_yard.function(TOGETHER))
    assert (served.description.concurrency, served.description.pure) == (64, False)
    results = await asyncio.gather(*(served.result({"data": {"count": 64}}) for _ in range(64)))
    assert results == [64] * 64


async def test_no_more_at_once_than_the_function_says(yard: Yard) -> None:
    code = """
    import asyncio

    now = most = 0

    async def predict():
        global now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return most

    predict.max_concurrency = 3
    """
    served = await yard.served(yard.function(code))
    assert served.description.concurrency == 3
    results = await asyncio.gather(*(served.result({"data": {}}) for _ in range(50)))
    assert max(results) == 3


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("raise ValueError('no such city')", "ValueError: no such city"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise asyncio.CancelledError", "CancelledError: "),
        ("asyncio.current_task().cancel(); await asyncio.sleep(1)", "CancelledError: "),
        ("return object()", "cannot be written as JSON"),
        ("await asyncio.wait_for(asyncio.sleep(5), 0.01)", "TimeoutError: "),
        ("asyncio.get_running_loop().call_soon(fail); await asyncio.sleep(0.01); raise OSError", "OSError: "),
    ],
)
async def test_what_a_function_raises_is_said_and_does_not_end_the_replica(
    yard: Yard, raised: str, said: str
) -> None:
    code = f"""
    import asyncio

    def fail(): raise SystemExit

    async def predict(x):
        {raised}
    """
    served = await yard.served(yard.function(code))
    assert said in await served.refusal({"data": {"x": 1}}, 500)
    assert said in await served.refusal({"data": {"x": 1}}, 500)
    assert "missing a required argument" in await served.refusal({"data": {}}, 400)


async def test_one_that_hangs_does_not_hold_up_the_others(yard: Yard) -> None:
    code = """
    import asyncio

    async def predict(hang):
        if hang:
            await asyncio.Event().wait()
        return "done"
    """
    served = await yard.served(yard.function(code))
    hanging = asyncio.create_task(served.result({"data": {"hang": True}}, timeout=0.5))
    assert await served.result({"data": {"hang": False}}) == "done"
    with pytest.raises(CallTimeout):
        await hanging
    health = await served.replicas[0].health(5)
    assert health.busy_seconds >= 0.4


async def test_an_object_with_an_async_call_is_one_too(yard: Yard) -> None:
    code = """
    class Model:
        async def __call__(self, x):
            return x
    predict = Model()
    """
    served = await yard.served(yard.function(code))
    assert served.description.concurrency == 64
    assert await served.result({"data": {"x": 5}}) == 5
