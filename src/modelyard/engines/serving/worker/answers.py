"""From the body of a request to the status and JSON of its answer, whatever the model does."""

# ruff: noqa: B905 - zip is not strict before Python 3.10
from __future__ import annotations

import json
import sys
import time
import traceback
from typing import Any, NamedTuple, Protocol

from .jsonable import NotJson, to_json

OK, REFUSED, FAILED = 200, 400, 500
LONGEST_MESSAGE = 10_000

_HERE = __file__[: -len("answers.py")]

_decode = json.JSONDecoder().decode


class Refused(Exception):
    """A request that the model cannot be asked; the message is for the caller."""


class Asked(NamedTuple):
    """A request as it came."""

    request_id: bytes
    body: bytes


class Answer(NamedTuple):
    """What is replied: a status, microseconds in the model, JSON."""

    status: int
    microseconds: int
    payload: bytes


class Model(Protocol):
    """What is served. `read` makes a body's JSON what `predict` takes; it raises Refused."""

    concurrency: int
    max_batch_size: int
    is_async: bool

    def read(self, body: Any) -> Any: ...

    def predict(self, asked: Any) -> Any:
        """The result, or a coroutine of it; may raise Refused for what only the model can check."""
        ...

    def predict_batch(self, asked: list[Any]) -> Any:
        """The results of several requests in their order, or a coroutine of them."""
        ...

    def shown(self, result: Any) -> Any:
        """The result as it is written in JSON."""
        ...

    def description(self) -> dict[str, Any]: ...


def read_json(body: bytes) -> Any:
    """The JSON of a body; raises Refused."""
    try:
        return _decode(body.decode())
    except RecursionError:
        raise Refused("The body is nested too deeply.") from None
    except ValueError as error:
        raise Refused(f"The body is not valid JSON: {_said(error)}.") from None


def answer_one(model: Model, asked: Asked) -> Answer:
    """The answer of a plain function; raises nothing."""
    began = time.perf_counter()
    try:
        ready = model.read(read_json(asked.body))
        began = time.perf_counter()
        result = model.predict(ready)
        took = time.perf_counter() - began
        return Answer(OK, int(took * 1e6), to_json(model.shown(result)))
    except BaseException as error:  # nothing that a model raises ends the replica
        return failure(error, asked.request_id, time.perf_counter() - began)


async def answer_one_async(model: Model, asked: Asked) -> Answer:
    """The answer of an async function; raises nothing."""
    began = time.perf_counter()
    try:
        ready = model.read(read_json(asked.body))
        began = time.perf_counter()
        result = await model.predict(ready)
        took = time.perf_counter() - began
        return Answer(OK, int(took * 1e6), to_json(model.shown(result)))
    except BaseException as error:
        return failure(error, asked.request_id, time.perf_counter() - began)


class Batch:
    """Requests that are done together as far as they can be read, and one by one when that fails."""

    def __init__(self, model: Model, asked: list[Asked]) -> None:
        self._model = model
        self._asked = asked
        self.answers: list[Answer | None] = [None] * len(asked)
        self._places: list[int] = []
        self._ready: list[Any] = []
        for place, one in enumerate(asked):
            try:
                self._ready.append(model.read(read_json(one.body)))
                self._places.append(place)
            except BaseException as error:
                self.answers[place] = failure(error, one.request_id, 0.0)

    def answer(self) -> list[Answer]:
        """The answers in the order of the requests; raises nothing."""
        if len(self._ready) > 1:
            began = time.perf_counter()
            try:
                self._share(self._model.predict_batch(self._ready), time.perf_counter() - began)
            except BaseException as error:
                self._note(error)
        return [answer or answer_one(self._model, one) for answer, one in zip(self.answers, self._asked)]

    async def answer_async(self) -> list[Answer]:
        """The same of an async function."""
        if len(self._ready) > 1:
            began = time.perf_counter()
            try:
                self._share(await self._model.predict_batch(self._ready), time.perf_counter() - began)
            except BaseException as error:
                self._note(error)
        return [
            answer or await answer_one_async(self._model, one) for answer, one in zip(self.answers, self._asked)
        ]

    def _share(self, results: Any, took: float) -> None:
        if not hasattr(results, "__len__") or len(results) != len(self._ready):
            raise TypeError(f"a batch of {len(self._ready)} requests was not answered by as many results")
        for place, result in zip(self._places, results):
            try:
                self.answers[place] = Answer(OK, int(took * 1e6), to_json(self._model.shown(result)))
            except BaseException as error:
                self.answers[place] = failure(error, self._asked[place].request_id, took)

    def _note(self, error: BaseException) -> None:
        if not isinstance(error, Refused):
            report(f"A batch of {len(self._ready)} requests failed; they are done one by one.", error)


def failure(error: BaseException, request_id: bytes, took: float) -> Answer:
    """The answer to a request that could not be done; the trace of what the author should see goes to stderr."""
    microseconds = int(took * 1e6)
    if isinstance(error, Refused):
        return Answer(REFUSED, 0, _message(str(error)))
    if isinstance(error, NotJson):
        text = f"The model's result is no JSON: {error}."
        print(f"Request {_text(request_id)}: {text}", file=sys.stderr, flush=True)
        return Answer(FAILED, microseconds, _message(text))
    report(f"Request {_text(request_id)} failed.", error)
    return Answer(FAILED, microseconds, _message(f"{type(error).__name__}: {_said(error)}"))


def report(heading: str, error: BaseException) -> None:
    """Writes a trace to stderr in one piece, without the frames that are ours."""
    try:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
            trace = trace.tb_next
        lines = traceback.format_exception(type(error), error, trace)
        print(f"{heading}\n{''.join(lines)}", file=sys.stderr, flush=True)
    except Exception:  # an error that cannot be printed
        print(f"{heading}\n{type(error).__name__}", file=sys.stderr, flush=True)


def _said(error: BaseException) -> str:
    try:
        return str(error)[:LONGEST_MESSAGE]
    except Exception:  # its __str__ is the model's own
        return "its message cannot be shown"


def _message(text: str) -> bytes:
    return json.dumps(text[:LONGEST_MESSAGE]).encode()


def _text(request_id: bytes) -> str:
    return request_id.decode("utf-8", "replace")
