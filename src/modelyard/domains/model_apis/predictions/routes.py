"""Public operations on asynchronous predictions."""

from typing import Any

from litestar import Request
from litestar.datastructures import State

from modelyard.domains.model_apis.calls.access import model_called_by
from modelyard.domains.model_apis.calls.routing import Route
from modelyard.domains.model_apis.predictions import service
from modelyard.domains.model_apis.predictions.service import PredictionLimits
from modelyard.domains.model_apis.predictions.wire import (
    AsyncPredictionEnvelopeV1,
    AsyncPredictionRequestEnvelopeV1,
    NewAsyncPredictionV1,
    RawParameters,
)
from modelyard.kit.db import Database
from modelyard.kit.operation import operation
from modelyard.kit.wire import body_as

TAG = "AsyncPredictions"
PREDICTIONS = "/api/modelApis/async/v1/{asyncModelId:str}"

_calling = model_called_by("asyncModelId")


@operation(
    "POST", PREDICTIONS, guard=_calling, tag=TAG, failures=(400, 401, 403, 404, 413, 422, 429, 500)
)  # fmt: skip
async def request_async_prediction(
    route: Route,
    db: Database,
    prediction_limits: PredictionLimits,
    request: Request[Any, Any, State],
    data: NewAsyncPredictionV1,
) -> AsyncPredictionRequestEnvelopeV1:
    """Ask for a prediction of an asynchronous model, which is made when the model has room."""
    service.check_async(route.routes)
    body = await request.body()
    service.check_size(len(body), prediction_limits)
    sent = body_as(RawParameters, body).parameters
    made = await service.request(db, prediction_limits, route.routes, data.parameters, sent)
    return AsyncPredictionRequestEnvelopeV1(async_prediction_id=made)


@operation("GET", f"{PREDICTIONS}/{{asyncPredictionId:str}}", guard=_calling, tag=TAG)
async def retrieve_async_prediction_result(
    route: Route, db: Database, prediction_limits: PredictionLimits, asyncPredictionId: str
) -> AsyncPredictionEnvelopeV1:
    """How a prediction is, and its result or why it has failed when it has ended."""
    service.check_async(route.routes)
    return AsyncPredictionEnvelopeV1.of(await service.find(db, prediction_limits, route.routes, asyncPredictionId))
