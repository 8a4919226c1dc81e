"""Shapes of asynchronous predictions on the wire."""

from typing import Any, Self, cast

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.domains.model_apis.predictions.queries import Prediction
from modelyard.kit.wire import Wire


class NewAsyncPredictionV1(Wire):
    """What is to be predicted from: an object, which the model gets."""

    parameters: Any


class RawParameters(Wire):
    """The same as it was sent: numbers keep all their digits."""

    parameters: msgspec.Raw


class AsyncPredictionRequestEnvelopeV1(Wire):
    """The prediction that was asked for."""

    async_prediction_id: str


class AsyncPredictionEnvelopeV1(Wire):
    """How a prediction is; `result` when it has succeeded, `errors` when it has failed."""

    async_prediction_id: str
    status: str
    result: dict[str, Any] | UnsetType = UNSET
    errors: list[str] | UnsetType = UNSET

    @classmethod
    def of(cls, stored: Prediction) -> Self:
        """A stored prediction; its result is sent as it is stored."""
        result = UNSET if stored.result is None else cast("dict[str, Any]", msgspec.Raw(stored.result))
        return cls(
            async_prediction_id=stored.id,
            status=stored.status,
            result=result,
            errors=UNSET if stored.error is None else [stored.error],
        )
