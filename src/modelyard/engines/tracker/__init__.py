"""The tracker: MLflow's server as a process of its own, reached by nobody but through the platform."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from modelyard.kit.errors import Failure
from modelyard.kit.open_file import OpenFile

# What a run's or logged model's files are addressed by; nothing else is ever taken from a client.
ARTIFACT_SCHEME = "mlflow-artifacts:"


class Metric(msgspec.Struct, frozen=True):
    """The last value of a metric of a run; `timestamp` in epoch milliseconds."""

    key: str
    value: float | str
    timestamp: int
    step: int = 0


class Param(msgspec.Struct, frozen=True):
    """A parameter of a run."""

    key: str
    value: str


class TrackedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the tracker knows it, with the last value of each metric; times in epoch milliseconds.

    `model_inputs` are the ids of the logged models that it has used, `model_outputs` of those that it made.
    """

    id: str
    experiment_id: str
    name: str
    status: str
    lifecycle_stage: str
    artifact_uri: str
    start_time: int | None
    end_time: int | None
    metrics: list[Metric]
    params: list[Param]
    tags: dict[str, str]
    model_inputs: list[str] = []
    model_outputs: list[str] = []


class LoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a client has logged: its files are below `artifact_uri` when it is ready."""

    id: str
    experiment_id: str
    source_run_id: str | None
    name: str
    status: str
    artifact_uri: str


class ArtifactEntry(msgspec.Struct, frozen=True):
    """A file or folder among artifacts, by its path below the folder that was listed."""

    path: str
    is_dir: bool
    file_size: int | None = None


class Belonging(StrEnum):
    """What belongs to an experiment for ever, besides runs."""

    LOGGED_MODEL = "logged model"
    TRACE = "trace"


class TrackerRefused(Failure):
    """The tracker answered that it cannot do this: its status, its error code and its sentence."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_code = error_code


class TrackerReply(Protocol):
    """A reply of the tracker whose body is still to be read."""

    status: int
    headers: list[tuple[str, str]]

    def pieces(self) -> AsyncIterator[bytes]:
        """The body, as it comes."""
        ...


class TrackerAnswer(msgspec.Struct, frozen=True):
    """A whole reply."""

    status: int
    headers: list[tuple[str, str]]
    content: bytes


@runtime_checkable
class Tracker(Protocol):
    """MLflow's REST API, and what the platform asks of it most.

    Every method raises Unavailable while the tracker does not answer.
    """

    def is_restarting(self) -> bool:
        """Whether the tracker has ended by itself and does not answer yet."""
        ...

    def send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: AsyncIterable[bytes] | bytes | None = None,
    ) -> AbstractAsyncContextManager[TrackerReply]:
        """One request as it is, and its reply as it comes, whatever its status."""
        ...

    async def answer(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> TrackerAnswer:
        """One request whose reply is small, whatever its status; a few of them at once."""
        ...

    async def call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """One request with a JSON body; the reply's JSON. Raises TrackerRefused."""
        ...

    async def run(self, run_id: str) -> TrackedRun:
        """A run; raises NotFound."""
        ...

    async def logged_model(self, model_id: str) -> LoggedModel:
        """A logged model; raises NotFound."""
        ...

    async def experiment_of(self, kind: Belonging, subject: str) -> str:
        """The id of the experiment that something belongs to; raises NotFound."""
        ...

    def open_artifact(self, path: str) -> OpenFile:
        """A file of the artifact store, to be read once; blocks. Raises NotFound and BadRequest."""
        ...

    async def receive_artifact(self, path: str, body: AsyncIterable[bytes]) -> None:
        """Puts a file into the artifact store, as a whole or not at all; raises BadRequest and OSError."""
        ...

    async def artifacts(self, location: str) -> list[ArtifactEntry]:
        """What is directly below `mlflow-artifacts:/<path>`; nothing for a file or what is not there."""
        ...


class Artifacts(Protocol):
    """The files of runs and logged models, where the tracker is not needed for them."""

    def copy(self, location: str, target: Path, *, link: bool) -> int:
        """Copies the folder `mlflow-artifacts:/<path>` to a place where nothing is; how many files it has.

        With `link` files are shared with the original where the disk can: nobody may write to the copy then.
        Blocks. Raises NotFound, BadRequest and OSError.
        """
        ...
