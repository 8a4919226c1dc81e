"""The lives of replicas: drained under load, adopted by a later runner, ended when forgotten."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from modelyard.engines.compute.local import LocalCompute
from modelyard.engines.compute.sandbox import interpreter_mounts
from modelyard.engines.serving import NotReady
from modelyard.engines.serving.local import LocalReplica, LocalServing
from modelyard.kit.errors import Unavailable
from tests.engines.serving.models import READY_SECONDS, Served, Yard, until, worker_of

MODELS = {
    "sync": "import time\ndef predict(x):\n    time.sleep(0.001)\n    return x",
    "async": "import asyncio\nasync def predict(x):\n    await asyncio.sleep(0.001)\n    return x",
    "batch": """
        import time

        def predict(batch):
            time.sleep(0.001)
            return [one["x"] for one in batch]

        predict.max_batch_size = 4
        """,
}
CLIENTS = 12


class Load:
    """Clients that call until they are told to end; every request must succeed."""

    def __init__(self, served: Served) -> None:
        self.answered: Counter[str] = Counter()
        self._served = served
        self._is_over = False
        self._clients = [asyncio.create_task(self._client(number)) for number in range(CLIENTS)]

    async def pass_by(self, count: int) -> None:
        """Waits until so many more requests have been answered."""
        wanted = self.answered["requests"] + count
        await until(lambda: self.answered["requests"] >= wanted or any(one.done() for one in self._clients))

    async def end(self) -> None:
        """Ends the clients; raises what any of them met."""
        self._is_over = True
        await asyncio.gather(*self._clients)

    async def _client(self, number: int) -> None:
        while not self._is_over:
            assert await self._served.result({"data": {"x": number}}) == number
            self.answered["requests"] += 1


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("order", ["use first", "drain first", "terminated"])
async def test_replicas_are_replaced_under_load_without_losing_a_request(
    any_yard: Yard, order: str, kind: str
) -> None:
    source = any_yard.function(MODELS[kind])
    served = await any_yard.served(source, replicas=2)
    load = Load(served)
    current = list(served.replicas)
    for _ in range(3):
        await load.pass_by(50)
        fresh, _ = await any_yard.ready(any_yard.program(source))
        old = current.pop(0)
        current.append(fresh)
        if order == "use first":
            served.use(current)
        if order == "terminated":
            old.stop(30)
        else:
            await old.drain()
        if order != "use first":
            await load.pass_by(20)
            served.use(current)
        assert (await old.wait()).code == 0
    await load.pass_by(50)
    await load.end()


async def test_a_replica_drains_what_it_was_given(yard: Yard) -> None:
    code = """
    import os, time

    def predict(name):
        while not os.path.exists(name):
            time.sleep(0.001)
        return name
    """
    source = yard.function(code)
    served = await yard.served(source)
    call = asyncio.create_task(served.result({"data": {"name": "go"}}))
    await until(lambda: not call.done() and served.endpoint.waiting == 0)
    while not (await served.replicas[0].health(5)).busy_seconds:
        await asyncio.sleep(0)
    await served.replicas[0].drain()
    await served.replicas[0].drain()
    assert (await served.replicas[0].health(5)).busy_seconds > 0
    (source.folder / "go").touch()
    assert await call == "go"
    assert (await served.replicas[0].wait()).code == 0


async def test_an_endpoint_that_does_not_listen_does_not_hold_up_the_end(yard: Yard) -> None:
    served = await yard.served(yard.function("def predict(x): return x"))
    reader, writer = await asyncio.open_unix_connection(served.replicas[0].address)
    await reader.read(10)
    await served.replicas[0].drain()
    assert (await served.replicas[0].wait()).code == 0
    writer.close()


async def test_a_replica_that_is_told_to_end_while_it_loads_ends(any_yard: Yard) -> None:
    replica = any_yard.start(any_yard.program(any_yard.function("import time\ntime.sleep(60)")))
    asking = asyncio.create_task(replica.ready(READY_SECONDS))
    while not (any_yard.replicas[0]._program.socket_folder / "control").exists():
        await asyncio.sleep(0)
    await replica.drain()
    with pytest.raises(NotReady, match="ended with the exit code"):
        await asking
    await replica.wait()


async def test_a_model_that_loads_too_long_is_not_ready(yard: Yard) -> None:
    replica = yard.start(yard.program(yard.function("import time\ntime.sleep(60)")))
    with pytest.raises(NotReady, match="not loaded within"):
        await replica.ready(0.3)


async def test_what_does_not_listen_is_forced(any_yard: Yard) -> None:
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ndef predict(x): return x"
    served = await any_yard.served(any_yard.function(code))
    served.replicas[0].stop(0.2)
    ended = await served.replicas[0].wait()
    assert (ended.code, ended.reason) == (None, "stopped")
    with pytest.raises(Unavailable):
        await served.replicas[0].health(1)


@pytest.mark.parametrize("prefix", ["", "async "])
async def test_a_replica_that_nobody_asks_for_ends_itself(yard: Yard, prefix: str) -> None:
    yard.serving = LocalServing(yard.compute, interpreter_mounts, orphan_seconds=0.4)
    served = await yard.served(yard.function(f"{prefix}def predict(x): return x"), replicas=2)
    asked, forgotten = served.replicas
    end = asyncio.ensure_future(forgotten.wait())
    while not end.done():
        await asked.health(5)
        await asyncio.sleep(0.02)
    assert (await end).code == 0
    assert "Nobody has asked for this replica" in served.log(1)[1]
    assert (await asked.health(5)).served == 0


async def test_one_that_hangs_ends_too_when_it_is_forgotten(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
    import sys, time

    control = next(one for name, one in sys.modules.items() if name.endswith("_worker.control"))
    control.LAST_SECONDS = 0.2

    def predict(x): time.sleep(600)
    """
    yard.serving = LocalServing(yard.compute, interpreter_mounts, orphan_seconds=0.4)
    served = await yard.served(yard.function(code))
    call = asyncio.create_task(served.answer({"data": {"x": 1}}))
    assert (await served.replicas[0].wait()).code == 1
    await asyncio.wait([call])


