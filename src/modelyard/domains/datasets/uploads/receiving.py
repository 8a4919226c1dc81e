"""Reads the body of a chunk: multipart with one part, whose length was said before."""

import asyncio
from collections.abc import AsyncIterator

from modelyard.engines.uploads import Body
from modelyard.kit.errors import BadRequest

_PIECE_BYTES = 2**20
# The headers of the part name the file, twice.
_HEAD_BYTES = 2**15
_TAIL_BYTES = 2**10
# Of a body that is too long, so much more is read and dropped: many clients read the reply only afterwards.
_DRAINED_BYTES = 2**26

_WRONG = "The body is not multipart/form-data with one part that has resumableCurrentChunkSize bytes."


async def receive(stream: AsyncIterator[bytes], length: int, body: Body) -> list[bytes]:
    """Reads a chunk of `length` bytes into `body`; the last of them, under 1 MiB, are returned instead.

    Raises BadRequest for any other body, and OSError when the disk is full.
    """
    pending: list[bytes] = []
    waiting = 0
    async for piece in _content(stream, length):
        pending.append(piece)
        waiting += len(piece)
        if waiting >= _PIECE_BYTES:
            await asyncio.to_thread(body.add, pending)
            pending, waiting = [], 0
    return pending


async def _content(stream: AsyncIterator[bytes], length: int) -> AsyncIterator[bytes]:
    """The bytes between the headers of the part and the boundary after it."""
    boundary, piece = await _head(stream)
    tail, dropped = b"", 0
    while True:
        if length:
            content, piece = piece[:length], piece[length:]
            length -= len(content)
            if content:
                yield content
        room = _TAIL_BYTES - len(tail)
        tail, dropped = tail + piece[:room], dropped + len(piece[room:])
        if dropped > _DRAINED_BYTES:
            break
        try:
            piece = await anext(stream)
        except StopAsyncIteration:
            break
    if length or dropped or not tail.startswith(b"\r\n" + boundary + b"--"):
        raise BadRequest(_WRONG)


async def _head(stream: AsyncIterator[bytes]) -> tuple[bytes, bytes]:
    """The boundary, and what has come already of what follows the part's headers."""
    head = b""
    async for piece in stream:
        head += piece
        headers, end, content = head.partition(b"\r\n\r\n")
        if len(headers) > _HEAD_BYTES or not head.startswith(b"--"[: len(head)]):
            break
        if end:
            return headers.partition(b"\r\n")[0], content
    raise BadRequest(_WRONG)
