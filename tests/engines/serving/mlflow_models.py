"""MLflow models for tests, saved as their authors would save them, and what MLflow's own server answers."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

from mlflow.models import infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

pd = importlib.import_module("pandas")  # which has no types here
np = importlib.import_module("numpy")
pyfunc = importlib.import_module("mlflow.pyfunc")
scoring_server = importlib.import_module("mlflow.pyfunc.scoring_server")
ModelSignature = importlib.import_module("mlflow.models").ModelSignature

# What arrives at the model, told in plain values.
_ECHO = """
import mlflow.pyfunc
import numpy as np
import pandas as pd

class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if isinstance(model_input, pd.DataFrame):
            frame = model_input
            columns = [[str(one) for one in frame.iloc[:, place].tolist()] for place in range(frame.shape[1])]
            kinds = list(map(str, frame.dtypes))
            return [columns, kinds, str(frame.index), str(frame.columns), params]
        if isinstance(model_input, dict):
            return [{name: [str(type(one)), np.asarray(one).tolist()] for name, one in model_input.items()}]
        return [str(type(model_input)), np.asarray(model_input).tolist(), params]

mlflow.models.set_model(Echo())
"""
_SUM = """
import mlflow.pyfunc
{extra}
class Sum(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input):
        if (model_input["a"] < 0).any():
            raise RuntimeError("a is negative")
        return {result}

mlflow.models.set_model(Sum())
"""
_HINTED = """
import mlflow.pyfunc
import pydantic

class Message(pydantic.BaseModel):
    role: str
    content: str

class Hinted(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[Message]) -> list[str]:
        return [one.role + ": " + one.content for one in model_input]

mlflow.models.set_model(Hinted())
"""

MIXED = Schema(
    [
        ColSpec(DataType.double, "amount"),
        ColSpec(DataType.long, "count"),
        ColSpec(DataType.string, "city"),
        ColSpec(DataType.boolean, "open"),
    ]
)
OTHERS = Schema(
    [
        ColSpec(DataType.datetime, "when"),
        ColSpec(DataType.binary, "raw"),
        ColSpec(DataType.integer, "small"),
        ColSpec(DataType.float, "half", required=False),
    ]
)
SIGNATURES: Mapping[str, Any] = {
    "plain": None,
    "doubles": infer_signature(pd.DataFrame({"a": [1.0], "b": [2.0]})),
    "longs": infer_signature(pd.DataFrame({"a": [1], "b": [2]})),
    "mixed": ModelSignature(MIXED),
    "others": ModelSignature(OTHERS),
    "unnamed": ModelSignature(Schema([ColSpec(DataType.double), ColSpec(DataType.double)])),
    "params": ModelSignature(
        Schema([ColSpec(DataType.double, "a")]), params=ParamSchema([ParamSpec("top", DataType.integer, 3)])
    ),
    "tensor": ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 2))])),
    "tensors": ModelSignature(
        Schema([TensorSpec(np.dtype("float64"), (-1, 2), "x"), TensorSpec(np.dtype("int64"), (-1,), "y")])
    ),
}


def save_echo(folder: Path, name: str) -> Path:
    """A model that tells what arrived at it, with one of the signatures."""
    return _save(folder, name, _ECHO, signature=SIGNATURES[name])


def save_sum(
    folder: Path, result: str = "model_input['a'] + model_input['b']", extra: str = "", **options: Any
) -> Path:
    """A model that adds two columns, or does something else with them."""
    return _save(folder, "sum", _SUM.replace("{result}", result).replace("{extra}", dedent(extra)), **options)


def save_hinted(folder: Path) -> Path:
    """A model whose signature is made from type hints."""
    return _save(folder, "hinted", _HINTED)


def _save(folder: Path, name: str, code: str, **options: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text(code)
    place = folder / f"{name}-model"
    pyfunc.save_model(place, python_model=str(file), pip_requirements=[], **options)
    return place


class ScoringServer:
    """What `mlflow models serve` would answer."""

    def __init__(self, place: Path) -> None:
        self._model = pyfunc.load_model(str(place))
        self._schema = self._model.metadata.get_input_schema()

    def answer(self, body: Any) -> tuple[int, Any]:
        """A status, and the predictions when it is 200."""
        try:
            reply = scoring_server.invocations(json.dumps(body), "application/json", self._model, self._schema)
        except importlib.import_module("mlflow.exceptions").MlflowException as error:
            return error.get_http_status_code(), None
        answered = json.loads(reply.response, parse_constant=lambda _: None)
        is_wrapped = isinstance(answered, dict) and "predictions" in answered
        return reply.status, answered["predictions"] if is_wrapped else answered


def signature_of(name: str) -> Any:
    """One of the signatures."""
    return SIGNATURES[name]
