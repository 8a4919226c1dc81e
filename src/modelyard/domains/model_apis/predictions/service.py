"""Rules of asynchronous predictions: who may ask for how much, and for how long what is known."""

import msgspec

from modelyard.domains.model_apis.calls.queries import Routes
from modelyard.domains.model_apis.predictions import queries
from modelyard.domains.model_apis.predictions.queries import Prediction
from modelyard.kit import work
from modelyard.kit.db import Database, Executor
from modelyard.kit.errors import BadRequest, NotFound, TooLarge, TooManyRequests, Unprocessable
from modelyard.kit.ids import new_id

# Durable work: a prediction is made; those that ended long ago are forgotten.
PREDICT, FORGET = "model_apis.predict", "model_apis.forget"
PREDICTIONS = "predictions"


class PredictionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of asynchronous models: bytes of a request, open predictions of one model API.

    Results are kept for `keep_seconds`; a prediction that could not be made for so long has failed.
    """

    max_bytes: int
    max_open: int
    keep_seconds: int


def check_async(routes: Routes) -> None:
    """Raises BadRequest for a model API that answers at once."""
    if not routes.is_async:
        raise BadRequest(
            f"The model API {routes.name} is not asynchronous: POST to /models/{routes.model_api_id}/latest/model"
            " answers with the result at once. Asynchronous model APIs are made with isAsync."
        )


def check_size(size: int, limits: PredictionLimits) -> None:
    """Raises TooLarge for a request of so many bytes."""
    if size > limits.max_bytes:
        raise TooLarge(
            f"The request has {size:,} bytes; predictions are made from at most {limits.max_bytes:,}. Send less,"
            " or have the model read its input from a dataset."
        )


async def request(
    db: Database, limits: PredictionLimits, routes: Routes, parameters: object, sent: msgspec.Raw
) -> str:
    """Queues a prediction; its id.

    Raises Unprocessable for parameters that are no object, TooManyRequests while too many are open.
    """
    if not isinstance(parameters, dict):
        raise Unprocessable(
            'parameters: give an object with the model\'s inputs by their names, such as {"parameters": {"x": 1}}.'
        )
    prediction_id = new_id()
    async with db.transaction() as tx:
        if not await queries.add(tx, prediction_id, routes.model_api_id, bytes(sent), limits.max_open):
            raise TooManyRequests(
                f"{limits.max_open:,} predictions of the model API {routes.name} are open, as many as may be; ask"
                " again when some of them have ended."
            )
        await work.enqueue(tx, PREDICT, prediction_id)
        await work.enqueue(tx, FORGET, PREDICTIONS)
    return prediction_id


async def find(db: Executor, limits: PredictionLimits, routes: Routes, prediction_id: str) -> Prediction:
    """A prediction of a model API; raises NotFound for those of others, and when it ended too long ago."""
    found = await queries.find(db, routes.model_api_id, prediction_id, limits.keep_seconds)
    if found is None:
        raise NotFound(
            f"The model API {routes.name} has no prediction with the id {prediction_id[:100]}; results are kept"
            f" for {_days(limits.keep_seconds)}."
        )
    return found


def too_old(limits: PredictionLimits) -> str:
    """Why a prediction is given up that could not be made."""
    return f"No version of the model was running with room for this prediction for {_days(limits.keep_seconds)}."


def _days(seconds: int) -> str:
    return f"{seconds / 86_400:g} days" if seconds >= 86_400 else f"{seconds:,} seconds"
