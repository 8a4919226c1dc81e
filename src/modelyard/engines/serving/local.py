"""Replicas on this machine: worker programs that compute starts, asked over their control sockets."""

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelyard.engines.compute import Compute, Exit, Mount, Program, Running
from modelyard.engines.compute import variables as program_variables
from modelyard.engines.serving import (
    Description,
    FunctionSource,
    Health,
    MlflowSource,
    NotReady,
    ReplicaProgram,
    Serving,
)
from modelyard.engines.serving.worker.control import CALLS, CONTROL, STATE
from modelyard.kit.errors import Unavailable

WORKER = Path(__file__).parent / "worker"
ORPHAN_SECONDS = 60.0

# Where an isolated replica sees its things.
_SEEN_WORKER, _SEEN_SOCKETS, _SEEN_CONFIG = (
    "/run/replica/worker",
    "/run/replica/sockets",
    "/run/replica/config.json",
)
_SEEN_FUNCTION, _SEEN_MODEL = "/mnt", "/mnt/model"
_CONNECT_SECONDS = 0.01
_LONGEST_ANSWER = 2**24
# What models are told unless they are told otherwise: MLflow reports its use to its makers.
_DEFAULTS = {"MLFLOW_DISABLE_TELEMETRY": "true"}
_STDERR_TAIL = 2_000
_GONE = "The replica does not answer."


class _State(msgspec.Struct):
    """What a worker says of itself; see `worker.control`. It is the model's process that says so."""

    description: Description | None = None
    failed: str | None = None


