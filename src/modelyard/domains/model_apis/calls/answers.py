"""Answers to calls, put together from bytes, and failures in the platform's envelope."""

import asyncio
from typing import Any

import msgspec
import structlog
from litestar.types import Send

from modelyard.domains.model_apis.calls.bodies import ClientGone
from modelyard.domains.model_apis.calls.incoming import GONE, Outcome
from modelyard.domains.model_apis.calls.watching import Watched
from modelyard.engines.serving import Answer, CallTimeout
from modelyard.kit.errors import Failure, RequestTimeout
from modelyard.kit.failures import failure_body, meaning_of

log = structlog.get_logger()

_ANSWER = b'{"result":%b,"release":%b,"request_id":"%b","timing":%.3f,"model_time_in_ms":%.3f}'
_JSON = (b"content-type", b"application/json")
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="model API"'}


def answered(answer: Answer, release: bytes, request_id: str, seconds: float) -> Outcome:
    """What comes of a model's answer; `seconds` is the time of the whole call until now."""
    if answer.status == 200:
        times = (seconds * 1e3, answer.model_seconds * 1e3)
        reply = _ANSWER % (answer.body, release, request_id.encode(), *times)
        return Outcome(200, reply, answer.body, answer.model_seconds)
    message = message_in(answer)
    return Outcome(answer.status, failure_body(message), msgspec.json.encode(message), answer.model_seconds, {})


def failed(error: BaseException, watched: Watched) -> Outcome:
    """What comes of a call that failed; raises the error of one that something else has interrupted."""
    if isinstance(error, asyncio.CancelledError):
        error = _ended(error, watched)
    if isinstance(error, ClientGone):
        return Outcome(GONE, b"", b'""')
    if not isinstance(error, Exception):
        raise error
    status, messages, headers = meaning_of(error)
    if status == 401:
        headers = _CHALLENGE
    if not isinstance(error, Failure):
        log.error("call failed", exc_info=error)
    return Outcome(status, failure_body(*messages), msgspec.json.encode(" ".join(messages)), headers=headers)


async def send_outcome(send: Send, outcome: Outcome, request_id: str) -> None:
    """Sends the reply; one that is a failure may not be kept on the way."""
    length = (b"content-length", b"%d" % len(outcome.reply))
    headers: list[tuple[bytes, bytes]] = [_JSON, length, (b"x-request-id", request_id.encode())]
    if outcome.headers is not None:
        headers += [(name.lower().encode(), value.encode()) for name, value in outcome.headers.items()]
        headers.append((b"cache-control", b"no-store"))
    start: Any = {"type": "http.response.start", "status": outcome.status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": outcome.reply, "more_body": False})


def _ended(error: asyncio.CancelledError, watched: Watched) -> BaseException:
    """Why a call was interrupted."""
    if watched.ended is None or watched.task is None:
        return error
    watched.task.uncancel()
    if watched.ended == "gone":
        return ClientGone()
    if watched.is_read:
        return CallTimeout("The model did not answer in time.")
    return RequestTimeout("The body came too slowly; send it again.")


def message_in(answer: Answer) -> str:
    """What a model says that could not answer."""
    try:
        return msgspec.json.decode(answer.body, type=str)
    except msgspec.DecodeError:
        return "The model failed, and did not say why."
