"""Models to serve in tests: files with functions, MLflow models, and the programs around them."""

import asyncio
import itertools
import os
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import psutil

from modelyard.engines.compute.local import LocalCompute
from modelyard.engines.compute.sandbox import interpreter_mounts
from modelyard.engines.serving import Answer, Description, FunctionSource, MlflowSource, ReplicaProgram
from modelyard.engines.serving.local import LocalReplica, LocalServing
from modelyard.engines.serving.pool import LocalEndpoint, LocalEndpoints

ENVIRONMENT = Path(sys.prefix)
READY_SECONDS = 60.0

_numbers = itertools.count()


class Yard:
    """Starts replicas below a folder and calls them; all of them are ended with it."""

    def __init__(self, folder: Path, compute: LocalCompute, orphan_seconds: float = 60.0) -> None:
        self.folder = folder
        self.compute = compute
        self.serving = LocalServing(compute, interpreter_mounts, orphan_seconds)
        self.replicas: list[LocalReplica] = []
        self.endpoints: list[LocalEndpoint] = []

    def program(self, source: FunctionSource | MlflowSource, **limits: Any) -> ReplicaProgram:
        """A replica's program in a folder of its own."""
        number = next(_numbers)
        return self._program(number, f"replica-{os.getpid()}-{number}", source, **limits)

    def program_again(self, number: int, replica_id: str, code: Path) -> ReplicaProgram:
        """The program of a replica that another process started below the same folder."""
        return self._program(number, replica_id, FunctionSource(folder=code, file="model.py", function="predict"))

    def _program(
        self, number: int, replica_id: str, source: FunctionSource | MlflowSource, **limits: Any
    ) -> ReplicaProgram:
        folder = self.folder / f"replica-{number}"
        return ReplicaProgram(
            replica_id=replica_id,
            folder=folder,
            socket_folder=folder / "s",
            source=source,
            environment=ENVIRONMENT,
            stdout=folder / "stdout",
            stderr=folder / "stderr",
            **limits,
        )

    def function(self, code: str, function: str = "predict", file: str = "model.py") -> FunctionSource:
        """A function in a file of a new folder."""
        folder = self.folder / f"code-{next(_numbers)}"
        path = folder / file
        path.parent.mkdir(parents=True)
        path.write_text(dedent(code))
        return FunctionSource(folder=folder, file=file, function=function)

    def start(self, program: ReplicaProgram) -> LocalReplica:
        """Starts a replica that ends with the test."""
        replica = self.serving.start(program)
        self.replicas.append(replica)
        return replica

    async def ready(self, program: ReplicaProgram) -> tuple[LocalReplica, Description]:
        """A replica that is ready, and what it says of itself."""
        replica = self.start(program)
        return replica, await replica.ready(READY_SECONDS)

    def endpoint(self, queue_size: int = 100) -> LocalEndpoint:
        """An endpoint that is closed with the test."""
        endpoint = LocalEndpoints().open(queue_size=queue_size)
        self.endpoints.append(endpoint)
        return endpoint

    async def served(
        self, source: FunctionSource | MlflowSource, replicas: int = 1, queue_size: int = 100, **limits: Any
    ) -> "Served":
        """An endpoint with as many replicas, all ready."""
        programs = [self.program(source, **limits) for _ in range(replicas)]
        started = [self.start(program) for program in programs]
        descriptions = [await replica.ready(READY_SECONDS) for replica in started]
        served = Served(self.endpoint(queue_size), programs, started, descriptions[0])
        served.use(started)
        await until(lambda: len(served.endpoint._up) == replicas)
        return served

    async def close(self) -> None:
        """Ends everything."""
        for endpoint in self.endpoints:
            await endpoint.close()
        for replica in self.replicas:
            replica.stop(0)
        for replica in self.replicas:
            await replica.wait()


class Served:
    """A model behind an endpoint."""

    def __init__(
        self,
        endpoint: LocalEndpoint,
        programs: list[ReplicaProgram],
        replicas: list[LocalReplica],
        description: Description,
    ) -> None:
        self.endpoint = endpoint
        self.programs = programs
        self.replicas = replicas
        self.description = description

    def use(self, replicas: list[LocalReplica]) -> None:
        """Calls these replicas from now on."""
        said = self.description
        self.endpoint.use(
            [replica.address for replica in replicas],
            concurrency=said.concurrency,
            pure=said.pure,
            max_batch_size=said.max_batch_size,
        )

    async def answer(self, body: Any, request_id: str = "a-request", timeout: float = 30) -> Answer:
        """The answer to a body, which is sent as it is when it is bytes."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.endpoint.call(raw, request_id, timeout)

    async def result(self, body: Any, timeout: float = 30) -> Any:
        """The result of a request that must succeed."""
        answer = await self.answer(body, timeout=timeout)
        assert answer.status == 200, answer
        return msgspec.json.decode(answer.body)

    async def refusal(self, body: Any, status: int) -> str:
        """The message of a request that must fail with a status."""
        answer = await self.answer(body)
        assert answer.status == status, answer
        return msgspec.json.decode(answer.body, type=str)

    def log(self, number: int = 0) -> tuple[str, str]:
        """What a replica has written to stdout and stderr."""
        program = self.programs[number]
        return program.stdout.read_text(), program.stderr.read_text()


def worker_of(replica: LocalReplica) -> psutil.Process:
    """The process that runs the model, below the shell and the sandbox around it."""
    shell = psutil.Process(replica._running.pid)  # type: ignore[attr-defined]
    return shell.children(recursive=True)[-1]


async def until(condition: Callable[[], bool]) -> None:
    """Lets other things happen until something is so."""
    async with asyncio.timeout(READY_SECONDS):
        while not condition():
            await asyncio.sleep(0)


def bare_environment(folder: Path) -> Path:
    """A virtual environment with nothing in it."""
    venv.create(folder / "bare", with_pip=False)
    return folder / "bare"
