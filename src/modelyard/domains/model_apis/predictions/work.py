"""Making predictions as durable work of a runner, when their models have room, and forgetting them."""

import json
import time
from functools import partial

import msgspec
import structlog

from modelyard.domains.model_apis.calls.queries import Served
from modelyard.domains.model_apis.calls.recorded import RecordedCall, Recorder
from modelyard.domains.model_apis.calls.routing import Choice, Route, Router
from modelyard.domains.model_apis.predictions import queries
from modelyard.domains.model_apis.predictions.lifecycle import FAILED, SUCCEEDED
from modelyard.domains.model_apis.predictions.queries import Prediction
from modelyard.domains.model_apis.predictions.service import FORGET, PREDICT, PredictionLimits, too_old
from modelyard.engines.serving import Answer, CallTimeout, QueueFull, ReplicaLost
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Database
from modelyard.kit.errors import Failure, NotFound, Unavailable
from modelyard.kit.work import Kind, Lease, applying, oldest_first

log = structlog.get_logger()

LONGEST_RESULT = 16 * 2**20
LONGEST_PAUSE_SECONDS = 30.0
FORGOTTEN_AT_ONCE = 1000
FORGETTING_SECONDS = 3600.0

# What a model of the registry takes as a body of its own.
_MLFLOW_FORMS = frozenset({"dataframe_split", "dataframe_records", "instances", "inputs"})
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])


class PredictionWork:
    """Makes predictions; `seconds` is the time of those whose model API does not say how long a call may take."""

    def __init__(
        self, db: Database, router: Router, recorder: Recorder, limits: PredictionLimits, seconds: int
    ) -> None:
        self._db = db
        self._router = router
        self._recorder = recorder
        self._limits = limits
        self._seconds = seconds

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of work that asynchronous predictions need."""
        claim = partial(queries.claim, self._db, kind=PREDICT)
        return [Kind(PREDICT, claim, self.predict), oldest_first(self._db, FORGET, 1, self.forget)]

    async def predict(self, lease: Lease) -> None:
        """Makes one prediction. What its replica had begun when the runner was killed is made again."""
        prediction = await queries.find_open(self._db, lease.subject_id)
        if prediction is None:
            async with applying(self._db, lease, finish=True):
                return
        route = await self._router.find(prediction.model_api_id)
        if route is None:
            await self._end(lease, FAILED, error="The model API was archived before the prediction was made.")
            return
        try:
            answer = await self._ask(prediction, route)
        except (QueueFull, Unavailable, NotFound) as nobody:
            await self._wait_again(lease, nobody)
        except (ReplicaLost, CallTimeout) as failure:
            await self._end(lease, FAILED, error=failure.message)
        else:
            await self._answered(lease, answer)

    async def forget(self, lease: Lease) -> None:
        """Gives up what could not be made for long, deletes what ended long ago, and comes again after a while."""
        keep = self._limits.keep_seconds
        async with self._db.transaction() as tx:
            if given_up := await queries.give_up(tx, PREDICT, keep, too_old(self._limits)):
                log.warning("predictions given up", count=given_up)
        while await queries.delete_ended(self._db, keep, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE:
            pass
        await kit_queries.postpone(self._db, lease.token, min(FORGETTING_SECONDS, keep))

    async def _ask(self, prediction: Prediction, route: Route) -> Answer:
        choice: Choice = "prod" if route.routes.production_version_id else "latest"
        body = _body(route.choose(choice).served, prediction.parameters or b"{}")
        seconds = route.routes.request_timeout_seconds or self._seconds
        began, at_ns = time.perf_counter(), time.time_ns()
        try:
            destination, answer = await self._router.call(route, choice, body, prediction.id, seconds)
        except (ReplicaLost, CallTimeout) as failure:
            served = route.choose(choice).served
            self._record(route, served, at_ns, began, prediction.id, body, _answer_of(failure))
            raise
        self._record(route, destination.served, at_ns, began, prediction.id, body, answer)
        return answer

    def _record(
        self, route: Route, served: Served, at_ns: int, began: float, request_id: str, body: bytes, answer: Answer
    ) -> None:
        if not served.is_recorded:
            return
        call = RecordedCall(
            at_ns=at_ns,
            request_id=request_id,
            status=answer.status,
            seconds=time.perf_counter() - began,
            model_seconds=answer.model_seconds,
            request=body,
            answer=answer.body,
            caller=None,
        )
        self._recorder.record(route.routes, served, call)

    async def _answered(self, lease: Lease, answer: Answer) -> None:
        if answer.status != 200:
            await self._end(lease, FAILED, error=_said(answer.body))
            return
        result = answer.body if answer.body.lstrip().startswith(b"{") else b'{"result":' + answer.body + b"}"
        if len(result) > LONGEST_RESULT:
            await self._end(
                lease, FAILED, error=f"The result has {len(result):,} bytes; at most {LONGEST_RESULT:,} are kept."
            )
            return
        await self._end(lease, SUCCEEDED, result=result)

    async def _end(
        self, lease: Lease, status: str, *, result: bytes | None = None, error: str | None = None
    ) -> None:
        async with applying(self._db, lease, finish=True) as tx:
            await queries.set_ended(tx, lease.subject_id, status, result, error)

    async def _wait_again(self, lease: Lease, reason: Failure) -> None:
        """Nobody has begun it: it is tried again, at the latest after a while."""
        pause = min(2.0 ** min(lease.attempts, 10) / 4, LONGEST_PAUSE_SECONDS)
        log.info("a prediction waits", prediction=lease.subject_id, reason=reason.message, seconds=pause)
        async with applying(self._db, lease) as tx:
            await queries.set_waiting(tx, lease.subject_id)
            await kit_queries.postpone(tx, lease.token, pause)


def _body(served: Served, parameters: bytes) -> bytes:
    """The body that a version is asked with: MLflow's own forms are that already."""
    if served.source.type == "Registry" and len(_keys.decode(parameters).keys() & _MLFLOW_FORMS) == 1:
        return parameters
    return b'{"data":' + parameters + b"}"


def _answer_of(failure: Failure) -> Answer:
    return Answer(failure.status, msgspec.json.encode(failure.message), 0.0)


def _said(body: bytes) -> str:
    """A message as text that can be stored."""
    text = str(json.loads(body))
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
