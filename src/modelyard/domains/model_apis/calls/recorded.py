"""A call that is over, for those who keep calls."""

from typing import Protocol, runtime_checkable

import msgspec

from modelyard.domains.model_apis.calls.queries import Routes, Served


class RecordedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call and its answer.

    `at_ns` is its beginning in nanoseconds since 1970, `seconds` the time until its answer, `model_seconds` what
    the model took of it. `answer` is the model's result as JSON when `status` is 200, else the message that the
    caller got, as a JSON string. `caller` is the id of the token or account that called, None for anybody.
    """

    at_ns: int
    request_id: str
    status: int
    seconds: float
    model_seconds: float
    request: bytes
    answer: bytes
    caller: str | None


@runtime_checkable
class Recorder(Protocol):
    """What keeps calls. It is told on the way of every recorded call, so it must only take note."""

    def record(self, routes: Routes, served: Served, call: RecordedCall) -> None:
        """Takes note of a call of a version that is recorded; never raises and never waits."""
        ...
