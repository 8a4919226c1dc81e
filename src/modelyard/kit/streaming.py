"""Replies whose body comes in pieces from something that blocks."""

import asyncio
from collections.abc import Iterator
from typing import Any

from litestar import Request
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send


class PieceStream(Stream):
    """A reply of pieces, each taken in a thread; the source is closed however the reply ends.

    The framework's own stream leaves the source to the garbage collector when a client goes away.
    """

    def __init__(self, pieces: Iterator[bytes], **options: Any) -> None:
        self._source = _Source(pieces)
        super().__init__(self._source, **options)

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """The framework's reply, and the end of the source after it."""
        return _Closing(super().to_asgi_response(app, request, **options), self._source)


class _Source:
    """An iterator that blocks, as one that does not."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._next: asyncio.Future[bytes | None] | None = None

    def __aiter__(self) -> "_Source":
        return self

    async def __anext__(self) -> bytes:
        self._next = asyncio.get_running_loop().run_in_executor(None, next, self._pieces, None)
        piece = await asyncio.shield(self._next)
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def close(self) -> None:
        """Waits for the piece that is being made, and ends the iterator."""
        if self._next is not None:
            await asyncio.gather(self._next, return_exceptions=True)
        if (close := getattr(self._pieces, "close", None)) is not None:
            await asyncio.to_thread(close)


class _Closing(ASGIResponse):
    """Another reply, with something to do after it."""

    def __init__(self, reply: ASGIResponse, source: _Source) -> None:
        super().__init__(status_code=reply.status_code)
        self._reply, self._source = reply, source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._reply(scope, receive, send)
        finally:
            await self._source.close()
