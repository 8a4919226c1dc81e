"""What a model's signature and input example say of its requests, as JSON schemas and as a body that fits."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from .parameters import example_value

# Written by MLflow beside a model that was logged with an input example: a whole body.
_SERVING_EXAMPLE = "serving_input_example.json"
_LARGEST_EXAMPLE = 2**18
_TYPES: dict[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "long": {"type": "integer"},
    "float": {"type": "number"},
    "double": {"type": "number"},
    "string": {"type": "string"},
    "binary": {"type": "string", "format": "byte"},
    "datetime": {"type": "string", "format": "date-time"},
}


def schemas_of(schema: Any, params: Any) -> dict[str, Any]:
    """The JSON schema of each input and parameter by its name; an input without a name is called `inputs`."""
    found = {}
    for column in _listed(schema):
        found[str(column.get("name", "inputs"))] = _column(column)
    for param in _listed(params):
        found[str(param["name"])] = {**_scalar(str(param.get("type"))), "default": param.get("default")}
    return found


def example_of(folder: Path, schema: Any) -> Any:
    """A body that fits: the model's own example, or one made from the signature; None when there is neither."""
    with contextlib.suppress(OSError, ValueError):
        path = folder / _SERVING_EXAMPLE
        if path.stat().st_size <= _LARGEST_EXAMPLE:
            return json.loads(path.read_bytes())
    columns = _listed(schema)
    if not columns:
        return None
    if any(column.get("type") == "tensor" for column in columns):
        tensors = {column.get("name"): _tensor_example(column) for column in columns}
        return {"inputs": next(iter(tensors.values())) if None in tensors else tensors}
    values = [example_value(_column(column)) for column in columns]
    split: dict[str, Any] = {"data": [values]}
    if all("name" in column for column in columns):
        split = {"columns": [column["name"] for column in columns], "data": [values]}
    return {"dataframe_split": split}


def _listed(schema: Any) -> list[dict[str, Any]]:
    return [] if schema is None else list(json.loads(json.dumps(schema.to_dict(), default=str)))


def _column(column: dict[str, Any]) -> dict[str, Any]:
    kind = column.get("type")
    if kind == "tensor":
        tensor = column["tensor-spec"]
        return {"type": "array", "description": f"{tensor['dtype']} of shape {tuple(tensor['shape'])}"}
    return _typed(column)


def _typed(kind: dict[str, Any]) -> dict[str, Any]:
    """A type of MLflow's signatures, which may be made of others."""
    name = kind.get("type")
    if name == "array":
        return {"type": "array", "items": _typed(kind["items"])}
    if name == "object":
        properties = {key: _typed(one) for key, one in kind["properties"].items()}
        required = [key for key, one in kind["properties"].items() if one.get("required", True)]
        return {"type": "object", "properties": properties, "required": required}
    if name == "map":
        return {"type": "object", "additionalProperties": _typed(kind["values"])}
    return _scalar(str(name))


def _scalar(name: str) -> dict[str, Any]:
    return dict(_TYPES.get(name, {}))


def _tensor_example(column: dict[str, Any]) -> Any:
    """The smallest tensor of the shape: one for each axis of free length."""
    tensor = column["tensor-spec"]
    value: Any = 0.0 if "float" in tensor["dtype"] else 0
    if "str" in tensor["dtype"] or tensor["dtype"].startswith("<U"):
        value = "text"
    for length in reversed(tensor["shape"]):
        value = [value] * (1 if length == -1 else min(length, 100))
    return value
