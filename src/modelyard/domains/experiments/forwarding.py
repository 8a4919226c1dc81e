"""Requests that are handed on to the tracker once they may be, and its replies."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import structlog
from litestar import Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from modelyard.domains.experiments.asked import HttpRequest
from modelyard.engines.tracker import Tracker, TrackerRefused
from modelyard.kit import context

log = structlog.get_logger()

_REQUEST_HEADERS = (
    "content-type",
    "content-length",
    "content-encoding",
    "accept",
    "range",
)
_REPLY_HEADERS = frozenset({
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "vary",
})  # fmt: skip
# Nothing that somebody has logged runs as a page of ours.
HARMLESS = [(b"x-content-type-options", b"nosniff"), (b"content-security-policy", b"sandbox; default-src 'none'")]


class Changed(msgspec.Struct, frozen=True):
    """What a request is handed on with instead of what the client has sent; None is as it was sent."""

    path: str | None = None
    query: Sequence[tuple[str, str]] | None = None
    body: dict[str, Any] | None = None


async def handed_on(request: HttpRequest, tracker: Tracker, changed: Changed) -> Response[bytes]:
    """The tracker's reply to a request whose body and reply are small."""
    method, path, query, headers = _line(request, changed)
    if method == "GET":  # the tracker would read a body where there is no query, and nobody has looked into it
        content = b""
    elif changed.body is None:
        content = await request.body()
    else:
        content = msgspec.json.encode(changed.body)
        headers["content-type"] = "application/json"
    headers["content-length"] = str(len(content))
    return await sent(method, path, tracker, headers, content, query)


async def sent(
    method: str, path: str, tracker: Tracker, headers: dict[str, str], content: bytes, query: str = ""
) -> Response[bytes]:
    """The tracker's reply to this request."""
    reply = await tracker.answer(method, path, query=query, headers=headers, body=content or None)
    if reply.status >= 500:
        raise _failed(method, path, reply.status, reply.content)
    kept = {name: value for name, value in _kept(reply.headers) if name != "content-length"}
    return Response(reply.content, status_code=reply.status, headers=kept, media_type=kept.get("content-type"))


class Stream(Response[bytes]):
    """The tracker's reply to a request of which either way may be large: nothing is held as a whole."""

    def __init__(self, request: HttpRequest, tracker: Tracker, changed: Changed, *, is_page: bool = False) -> None:
        super().__init__(b"")
        self._asked = (request, tracker, changed, is_page)

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        """The reply as it is sent."""
        return _Streamed(*self._asked)


class _Streamed(ASGIResponse):
    def __init__(self, request: HttpRequest, tracker: Tracker, changed: Changed, is_page: bool) -> None:
        super().__init__()
        self._request, self._tracker, self._changed, self._is_page = request, tracker, changed, is_page

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        method, path, query, headers = _line(self._request, self._changed)
        body = _pieces(self._request) if method in {"POST", "PUT"} else None
        async with self._tracker.send(method, path, query=query, headers=headers, body=body) as reply:
            if reply.status >= 500:
                raise _failed(method, path, reply.status, b"".join([piece async for piece in reply.pieces()]))
            extra = [] if self._is_page else HARMLESS
            kept = [(name.encode(), value.encode("latin-1")) for name, value in _kept(reply.headers)] + extra
            await send({"type": "http.response.start", "status": reply.status, "headers": kept})
            async for piece in reply.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pieces(request: HttpRequest) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


def _line(request: HttpRequest, changed: Changed) -> tuple[str, str, str, dict[str, str]]:
    path = changed.path if changed.path is not None else request.scope["path"]
    query = (
        urlencode(changed.query) if changed.query is not None else request.scope["query_string"].decode("latin-1")
    )
    headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
    return request.method, quote(path, safe="/:@!$&'()*+,;=~-._"), query, headers


def _kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers if name.lower() in _REPLY_HEADERS]


def _failed(method: str, path: str, status: int, answer: bytes) -> TrackerRefused:
    """What is said of a failure of the tracker itself: its words may name what is nobody's business."""
    log.error(
        "the tracker failed", method=method, path=path, status=status, answer=answer[:2000].decode("latin-1")
    )
    return TrackerRefused(
        500,
        "INTERNAL_ERROR",
        f"The tracker could not do this; the server's log says why, under the id {context.request_id.get()}.",
    )
