"""The one place where failures are rendered."""

import errno

import msgspec
import structlog
from asyncpg import CharacterNotInRepertoireError, PostgresError, UntranslatableCharacterError
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException

from modelyard.kit import context
from modelyard.kit.db import LOST
from modelyard.kit.errors import Failure
from modelyard.kit.wire import FailureEnvelopeV1

log = structlog.get_logger()

_SOON = {"Retry-After": "1"}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 429: _SOON, 503: _SOON}


def failure_body(*messages: str) -> bytes:
    """The failure envelope as JSON."""
    return msgspec.json.encode(_envelope(*messages))


def render_failure(_: Request, error: Exception) -> Response[FailureEnvelopeV1]:  # type: ignore[type-arg]
    """The reply to a request that failed, whatever raised it."""
    status, messages, headers = meaning_of(error)
    if status >= 500:
        log.error("request failed", exc_info=error)
    # Nobody on the way may answer the next request with it.
    headers |= {"Cache-Control": "no-store"}
    return Response(_envelope(*messages), status_code=status, media_type=MediaType.JSON, headers=headers)


def _envelope(*messages: str) -> FailureEnvelopeV1:
    text = " ".join(messages)
    return FailureEnvelopeV1(request_id=context.request_id.get(), errors=list(messages), error=text, message=text)


def meaning_of(error: Exception) -> tuple[int, list[str], dict[str, str]]:
    """Status, messages and headers of the reply to a request that failed."""
    match error:
        case Failure():
            return error.status, [error.message], dict(_HEADERS.get(error.status, {}))
        case ValidationException():
            return 400, _validation(error), {}
        case InternalServerException() if "disconnected" in error.detail:
            return 400, ["The client went away before it had sent everything."], {}
        case HTTPException():
            return _http(error)
        case CharacterNotInRepertoireError() | UntranslatableCharacterError():
            return 400, ["A text in the request has a character that cannot be stored (such as NUL)."], {}
        case _:
            return _trouble(error)


def _trouble(error: Exception) -> tuple[int, list[str], dict[str, str]]:
    """What a failure of no meaning of its own comes from: something is away, full, or was not thought of."""
    if isinstance(error, RecursionError) and "deserializing" in str(error):
        return 400, ["The body is nested too deeply."], {}
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return 503, ["The server's disk is full, so nothing was changed; tell an administrator."], {}
    if isinstance(error, LOST) and isinstance(error, PostgresError | ConnectionError):
        return 503, ["The database is away for the moment; try again."], dict(_SOON)
    return 500, ["Something went wrong in the server; its log has the details under this request id."], {}


def _validation(error: ValidationException) -> list[str]:
    extra = error.extra if isinstance(error.extra, list) else []
    messages = [
        f"{item.get('key', 'body')}: {item.get('message', 'is not valid')}"
        for item in extra
        if isinstance(item, dict)
    ]
    return messages or [error.detail]


def _http(error: HTTPException) -> tuple[int, list[str], dict[str, str]]:
    headers = dict(error.headers or {})
    known = {
        404: "There is nothing at this address.",
        405: "This address does not answer this method.",
        413: "The body is over the size limit of this server.",
    }
    if error.status_code == 500:
        return 500, ["Something went wrong in the server; its log has the details under this request id."], {}
    return error.status_code, [known.get(error.status_code, error.detail)], headers
