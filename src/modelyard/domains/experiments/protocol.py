"""MLflow's REST protocol: how its operations are declared, and how they fail."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler

from modelyard.domains.experiments.refused import reason_against
from modelyard.engines.tracker import TrackerRefused
from modelyard.kit.access import Guard
from modelyard.kit.errors import BadRequest
from modelyard.kit.failures import render_failure
from modelyard.kit.operation import operation
from modelyard.kit.wire import FailureEnvelopeV1

TAG = "MLflow"
# Where the tracker's pages are; the same address is the tracking URI.
PAGES = "/mlflow"

RESOURCE_ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
# What clients of a newer MLflow go back to older operations by.
ENDPOINT_NOT_FOUND = "ENDPOINT_NOT_FOUND"

_PROTOCOL = re.compile(r"/api/[23]\.0/mlflow(-artifacts)?/")

_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    413: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
}


class AlreadyExists(BadRequest):
    """Something of that name exists; MLflow's clients know this by its own code."""


class ProtocolFailure(msgspec.Struct):
    """The body of a failed request as MLflow's clients read it."""

    error_code: str
    message: str


def protocol_operation(
    method: str, path: str, *, guard: Guard, **options: Any
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declares an operation of MLflow's protocol by its path below `/api/`; the same at all its prefixes.

    Its clients know these operations from MLflow's own description, so ours leaves them out.
    """
    return operation(
        method,
        f"/api/{path}",
        guard=guard,
        tag=TAG,
        include_in_schema=False,
        exception_handlers={Exception: render_protocol_failure},
        **options,
    )


def page_operation(method: str, path: str, *, guard: Guard) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declares an operation that only the tracker's pages use, by its path below theirs."""
    return operation(
        method,
        f"{PAGES}/{path}",
        guard=guard,
        tag=TAG,
        include_in_schema=False,
        failures=(),
        exception_handlers={Exception: render_protocol_failure},
    )


def render_protocol_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The reply to a request of the protocol that failed, whatever raised it."""
    reply = render_failure(request, error)
    envelope: FailureEnvelopeV1 = reply.content
    return Response(
        ProtocolFailure(_code(error, reply.status_code or 500), envelope.message),
        status_code=reply.status_code,
        media_type=MediaType.JSON,
        headers=dict(reply.headers),
    )


def render_any_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The reply to any request that failed: below the addresses of MLflow's protocol as its clients read it."""
    path = request.scope["path"]
    if _PROTOCOL.match(path) is None:
        return render_failure(request, error)
    if not isinstance(error, NotFoundException | MethodNotAllowedException):
        return render_protocol_failure(request, error)
    reason = reason_against(path.removeprefix("/api/")) or "MLflow knows it perhaps, this server does not."
    message = f"{request.method} {path[:200]} is not served. {reason}"
    return Response(ProtocolFailure(ENDPOINT_NOT_FOUND, message), status_code=404, media_type=MediaType.JSON)


def _code(error: Exception, status: int) -> str:
    if isinstance(error, TrackerRefused):
        return error.error_code
    if isinstance(error, AlreadyExists):
        return RESOURCE_ALREADY_EXISTS
    return _CODES.get(status, "INTERNAL_ERROR")
