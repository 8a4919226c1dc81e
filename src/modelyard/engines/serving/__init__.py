"""Serving: models in worker processes of their own, called through a bounded queue.

One half starts and watches replicas, where the runner is; the other calls them, wherever callers arrive. They
share nothing but the replicas' addresses, so either half may end and come back without the other. User code
runs in the replicas only.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from modelyard.engines.compute import Exit, Mount
from modelyard.kit.errors import Failure, TooManyRequests, Unavailable


class FunctionSource(msgspec.Struct, frozen=True, tag="function"):
    """A function in a Python file of a folder: `file` relative to the folder, `function` by its name."""

    folder: Path
    file: str
    function: str


class MlflowSource(msgspec.Struct, frozen=True, tag="mlflow"):
    """A folder with an MLflow model that has the `python_function` flavor."""

    folder: Path


class ReplicaProgram(msgspec.Struct, frozen=True, kw_only=True):
    """One replica to be started: what it serves, in which environment, within which limits.

    `folder` belongs to the replica alone; its sockets lie in `socket_folder`, whose path must be short.
    `environment` is a virtual environment. Without isolation the mounts are not made.
    """

    replica_id: str
    folder: Path
    socket_folder: Path
    source: FunctionSource | MlflowSource
    environment: Path
    variables: Mapping[str, str] = {}
    stdout: Path
    stderr: Path
    mounts: Sequence[Mount] = ()
    cores: float | None = None
    memory_bytes: int | None = None
    gpus: Sequence[int] = ()


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica says of itself when it is ready.

    `concurrency` is how many requests it works on at once (1 for a plain function), `max_batch_size` how many
    waiting requests it takes as one batch (1 without batching). `inputs` are JSON schemas of the parameters by
    name, `example` is a request body that fits, both as far as they can be known. A `pure` model may be asked
    the same thing twice.
    """

    concurrency: int = 1
    max_batch_size: int = 1
    pure: bool = False
    inputs: dict[str, Any] = {}
    example: Any = None


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a replica is: seconds it has been busy with what it does now (0 when idle), requests waiting, served."""

    busy_seconds: float
    waiting: int
    served: int


class NotReady(Exception):
    """A replica could not be made ready; the message is for the author of the model."""


class Replica(Protocol):
    """A replica that has been started, by this runner or an earlier one."""

    @property
    def address(self) -> str:
        """Where it is called, for the other half."""
        ...

    async def ready(self, timeout_seconds: float) -> Description:
        """Waits until it has loaded its model; raises NotReady when it fails, ends or takes longer."""
        ...

    async def health(self, timeout_seconds: float) -> Health:
        """Asks how it is; raises Unavailable when it does not answer in time.

        A replica that nobody asks for a minute ends itself.
        """
        ...

    async def drain(self) -> None:
        """Tells it to finish what it was given, take no more connections, and end."""
        ...

    def stop(self, grace_seconds: float) -> None:
        """Makes it end, by force after the grace."""
        ...

    async def wait(self) -> Exit:
        """How it ended."""
        ...


@runtime_checkable
class Serving(Protocol):
    """Where replicas run."""

    def place_of(self, source: FunctionSource | MlflowSource) -> str:
        """The path at which a replica sees the folder of what it serves; its working directory."""
        ...

    def start(self, program: ReplicaProgram) -> Replica:
        """Starts a replica; raises OSError when it cannot be started."""
        ...

    def adopt(self, program: ReplicaProgram) -> Replica | None:
        """The living replica of a folder that an earlier runner started, or None."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """What a replica answered: an HTTP status, and JSON as bytes.

    The JSON is the result when the status is 200, else a string with what the caller should know.
    """

    status: int
    body: bytes
    model_seconds: float


class QueueFull(TooManyRequests):
    """As many requests wait as may wait; the same request may pass later."""


class NoReplica(Unavailable):
    """No replica is there to be called."""


class ReplicaLost(Failure):
    """The replica ended while it worked on the request, which may have had effects."""

    status = 502


class CallTimeout(Failure):
    """The model did not answer in time."""

    status = 504


class Endpoint(Protocol):
    """One version of a model as its callers see it: its replicas behind one bounded queue."""

    def use(self, addresses: Sequence[str], *, concurrency: int, pure: bool, max_batch_size: int = 1) -> None:
        """Replaces the replicas that are called; those no longer named still answer what they were given.

        What they can do at once is what they said of themselves (see Description).
        """
        ...

    async def call(self, body: bytes, request_id: str, timeout_seconds: float) -> Answer:
        """Asks the replica with the fewest outstanding requests.

        Raises QueueFull, NoReplica, ReplicaLost and CallTimeout. A request that its replica had not begun when
        it ended (or, once, whose model is pure) is asked of another one. While none of the replicas in use can
        be reached requests wait a few seconds for one before NoReplica is said.
        """
        ...

    @property
    def waiting(self) -> int:
        """How many requests wait for a replica."""
        ...

    async def close(self) -> None:
        """Gives up all connections; requests that wait are refused with NoReplica."""
        ...


@runtime_checkable
class Endpoints(Protocol):
    """How replicas are called from here."""

    def open(self, *, queue_size: int) -> Endpoint:
        """An endpoint without replicas whose queue holds so many requests."""
        ...
