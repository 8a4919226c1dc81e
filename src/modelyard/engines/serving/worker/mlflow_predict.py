"""The way into an MLflow model for data that need no enforcement."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any


def direct_predict(model: Any) -> Callable[[Any], Any] | None:
    """What `PyFuncModel.predict(data)` comes to when there are no params and the data conform to the signature.

    MLflow looks at signatures and schemas anew in every call, which takes longer than many models do. None when
    this model, or this version of MLflow, needs what it does there.
    """
    predict = getattr(model, "_predict_fn", None)
    metadata = model.metadata
    try:
        context_module = importlib.import_module("mlflow.pyfunc.context")
        if (
            type(model) is not importlib.import_module("mlflow.pyfunc").PyFuncModel
            or not callable(predict)
            or metadata.get_params_schema() is not None
            or metadata._is_signature_from_type_hint()
            or metadata._is_type_hint_from_example()
            or (metadata.metadata or {}).get("dependencies_schemas")
        ):
            return None
        params = inspect.signature(predict).parameters.get("params")
        context, in_context = context_module.Context, context_module.set_prediction_context
        model_id = model.model_id
    except (ImportError, AttributeError, ValueError, TypeError):
        return None
    takes_params = params is not None and params.kind is not inspect.Parameter.VAR_KEYWORD

    def ask(data: Any) -> Any:
        with in_context(context(model_id=model_id)):
            return predict(data, params=None) if takes_params else predict(data)

    return ask
