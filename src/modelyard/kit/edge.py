"""The outermost layer of the API: request ids, time limits, one log line and one measurement a request."""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
import structlog
from litestar.types import ASGIApp, Message, Receive, Send
from prometheus_client import Counter, Histogram

from modelyard.kit import context
from modelyard.kit.errors import RequestTimeout
from modelyard.kit.failures import failure_body
from modelyard.kit.ids import new_id

log = structlog.get_logger()

Scope = Any

REQUESTS = Counter("modelyard_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("modelyard_request_seconds", "Time to the end of the reply.", ["method", "route"])

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SLASHES = re.compile(r"/{2,}")


class Rewrite(msgspec.Struct, frozen=True):
    """An address, and the one that it is routed by; for all methods when none is named.

    What the pattern finds as `header` is handed on in the header of that name.
    """

    method: str | None
    pattern: re.Pattern[str]
    replacement: str
    header: bytes | None = None


class Edge:
    """ASGI middleware around the whole application.

    A caller's `X-Request-Id` is kept when it is plain text, else one is made; it is in the reply, in every
    log line and in every envelope. Doubled slashes in paths are one slash. Requests that move files have
    their own, longer time limit.
    """

    def __init__(
        self,
        app: ASGIApp,
        timeout_seconds: float,
        upload_timeout_seconds: float,
        rewrites: Sequence[Rewrite] = (),
        names_below: tuple[str, ...] = (),
    ) -> None:
        self._app = app
        self._names_below = names_below
        self._rewrites = rewrites
        self._timeout = timeout_seconds
        self._upload_timeout = upload_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (or the lifespan) through the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = _SLASHES.sub("/", scope["path"])
        if self._names_below and scope["path"].startswith(self._names_below) and scope.get("raw_path"):
            scope["path"] = _with_names(scope["raw_path"])
        self._route(scope)
        own_id = _request_id_in(scope)
        context.request_id.set(own_id)
        context.remote_address.set((scope.get("client") or ("", 0))[0])
        answer = _Answer(send, own_id)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._limit(scope)):
                await self._app(scope, receive, answer)
        except TimeoutError:
            await answer.fail(RequestTimeout("The request took too long; send it again."))
        finally:
            _account(scope, answer.status, time.perf_counter() - began)

    def _route(self, scope: Scope) -> None:
        for rewrite in self._rewrites:
            if rewrite.method not in {None, scope["method"]}:
                continue
            found = rewrite.pattern.match(scope["path"])
            if found is None:
                continue
            if rewrite.header is not None and (said := found["header"]) is not None:
                others = [(name, value) for name, value in scope["headers"] if name != rewrite.header]
                scope["headers"] = [*others, (rewrite.header, said.encode())]
            scope["path"] = found.expand(rewrite.replacement) + scope["path"][found.end() :]

    def _limit(self, scope: Scope) -> float:
        moves_files = scope["method"] in {"GET", "HEAD"} or dict(scope["headers"]).get(
            b"content-type", b""
        ) not in {
            b"application/json",
            b"application/x-www-form-urlencoded",
        }
        return self._upload_timeout if moves_files else self._timeout


class _Answer:
    """The sending side of one request: adds the id's header and remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = request_id.encode()
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self._id)]
        await self._send(message)

    async def fail(self, failure: RequestTimeout) -> None:
        if self.status:
            return
        body = failure_body(failure.message)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        start: Any = {"type": "http.response.start", "status": failure.status, "headers": headers}
        await self(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


def _with_names(raw: bytes) -> str:
    """A path as it is routed where names may have slashes: these stay apart from those between its parts."""
    parts = raw.partition(b"?")[0].decode("latin-1").split("/")
    return "".join("/" + unquote(part).replace("%", "%25").replace("/", "%2F") for part in parts if part)


def decoded(name: str) -> str:
    """A name from a path below the edge's `names_below`, as the client meant it."""
    return name.replace("%2F", "/").replace("%25", "%")


def _request_id_in(scope: Scope) -> str:
    return request_id(next((value for name, value in scope["headers"] if name == b"x-request-id"), b""))


def request_id(given: bytes) -> str:
    """The id of a request that came with this `X-Request-Id`, which is kept when it is plain text."""
    text = given.decode("latin-1")
    return text if _GIVEN_ID.fullmatch(text) else new_id()


def _account(scope: Scope, status: int, seconds: float) -> None:
    route = scope.get("path_template") or "unknown"
    REQUESTS.labels(scope["method"], route, status).inc()
    SECONDS.labels(scope["method"], route).observe(seconds)
    if route != "/health/live":
        log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))
