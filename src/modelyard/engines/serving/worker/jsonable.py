"""Results of models become JSON: what NumPy and pandas make, times, decimals, sets; NaN and infinity as null."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

DEEPEST = 500
LONGEST = 2**26 - 2**10

# What the standard library makes, and what it becomes.
_KNOWN: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((set, frozenset), list),
    (decimal.Decimal, float),
    ((dt.datetime, dt.date, dt.time), lambda value: value.isoformat()),
    (dt.timedelta, lambda value: value.total_seconds()),
    ((bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode()),
    ((uuid.UUID, Path), str),
    (enum.Enum, lambda value: value.value),
    (Mapping, dict),
)
_ENDLESS = "it is nested too deeply, or contains itself"
_WAYS = ("model_dump", "tolist", "to_dicts", "to_dict")


class NotJson(Exception):
    """A result that has no JSON; the message says which part of it."""


def _plain(value: Any) -> Any:
    """What JSON's encoder does not know, in terms that it may know."""
    # A pandas.Timestamp is a datetime too, and so is what says that one is missing.
    found, plain = _of_pandas(value)
    if not found:
        found, plain = _of_numpy(value)
    if found:
        return plain
    for kind, convert in _KNOWN:
        if isinstance(value, kind):
            return convert(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    for way in _WAYS:
        made = getattr(value, way, None)
        if callable(made):
            return made()
    if isinstance(value, Iterable):
        return list(value)
    raise _unknown(value)


def _of_pandas(value: Any) -> tuple[bool, Any]:
    """Whether pandas made it, and what it becomes; the library is there when it has."""
    pd = sys.modules.get("pandas")
    if pd is None:
        return False, None
    if value is pd.NaT or value is pd.NA:
        return True, None
    if isinstance(value, pd.DataFrame):
        return True, value.to_dict(orient="records")
    if isinstance(value, (pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        return True, value.tolist()
    if isinstance(value, (pd.Period, pd.Interval)):
        return True, str(value)
    return False, None


def _of_numpy(value: Any) -> tuple[bool, Any]:
    np = sys.modules.get("numpy")
    if np is None or not isinstance(value, (np.ndarray, np.generic)):
        return False, None
    kind = value.dtype.kind
    if kind == "m":
        value = value / np.timedelta64(1, "s")
    elif kind == "M":
        value = np.where(np.isnat(value), None, np.datetime_as_string(value).astype(object))
    elif kind == "c":
        raise NotJson("a complex number cannot be written as JSON")
    return True, value.tolist()


def _unknown(value: Any) -> NotJson:
    return NotJson(f"a value of the type {type(value).__name__} cannot be written as JSON")


def _default(value: Any) -> Any:
    plain = _plain(value)
    if plain is value or type(plain) is type(value):
        raise _unknown(value)
    return plain


_strict = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_default)


def _quick() -> Callable[[Any], str]:
    """The encoder without what `json` makes anew for each result, where this Python has its C part."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _strict.encode

    def encode(value: Any) -> str:
        if type(value) is str:
            return text_encode(value)
        return "".join(make({}, _default, text_encode, None, ":", ",", False, False, False)(value, 0))

    text_encode = json.encoder.encode_basestring_ascii
    try:
        encode({"a": [1, 2.5, None, "b"]})
    except Exception:  # another Python, another signature
        return _strict.encode
    return encode


_encode = _quick()


def to_json(result: Any) -> bytes:
    """The JSON of a result; raises NotJson."""
    made = _to_json(result)
    if len(made) > LONGEST:
        raise NotJson(f"it has {len(made):,} bytes; {LONGEST:,} are allowed")
    return made


def _to_json(result: Any) -> bytes:
    try:
        return _encode(result).encode()
    except (ValueError, TypeError, OverflowError):
        pass  # NaN, keys that are no text, ...: what is rare is done in Python
    except RecursionError:
        raise NotJson(_ENDLESS) from None
    try:
        return _encode(_walked(result, 0)).encode()
    except RecursionError:
        raise NotJson(_ENDLESS) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise NotJson(str(error)) from error


def _walked(value: Any, depth: int) -> Any:
    """A copy of plain dicts, lists, text and numbers only."""
    if depth > DEEPEST:
        raise NotJson(_ENDLESS)
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {_key(key): _walked(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_walked(one, depth + 1) for one in value]
    return _walked(_default(value), depth + 1)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    if isinstance(key, tuple):
        return str(key)
    plain = _default(key)
    return plain if isinstance(plain, str) else str(plain)
