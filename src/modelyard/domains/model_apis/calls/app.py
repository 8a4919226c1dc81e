"""Calls over HTTP: a layer before the application that answers them by itself.

What the application does for a request costs more than all that a call needs. So a call has none of it but what
callers see: a request's id, limits on time and size, the envelope of failures, measurements.
"""

import asyncio
import time
from typing import Any

import structlog
from litestar.datastructures import State
from litestar.types import ASGIApp, Receive, Send

from modelyard.domains.model_apis.calls.access import admit
from modelyard.domains.model_apis.calls.addresses import PREFIX, ROUTE, called_at
from modelyard.domains.model_apis.calls.answers import answered, failed, send_outcome
from modelyard.domains.model_apis.calls.bodies import BODY_SECONDS, Bodies
from modelyard.domains.model_apis.calls.incoming import GONE, Call, Outcome, Scope
from modelyard.domains.model_apis.calls.recorded import RecordedCall, Recorder
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.calls.watching import Watch, Watched
from modelyard.engines.serving import Answer
from modelyard.kit import context
from modelyard.kit.db import Database
from modelyard.kit.edge import REQUESTS, SECONDS
from modelyard.kit.errors import BadRequest
from modelyard.kit.failures import failure_body

log = structlog.get_logger()

# A call that takes longer leaves a line in the log though nothing went wrong.
SLOW_SECONDS = 1.0
# What a call may take beyond the time that its model has.
MARGIN_SECONDS = 5.0


class ModelCalls:
    """ASGI middleware that answers calls of model APIs; all else is for the application.

    It takes `db`, `router` and, where calls are recorded, `recorder` from the application's state.
    """

    def __init__(self, app: ASGIApp, state: State, longest_body: int, timeout_seconds: float) -> None:
        self._app = app
        self._state = state
        self._bodies = Bodies(longest_body)
        self._timeout = timeout_seconds
        self._watch = Watch()
        self._counts: dict[int, Any] = {}
        self._seconds = SECONDS.labels("POST", ROUTE)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Serves one request (or the lifespan), here or through the application."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return self._app(scope, receive, send)
        called = called_at(scope["path"])
        if called is None:
            return self._app(scope, receive, send)
        if scope["method"] != "POST":
            return self._refuse_method(scope, send)
        return self._serve(Call(scope, *called), receive, send)

    async def _serve(self, call: Call, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        context.request_id.set(call.id)
        watched = self._watch.begin(receive, began + BODY_SECONDS)
        try:
            answer, release = await self._ask(call, watched)
            outcome = answered(answer, release, call.id, time.perf_counter() - began)
        except (Exception, asyncio.CancelledError) as error:
            outcome = failed(error, watched)
        finally:
            self._watch.finish(watched)
            self._bodies.release(call.body)
        try:
            if outcome.status != GONE:
                await send_outcome(send, outcome, call.id)
        finally:
            self._account(call, outcome, time.perf_counter() - began)

    async def _ask(self, call: Call, watched: Watched) -> tuple[Answer, bytes]:
        router: Router = self._state.router
        route = router.known(call.model_api_id) or await router.find(call.model_api_id)
        db: Database = self._state.db
        route, call.caller = await admit(db, route, call.model_api_id, call.authorization, call.api_key)
        call.route = route
        if route.routes.is_async:
            raise BadRequest(
                "This model API answers asynchronously: post to"
                f" /api/modelApis/async/v1/{call.model_api_id} and ask there for the result."
            )
        call.destination = route.choose(call.choice)
        call.body = await self._bodies.read(watched.receive, call.declared_length)
        timeout = route.routes.request_timeout_seconds or self._timeout
        watched.is_read, watched.deadline = True, time.perf_counter() + timeout + MARGIN_SECONDS
        call.destination, answer = await router.call(route, call.choice, call.body, call.id, timeout)
        return answer, call.destination.release

    def _account(self, call: Call, outcome: Outcome, seconds: float) -> None:
        count = self._counts.get(outcome.status)
        if count is None:
            count = self._counts[outcome.status] = REQUESTS.labels("POST", ROUTE, outcome.status)
        count.inc()
        self._seconds.observe(seconds)
        if outcome.status >= 400 or seconds > SLOW_SECONDS:
            log.info(
                "call",
                model_api=call.model_api_id[:100],
                version=call.destination.served.number if call.destination else None,
                status=outcome.status,
                ms=round(seconds * 1000, 1),
            )
        if call.destination is not None and call.body and call.destination.served.is_recorded:
            self._record(call, outcome, seconds)

    def _record(self, call: Call, outcome: Outcome, seconds: float) -> None:
        recorder: Recorder | None = self._state.get("recorder")
        if recorder is None or call.route is None or call.destination is None:
            return
        recorded = RecordedCall(
            at_ns=time.time_ns() - int(seconds * 1e9),
            request_id=call.id,
            status=outcome.status,
            seconds=seconds,
            model_seconds=outcome.model_seconds,
            request=call.body,
            answer=outcome.told,
            caller=call.caller,
        )
        recorder.record(call.route.routes, call.destination.served, recorded)

    async def _refuse_method(self, scope: Scope, send: Send) -> None:
        began = time.perf_counter()
        call = Call(scope, "", "latest")
        context.request_id.set(call.id)
        reply = failure_body("Calls of models are sent with POST.")
        await send_outcome(send, Outcome(405, reply, b"", headers={"Allow": "POST"}), call.id)
        REQUESTS.labels("other", ROUTE, 405).inc()
        SECONDS.labels("other", ROUTE).observe(time.perf_counter() - began)
