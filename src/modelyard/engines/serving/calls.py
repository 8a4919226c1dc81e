"""A request on its way through an endpoint."""

import asyncio
from asyncio import Future

from modelyard.engines.serving import Answer


class Call:
    """One request: `answered` is what its caller waits for.

    `was_begun` says that a replica ended while it worked on it, which it may do once when the model is pure.
    """

    __slots__ = ("answered", "body", "deadline", "request_id", "was_begun")

    def __init__(self, answered: "Future[Answer]", body: bytes, request_id: bytes, deadline: float) -> None:
        self.answered = answered
        self.body = body
        self.request_id = request_id
        self.deadline = deadline
        self.was_begun = False

    def fail(self, error: Exception) -> None:
        """Tells the caller, unless it has its answer or has gone."""
        if not self.answered.done():
            self.answered.set_exception(error)

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.answered.done()


def new_call(body: bytes, request_id: str, deadline: float, loop: asyncio.AbstractEventLoop) -> Call:
    """A call that nobody has been asked yet."""
    return Call(loop.create_future(), body, request_id.encode()[:255], deadline)
