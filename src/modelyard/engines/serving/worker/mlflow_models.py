"""An MLflow model by its python_function flavor; bodies mean what they mean to MLflow's scoring server."""

# ruff: noqa: B905 - zip is not strict before Python 3.10
from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path
from typing import Any, NamedTuple

from .answers import Refused
from .functions import NotLoadable
from .mlflow_predict import direct_predict
from .mlflow_schemas import example_of, schemas_of
from .quick_frames import QuickFrames

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_UNWRAPPED = ("messages", "prompt", "input")
_SHAPE = (
    'The body must be an object with exactly one of "data", "parameters", "dataframe_split", '
    '"dataframe_records", "instances" and "inputs".'
)
# The forms of which plain frames can be made, and how they are laid out.
_QUICK_FORMS = {"dataframe_split": "split", "dataframe_records": "records", "data": "data"}


class Ready(NamedTuple):
    """What a model is asked with; `conforms` when there is nothing that its signature could change in it."""

    data: Any
    params: dict[str, Any] | None
    conforms: bool


def load_mlflow(folder: Path) -> MlflowModel:
    """Loads the model; raises NotLoadable, and whatever the model raises."""
    os.chdir(folder)
    try:
        pyfunc = importlib.import_module("mlflow.pyfunc")
    except ImportError as error:
        raise NotLoadable(
            f"The model's environment lacks what MLflow needs to load models ({error}). "
            "Add mlflow (or mlflow-skinny with pandas and numpy) to the requirements of the model."
        ) from error
    model = pyfunc.load_model(str(folder))
    size = (getattr(model.metadata, "metadata", None) or {}).get("max_batch_size", 1)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise NotLoadable(
            f"max_batch_size in the model's metadata must be a whole number of at least 1, not {size!r}."
        )
    return MlflowModel(model, folder, size)


