"""Bodies of calls on their way in: of bounded size, bounded in time, and bounded in all."""

from litestar.types import Receive

from modelyard.kit.errors import BadRequest, TooLarge, Unavailable

# Bodies that are read at once, and the bytes that all calls hold until they are answered.
READ_AT_ONCE = 256
HELD_BYTES = 256 * 2**20
# The time that a sender has.
BODY_SECONDS = 30.0


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Bodies:
    """The bodies of all calls of this process."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._read = 0
        self._held = 0

    async def read(self, receive: Receive, declared: bytes) -> bytes:
        """A whole body, which the caller gives back with `release`.

        Raises TooLarge, BadRequest for an empty one, Unavailable when too much is read or held already, and
        ClientGone.
        """
        length = int(declared) if declared.isdigit() else -1
        if length > self._longest:
            raise self._too_large()
        if self._read >= READ_AT_ONCE or self._held >= HELD_BYTES:
            raise Unavailable("The server is busy with the bodies of other calls; try again a little later.")
        self._read += 1
        try:
            message = await receive()
            if message["type"] != "http.request":
                raise ClientGone
            body: bytes = message.get("body", b"")
            # The server says that it was all in a message of its own, which costs as much as the first.
            if message.get("more_body") and len(body) != length:
                body = await self._read_on(receive, body)
        finally:
            self._read -= 1
        if len(body) > self._longest:
            raise self._too_large()
        if not body:
            raise BadRequest('The body is empty; send JSON, such as {"data": {"x": 1}}.')
        self._held += len(body)
        return body

    def release(self, body: bytes) -> None:
        """The call is answered, or given up."""
        self._held -= len(body)

    async def _read_on(self, receive: Receive, begun: bytes) -> bytes:
        pieces, size = [begun], len(begun)
        self._held += size
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGone
                piece = message.get("body", b"")
                pieces.append(piece)
                size += len(piece)
                self._held += len(piece)
                if size > self._longest:
                    raise self._too_large()
                if not message.get("more_body"):
                    return b"".join(pieces)
        finally:
            self._held -= size

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The body is larger than the {self._longest:,} bytes that a call of a model may have.")