ADOPTED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {root!r})
from modelyard.engines.compute.local import LocalCompute
from tests.engines.serving.models import Yard

async def main():
    yard = Yard(Path({folder!r}), LocalCompute({isolation!r}))
    program = yard.program(yard.function({code!r}))
    await yard.ready(program)
    print(program.replica_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_later_runner_adopts_what_a_killed_one_started(any_yard: Yard) -> None:
    isolation = "auto" if any_yard.compute.isolated else "none"
    root, folder = str(Path(__file__).parents[3]), any_yard.folder / "first"
    code = "count = 0\ndef predict():\n    global count\n    count += 1\n    return count"
    script = ADOPTED.format(root=root, folder=str(folder), isolation=isolation, code=code)
    first = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    replica_id = await asyncio.to_thread(first.stdout.readline)
    number = int(replica_id.rsplit("-", 1)[1])
    first.kill()
    first.wait()
    first.stdout.close()

    later = Yard(folder, LocalCompute(isolation))
    source = next(folder.glob("code-*"))
    program = later.program_again(number, replica_id.strip(), source)
    adopted = later.serving.adopt(program)
    assert isinstance(adopted, LocalReplica)
    any_yard.replicas.append(adopted)
    assert (await adopted.ready(READY_SECONDS)).example == {"data": {}}
    endpoint = any_yard.endpoint()
    endpoint.use([adopted.address], concurrency=1, pure=False)
    assert [(await endpoint.call(b'{"data": {}}', "id", 5)).body for _ in range(3)] == [b"1", b"2", b"3"]
    await adopted.drain()
    assert (await adopted.wait()).code == 0
    assert later.serving.adopt(program) is None


async def test_there_is_nothing_to_adopt_where_nothing_was_started(yard: Yard) -> None:
    assert yard.serving.adopt(yard.program(yard.function("def predict(): pass"))) is None
    served = await yard.served(yard.function("def predict(): pass"))
    os.killpg(served.replicas[0]._running.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    await served.replicas[0].wait()
    assert yard.serving.adopt(served.programs[0]) is None


async def test_the_model_of_an_isolated_replica_sees_no_other_sockets(any_yard: Yard) -> None:
    if not any_yard.compute.isolated:
        pytest.skip("only isolation hides files")
    code = "import os\ndef predict(path): return [os.path.exists(path), sorted(os.listdir('/run/replica'))]"
    served = await any_yard.served(any_yard.function(code), replicas=2)
    seen = await served.result({"data": {"path": str(served.programs[1].socket_folder)}})
    assert seen == [False, ["config.json", "sockets", "worker"]]
    assert tempfile.gettempdir() == "/tmp"
    assert worker_of(served.replicas[0]).pid != worker_of(served.replicas[1]).pid