class MlflowModel:
    """A loaded model: frames go in, plain values come out."""

    concurrency = 1
    is_async = False

    def __init__(self, model: Any, folder: Path, max_batch_size: int) -> None:
        # What MLflow needs of pandas and of itself has been imported with the model.
        self.max_batch_size = max_batch_size
        self._model = model
        self._folder = folder
        self._parsing = importlib.import_module("mlflow.utils.proto_json_utils")
        self._problem = importlib.import_module("mlflow.exceptions").MlflowException
        self._pandas = importlib.import_module("pandas")
        self._schema = model.metadata.get_input_schema()
        self._takes_params = "params" in inspect.signature(model.predict).parameters
        hinted = getattr(model.metadata, "_is_signature_from_type_hint", None)
        self._is_hinted = bool(hinted and hinted())
        self._quick = QuickFrames(self._schema)
        self._direct = direct_predict(model)

    def read(self, body: Any) -> Ready:
        """What the model is asked with; raises Refused."""
        if type(body) is not dict:
            raise Refused(_SHAPE)
        if len(body) == 1 and not self._is_hinted:
            form, value = next(iter(body.items()))
            if form in _QUICK_FORMS:
                frame = self._quick.frame(_QUICK_FORMS[form], value)
                if frame is not None:
                    return Ready(frame, None, conforms=True)
        try:
            data, params = self._read(body)
            return Ready(data, params, conforms=self._schema is None and params is None)
        except self._problem as error:
            raise Refused(_words(error)) from None
        except Refused:
            raise
        except RecursionError:
            raise Refused("The body is nested too deeply.") from None
        except Exception as error:
            raise Refused(f"The body cannot be read: {type(error).__name__}: {error}") from None

    def predict(self, asked: Ready) -> Any:
        """Asks the model; raises Refused for what does not fit its signature."""
        data, params, conforms = asked
        try:
            if conforms and self._direct is not None:
                return self._direct(data)
            if self._takes_params:
                return self._model.predict(data, params=params)
            return self._model.predict(data)
        except self._problem as error:
            if error.get_http_status_code() == 400 or _is_of_enforcement(error):
                raise Refused(_words(error)) from error
            raise

    def predict_batch(self, asked: list[Any]) -> list[Any]:
        """Asks the model for frames that are alike as for one, and for others one by one."""
        results: list[Any] = [None] * len(asked)
        for places in self._alike(asked):
            if len(places) == 1:
                results[places[0]] = self.predict(asked[places[0]])
                continue
            parts = self._predict_together([asked[place] for place in places])
            for place, part in zip(places, parts):
                results[place] = part
        return results

    def shown(self, result: Any) -> Any:
        """A result in the form that MLflow's scoring server gives it."""
        if type(result) is list:
            return result
        return self._parsing._get_jsonable_obj(result, pandas_orient="records")

    def description(self) -> dict[str, Any]:
        """What the signature and the input example of the model say."""
        return {
            "max_batch_size": self.max_batch_size,
            "pure": True,
            "inputs": schemas_of(self._schema, self._model.metadata.get_params_schema()),
            "example": example_of(self._folder, self._schema),
        }

    def _read(self, body: dict[str, Any]) -> tuple[Any, dict[str, Any] | None]:
        given = [name for name in ("data", "parameters", *_FORMS) if name in body]
        params = body.get("params")
        if len(given) != 1:
            if not given and any(name in body for name in _UNWRAPPED):
                return self._read_unwrapped(body)
            raise Refused(_SHAPE)
        form = given[0]
        value = body[form]
        if self._is_hinted:
            if form not in ("inputs", "data"):
                raise Refused('The signature of this model is made from type hints: its body must have "inputs".')
            return value, params
        if form in ("data", "parameters"):
            return self._read_domino(value), params
        if form in ("instances", "inputs"):
            return self._parsing.parse_tf_serving_input({form: value}, schema=self._schema), params
        return self._frame(value, form[len("dataframe_") :]), params

    def _read_unwrapped(self, body: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """A body as language models take it: what the signature calls a parameter is one, the rest is data."""
        schema = self._model.metadata.get_params_schema()
        known = {param.name for param in schema.params} if schema else set()
        return (
            {name: value for name, value in body.items() if name not in known},
            {name: value for name, value in body.items() if name in known},
        )

    def _read_domino(self, value: Any) -> Any:
        """One record, columns, records, or rows in the order of the signature's columns."""
        if self._schema is not None and self._schema.is_tensor_spec():
            return self._parsing.parse_tf_serving_input({"inputs": value}, schema=self._schema)
        if type(value) is dict:
            if value and all(type(one) is list for one in value.values()):
                columns = list(value)
                lengths = {len(one) for one in value.values()}
                if len(lengths) > 1:
                    raise Refused("The columns in the body have different numbers of values.")
                return self._frame({"columns": columns, "data": list(zip(*value.values()))}, "split")
            return self._frame([value], "records")
        if type(value) is not list:
            raise Refused('"data" must be a record, an object of columns, or a list of records or rows.')
        if value and all(type(one) is dict for one in value):
            return self._frame(value, "records")
        rows = value if value and all(type(one) is list for one in value) else [value]
        split = {"data": rows}
        if self._schema is not None and self._schema.has_input_names():
            names = self._schema.input_names()
            if any(len(row) != len(names) for row in rows):
                raise Refused(f"A row must have {len(names)} values: {', '.join(map(str, names))}.")
            split["columns"] = names
        return self._frame(split, "split")

    def _frame(self, value: Any, form: str) -> Any:
        return self._parsing.dataframe_from_parsed_json(value, form, schema=self._schema)

    def _alike(self, asked: list[Any]) -> list[list[int]]:
        """The places of frames with the same columns, types and params; what is no frame is alone."""
        groups: dict[Any, list[int]] = {}
        for place, (data, params, _) in enumerate(asked):
            key: Any = place
            if isinstance(data, self._pandas.DataFrame):
                key = (tuple(data.columns), tuple(map(str, data.dtypes)), repr(params))
            groups.setdefault(key, []).append(place)
        return list(groups.values())

    def _predict_together(self, asked: list[Any]) -> list[Any]:
        pd = self._pandas
        lengths = [len(one.data) for one in asked]
        together = pd.concat([one.data for one in asked], ignore_index=True)
        result = self.predict(Ready(together, asked[0].params, all(one.conforms for one in asked)))
        if len(result) != sum(lengths):
            raise ValueError(f"{sum(lengths)} rows were answered by {len(result)} predictions")
        rows = result.iloc if isinstance(result, (pd.DataFrame, pd.Series)) else result
        parts, start = [], 0
        for length in lengths:
            parts.append(rows[start : start + length])
            start += length
        return parts


def _is_of_enforcement(error: BaseException) -> bool:
    """Whether MLflow raised it where it holds data against signatures: not all versions say so by its code."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == "mlflow.models.utils"


def _words(error: Any) -> str:
    return str(getattr(error, "message", error))
