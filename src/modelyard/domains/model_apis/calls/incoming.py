"""A call as it comes in, and what comes of it."""

from typing import Any

import msgspec

from modelyard.domains.model_apis.calls.routing import Choice, Destination, Route
from modelyard.kit.edge import request_id

Scope = Any

# Of a call whose client has gone; nobody sees it but the measurements.
GONE = 499


class Call:
    """One call: what its client has sent, and how far it has come."""

    __slots__ = (
        "api_key",
        "authorization",
        "body",
        "caller",
        "choice",
        "declared_length",
        "destination",
        "id",
        "model_api_id",
        "route",
    )

    def __init__(self, scope: Scope, model_api_id: str, choice: Choice) -> None:
        self.model_api_id, self.choice = model_api_id, choice
        self.authorization = self.api_key = ""
        self.declared_length = given_id = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                self.authorization = value.decode("latin-1")
            elif name == b"content-length":
                self.declared_length = value
            elif name == b"x-domino-api-key":
                self.api_key = value.decode("latin-1")
            elif name == b"x-request-id":
                given_id = value
        self.id = request_id(given_id)
        self.body = b""
        self.route: Route | None = None
        self.caller: str | None = None
        self.destination: Destination | None = None


class Outcome(msgspec.Struct, frozen=True):
    """The reply to a call; `told` is the model's result or a message, as JSON. Failures have headers."""

    status: int
    reply: bytes
    told: bytes
    model_seconds: float = 0.0
    headers: dict[str, str] | None = None
