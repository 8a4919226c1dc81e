"""What can be known of a function's parameters: JSON schemas from annotations and defaults, and an example."""

from __future__ import annotations

import collections.abc
import datetime as dt
import decimal
import inspect
import json
import typing
from collections.abc import Callable, Sequence
from typing import Any

_PLAIN: dict[Any, dict[str, Any]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    decimal.Decimal: {"type": "number"},
    str: {"type": "string"},
    bytes: {"type": "string", "format": "byte"},
    dt.datetime: {"type": "string", "format": "date-time"},
    dt.date: {"type": "string", "format": "date"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    tuple: {"type": "array"},
    set: {"type": "array"},
    dict: {"type": "object"},
}
_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable)
_MAPPINGS = (dict, collections.abc.Mapping)
_EXAMPLES: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "number": 1.0,
    "string": "text",
    "array": [],
    "object": {},
    "null": None,
    "date-time": "2025-01-31T12:00:00",
    "date": "2025-01-31",
    "byte": "AA==",
}
_SEVERAL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def schemas_of(function: Callable[..., Any], signature: inspect.Signature) -> dict[str, Any]:
    """The JSON schema of each parameter by its name; an empty one where nothing is known."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # annotations are the model's own code
        hints = {}
    schemas = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in _SEVERAL:
            continue
        schema = _schema(hints.get(name, inspect.Parameter.empty))
        if parameter.default is not inspect.Parameter.empty:
            schema = {**(schema or _schema(type(parameter.default))), **_default(parameter.default)}
        schemas[name] = schema
    return schemas


def example_of(signature: inspect.Signature, schemas: dict[str, Any]) -> Any:
    """A whole body that the function takes; values are defaults, or the simplest of their type."""
    values = {name: example_value(schema) for name, schema in schemas.items()}
    positional = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY
    ]
    if positional:
        return {"parameters": list(values.values())}
    return {"data": values}


def example_value(schema: dict[str, Any]) -> Any:
    """A value that fits a schema; a number where it says nothing."""
    if "default" in schema:
        return schema["default"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example_value(schema["anyOf"][0])
    kind = schema.get("type", "integer")
    value = _EXAMPLES.get(schema.get("format", ""), _EXAMPLES.get(kind, 1))
    if kind == "array" and schema.get("items"):
        value = [example_value(schema["items"])]
    elif kind == "object" and schema.get("properties"):
        value = {name: example_value(one) for name, one in schema["properties"].items()}
    return value


def _default(value: Any) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return {}
    return {"default": value}


def _schema(kind: Any) -> dict[str, Any]:
    if isinstance(kind, collections.abc.Hashable) and kind in _PLAIN:
        return dict(_PLAIN[kind])
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    schema: dict[str, Any] = {}
    if origin is typing.Literal:
        schema = {"enum": [one for one in arguments if isinstance(one, (str, int, bool, type(None)))]}
    elif origin in _LISTS:
        schema = _with({"type": "array"}, "items", arguments[:1])
    elif origin in _MAPPINGS:
        schema = _with({"type": "object"}, "additionalProperties", arguments[1:])
    elif _is_union(origin):
        either = [_schema(one) for one in arguments]
        schema = {"anyOf": either} if all(either) else {}
    elif origin is typing.Annotated:
        schema = _schema(arguments[0])
    return schema


def _with(schema: dict[str, Any], key: str, arguments: Sequence[Any]) -> dict[str, Any]:
    """A schema with what is known of its parts."""
    known = _schema(arguments[0]) if arguments else {}
    return {**schema, key: known} if known else schema


def _is_union(origin: Any) -> bool:
    # `int | None` has an origin of its own since Python 3.10.
    return origin is typing.Union or getattr(origin, "__name__", "") == "UnionType"
