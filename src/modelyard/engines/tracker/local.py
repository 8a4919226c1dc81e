"""The tracker on this machine, by HTTP over its Unix socket."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from modelyard.engines.tracker import (
    ARTIFACT_SCHEME,
    ArtifactEntry,
    Belonging,
    LoggedModel,
    TrackedRun,
    Tracker,
    TrackerAnswer,
    TrackerRefused,
)
from modelyard.engines.tracker.artifacts import ArtifactFiles
from modelyard.engines.tracker.place import HOST, TrackerPlace, TrackerState
from modelyard.engines.tracker.replies import ModelReply, RunReply, TraceReply, refusal
from modelyard.kit.errors import BadRequest, NotFound, Unavailable
from modelyard.kit.open_file import OpenFile

T = TypeVar("T")

CONNECTIONS = 100
# Each may need two connections of MLflow to its database; who has one and waits for another waits for all.
AT_ONCE = 16
PIECE_BYTES = 2**18
# To which experiment something belongs never changes.
REMEMBERED = 10_000
# Its first start makes its tables; connections wait until it has done that.
READ_SECONDS = 300.0

_AWAY = "The tracker of experiments is away for the moment; try again."
_API = "/api/2.0/mlflow"


class LocalTracker(Tracker):
    """MLflow's server of a home; opened and closed by the event loop that uses it."""

    def __init__(self, place: TrackerPlace) -> None:
        self._place = place
        self._files = ArtifactFiles(place.artifacts)
        self._session: aiohttp.ClientSession | None = None
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._experiments: dict[tuple[Belonging, str], str] = {}

    def is_restarting(self) -> bool:
        """Whether the tracker has ended by itself and does not answer yet."""
        return self._place.state == TrackerState.RESTARTING

    def sweep(self, seconds: float) -> None:
        """Removes what was left of uploads that broke off more than so many seconds ago."""
        self._files.sweep(seconds)

    async def close(self) -> None:
        """Closes all connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._place.socket), limit=CONNECTIONS, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=None, sock_read=READ_SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                read_bufsize=PIECE_BYTES,
            )
        return self._session

    @asynccontextmanager
    async def send(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: AsyncIterable[bytes] | bytes | None = None,
    ) -> AsyncIterator["LocalReply"]:
        """One request as it is, and its reply as it comes, whatever its status."""
        url = URL(f"http://{HOST}{path}{'?' if query else ''}{query}", encoded=True)
        try:
            async with self._opened().request(
                method, url, headers=headers, data=body, allow_redirects=False
            ) as response:
                yield LocalReply(response)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(_AWAY) from error

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
        async with self._turn, self.send(method, path, query=query, headers=headers, body=body) as reply:
            content = b"".join([piece async for piece in reply.pieces()])
            return TrackerAnswer(reply.status, reply.headers, content)

    async def call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None
    ) -> dict[str, Any]:
        """One request with a JSON body; the reply's JSON. Raises TrackerRefused."""
        sent = None if body is None else msgspec.json.encode(body)
        headers = {"Content-Type": "application/json"} if sent is not None else None
        reply = await self.answer(method, path, query=urlencode(query or {}), headers=headers, body=sent)
        if reply.status >= 400:
            raise refusal(reply.status, reply.content)
        answer: dict[str, Any] = msgspec.json.decode(reply.content or b"{}")
        return answer

    async def run(self, run_id: str) -> TrackedRun:
        """A run; raises NotFound."""
        missing = NotFound(f"There is no run with the id {run_id[:100]}.")
        answer = await self._found("GET", f"{_API}/runs/get", {"run_id": run_id}, RunReply, missing)
        info, data = answer.run.info, answer.run.data
        return TrackedRun(
            id=info.run_id,
            experiment_id=info.experiment_id,
            name=info.run_name,
            status=info.status,
            lifecycle_stage=info.lifecycle_stage,
            artifact_uri=info.artifact_uri,
            start_time=info.start_time,
            end_time=info.end_time,
            metrics=data.metrics,
            params=data.params,
            tags={tag.key: tag.value for tag in data.tags},
            model_inputs=[one.model_id for one in answer.run.inputs.model_inputs],
            model_outputs=[one.model_id for one in answer.run.outputs.model_outputs],
        )

    async def logged_model(self, model_id: str) -> LoggedModel:
        """A logged model; raises NotFound."""
        missing = NotFound(f"There is no logged model with the id {model_id[:100]}.")
        if not model_id.replace("-", "").isalnum():
            raise missing
        answer = await self._found("GET", f"{_API}/logged-models/{model_id}", {}, ModelReply, missing)
        info = answer.model.info
        return LoggedModel(
            id=info.model_id,
            experiment_id=info.experiment_id,
            source_run_id=info.source_run_id or None,
            name=info.name,
            status=info.status.removeprefix("LOGGED_MODEL_"),
            artifact_uri=info.artifact_uri,
        )

    async def experiment_of(self, kind: Belonging, subject: str) -> str:
        """The id of the experiment that something belongs to; raises NotFound."""
        known = self._experiments.get((kind, subject))
        if known is not None:
            return known
        found = await self._experiment_of(kind, subject)
        if len(self._experiments) >= REMEMBERED:
            self._experiments.clear()
        self._experiments[kind, subject] = found
        return found

    async def _experiment_of(self, kind: Belonging, subject: str) -> str:
        if kind is Belonging.LOGGED_MODEL:
            return (await self.logged_model(subject)).experiment_id
        missing = NotFound(f"There is no trace with the id {subject[:100]}.")
        if not subject.replace("-", "").isalnum():
            raise missing
        answer = await self._found("GET", f"/api/3.0/mlflow/traces/{subject}", {}, TraceReply, missing)
        return answer.trace.trace_info.trace_location.mlflow_experiment.experiment_id

    def open_artifact(self, path: str) -> OpenFile:
        """A file of the artifact store, to be read once; blocks. Raises NotFound and BadRequest."""
        return self._files.open(path)

    async def receive_artifact(self, path: str, body: AsyncIterable[bytes]) -> None:
        """Puts a file into the artifact store, as a whole or not at all; raises BadRequest and OSError."""
        await self._files.receive(path, body)

    async def artifacts(self, location: str) -> list[ArtifactEntry]:
        """What is directly below `mlflow-artifacts:/<path>`; nothing for a file or what is not there."""
        scheme, _, path = location.partition("/")
        if scheme != ARTIFACT_SCHEME:
            raise BadRequest("Only files in the tracker's own store can be listed.")
        try:
            answer = await self.call("GET", "/api/2.0/mlflow-artifacts/artifacts", query={"path": path.strip("/")})
        except TrackerRefused as error:
            if error.status == 404:
                return []
            raise
        return msgspec.convert(answer.get("files", []), list[ArtifactEntry], strict=False)

    async def _found(self, method: str, path: str, query: dict[str, str], shape: type[T], missing: NotFound) -> T:
        try:
            return msgspec.convert(await self.call(method, path, query=query), shape, strict=False)
        except TrackerRefused as error:
            if error.status in {400, 404}:
                raise missing from error
            raise


class LocalReply:
    """A reply whose body is still to be read."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = [(name, value) for name, value in response.headers.items()]

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body, as it comes."""
        async for piece in self._response.content.iter_any():
            yield piece