class LocalServing(Serving):
    """Replicas as child processes in sessions of their own, inside bubblewrap where compute isolates."""

    def __init__(
        self,
        compute: Compute,
        interpreter_mounts: Callable[[Path], Sequence[Mount]],
        orphan_seconds: float = ORPHAN_SECONDS,
    ) -> None:
        self._compute = compute
        self._interpreter_mounts = interpreter_mounts
        self._orphan_seconds = orphan_seconds

    def place_of(self, source: FunctionSource | MlflowSource) -> str:
        """The path at which a replica sees the folder of what it serves; its working directory."""
        return _model_place(source, isolated=self._compute.isolated)

    def start(self, program: ReplicaProgram) -> "LocalReplica":
        """Starts a replica; raises OSError when it cannot be started."""
        for folder in (program.folder, program.socket_folder, _temporary(program)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in (STATE, CONTROL, CALLS):
            (program.socket_folder / leftover).unlink(missing_ok=True)
        _config(program).write_bytes(msgspec.json.encode(self._configured(program)))
        return LocalReplica(program, self._compute.start(self._program(program)))

    def adopt(self, program: ReplicaProgram) -> "LocalReplica | None":
        """The living replica of a folder that an earlier runner started, or None."""
        running = self._compute.adopt(self._program(program))
        if running is None or isinstance(running, Exit):
            return None
        return LocalReplica(program, running)

    def _configured(self, program: ReplicaProgram) -> dict[str, Any]:
        isolated = self._compute.isolated
        source: dict[str, Any] = msgspec.to_builtins(program.source, enc_hook=str)
        return {
            "source": source | {"folder": _model_place(program.source, isolated=isolated)},
            "sockets": _SEEN_SOCKETS if isolated else str(program.socket_folder),
            "orphan_seconds": self._orphan_seconds,
        }

    def _program(self, program: ReplicaProgram) -> Program:
        isolated = self._compute.isolated
        temporary = "/tmp" if isolated else str(_temporary(program))
        worker, config = (_SEEN_WORKER, _SEEN_CONFIG) if isolated else (str(WORKER), str(_config(program)))
        python = program.environment / "bin" / "python"
        return Program(
            run_id=program.replica_id,
            argv=[str(python), f"{worker}/__main__.py", config],
            environment=program_variables.defaults(program.cores)
            | _DEFAULTS
            | dict(program.variables)
            | program_variables.places(program.environment, temporary)
            | {"CUDA_VISIBLE_DEVICES": ",".join(str(gpu) for gpu in program.gpus)},
            working_dir=_model_place(program.source, isolated=isolated),
            folder=program.folder,
            stdout=program.stdout,
            stderr=program.stderr,
            mounts=self._mounts(program),
            cores=program.cores,
            memory_bytes=program.memory_bytes,
            gpus=program.gpus,
        )

    def _mounts(self, program: ReplicaProgram) -> list[Mount]:
        return [
            Mount(program.source.folder, _model_place(program.source, isolated=True)),
            Mount(_temporary(program), "/tmp", writable=True),
            *self._interpreter_mounts(program.environment),
            Mount(WORKER, _SEEN_WORKER),
            Mount(program.socket_folder, _SEEN_SOCKETS, writable=True),
            Mount(_config(program), _SEEN_CONFIG),
            *program.mounts,
        ]


class LocalReplica:
    """A worker process."""

    def __init__(self, program: ReplicaProgram, running: Running) -> None:
        self._program = program
        self._running = running
        # One task waits for the end, whoever wants to know.
        self._ended = asyncio.ensure_future(running.wait())

    @property
    def address(self) -> str:
        """The path of the socket that takes calls."""
        return str(self._program.socket_folder / CALLS)

    async def ready(self, timeout_seconds: float) -> Description:
        """Waits until it has loaded its model; raises NotReady when it fails, ends or takes longer."""
        asking = asyncio.ensure_future(self._ask_patiently("ready"))
        try:
            await asyncio.wait({asking, self._ended}, timeout=timeout_seconds, return_when="FIRST_COMPLETED")
            if asking.done():
                return _described(asking.result())
            if self._ended.done():
                return _described(self._last_words(self._ended.result()))
            raise NotReady(f"The model was not loaded within {timeout_seconds:,.0f} seconds.")
        finally:
            asking.cancel()

    async def health(self, timeout_seconds: float) -> Health:
        """Asks how it is; raises Unavailable when it does not answer in time."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return msgspec.json.decode(await self._ask("health"), type=Health)
        except (OSError, TimeoutError, ValueError) as error:
            raise Unavailable(_GONE) from error

    async def drain(self) -> None:
        """Tells it to finish what it was given, take no more connections, and end."""
        with contextlib.suppress(OSError):
            await self._ask("drain")

    def stop(self, grace_seconds: float) -> None:
        """Makes it end, by force after the grace."""
        self._running.stop(grace_seconds)

    async def wait(self) -> Exit:
        """How it ended."""
        return await asyncio.shield(self._ended)

    async def _ask(self, question: str) -> bytes:
        path = str(self._program.socket_folder / CONTROL)
        reader, writer = await asyncio.open_unix_connection(path, limit=_LONGEST_ANSWER)
        try:
            writer.write(question.encode() + b"\n")
            return await reader.readline()
        finally:
            writer.close()

    async def _ask_patiently(self, question: str) -> bytes:
        """Asks until it is there to be asked."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                if line := await self._ask(question):
                    return line
            await asyncio.sleep(_CONNECT_SECONDS)

    def _last_words(self, ended: Exit) -> bytes:
        """What it wrote down before it ended; raises NotReady when it came to no word."""
        written = _read_small(self._program.socket_folder / STATE)
        if written and b'"failed"' in written:
            return written
        how = ended.reason or f"It ended with the exit code {ended.code} before it was ready."
        tail = _tail(self._program.stderr)
        raise NotReady(f"The model cannot be loaded. {how}" + (f"\n{tail}" if tail else ""))


def _described(line: bytes) -> Description:
    """The description in what a worker said; raises NotReady."""
    try:
        state = msgspec.json.decode(line, type=_State)
    except msgspec.DecodeError as error:
        raise NotReady("The model's process does not speak as a replica does.") from error
    if state.description is None:
        raise NotReady(state.failed or "The model cannot be loaded.")
    return state.description


def _model_place(source: FunctionSource | MlflowSource, *, isolated: bool) -> str:
    if not isolated:
        return str(source.folder)
    return _SEEN_FUNCTION if isinstance(source, FunctionSource) else _SEEN_MODEL


def _temporary(program: ReplicaProgram) -> Path:
    return program.folder / "tmp"


def _config(program: ReplicaProgram) -> Path:
    return program.folder / "worker.json"


def _read_small(path: Path) -> bytes:
    """A file that the model's process may have made; no link is followed and nothing large is read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return file.read(_LONGEST_ANSWER)


def _tail(path: Path) -> str:
    """The end of a log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _STDERR_TAIL))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
