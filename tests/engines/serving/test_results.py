"""Results as JSON."""

import datetime as dt
import decimal
import enum
import importlib
import json
import uuid
from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.engines.serving.worker.jsonable import NotJson, to_json

pd = importlib.import_module("pandas")  # which has no types here
NAN = float("nan")


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: float
    y: Any


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (None, None),
        ("\ud800 and \x00", "\ud800 and \x00"),
        (2**70, 2**70),
        ([1, 2.5, NAN, float("inf")], [1, 2.5, None, None]),
        (
            {1: "a", None: NAN, False: 3, 1.5: 4, (1, 2): 5},
            {"1": "a", "null": None, "false": 3, "1.5": 4, "(1, 2)": 5},
        ),
        ({"a": {1}}, {"a": [1]}),
        (decimal.Decimal("1.5"), 1.5),
        (decimal.Decimal("NaN"), None),
        (dt.datetime(2025, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "2025-01-02T03:04:05+00:00"),
        (dt.date(2025, 1, 2), "2025-01-02"),
        (dt.timedelta(seconds=90), 90.0),
        (b"\x00\x01", "AAE="),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("a/b"), "a/b"),
        (Colour.RED, "red"),
        (Point(1.0, NAN), {"x": 1.0, "y": None}),
        (Pair(1, 2), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=1), {"a": 1}),
        (iter([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.float64(NAN), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([1.0, NAN]), [1.0, None]),
        (np.array(5), 5),
        ({np.int64(1): np.array(["a"])}, {"1": ["a"]}),
        (np.array([1, "a", NAN], dtype=object), [1, "a", None]),
        (np.array(["2025-01-02", "NaT"], dtype="datetime64[D]"), ["2025-01-02", None]),
        (np.datetime64("2025-01-02T03:04:05"), "2025-01-02T03:04:05"),
        (np.array([90, "NaT"], dtype="timedelta64[s]"), [90.0, None]),
        (pd.Series([1.0, NAN]), [1.0, None]),
        (pd.Series(["a", None]), ["a", None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.DataFrame({"a": [1, 2], "b": [NAN, 1.0]}), [{"a": 1, "b": None}, {"a": 2, "b": 1.0}]),
        (pd.Timestamp("2025-01-02"), "2025-01-02T00:00:00"),
        ([pd.NaT, pd.NA], [None, None]),
        (pd.Timedelta(seconds=2), 2.0),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (pd.Index([1, 2]), [1, 2]),
        ({"when": pd.Series(pd.to_datetime(["2025-01-02", None]))}, {"when": ["2025-01-02T00:00:00", None]}),
    ],
)
def test_what_models_make_becomes_json(result: Any, shown: Any) -> None:
    assert json.loads(to_json(result), parse_constant=pytest.fail) == shown


class Sly:
    def to_dict(self) -> "Sly":
        return Sly()


@pytest.mark.parametrize("result", [object(), [object()], np.array([1j]), Sly(), lambda: 1, {"a": {2: type}}])
def test_what_has_no_json_is_said(result: Any) -> None:
    with pytest.raises(NotJson, match="cannot be written as JSON"):
        to_json(result)


def test_what_has_no_end_is_said() -> None:
    endless: list[Any] = []
    endless.append(endless)
    deep: Any = [NAN]
    for _ in range(100_000):
        deep = [deep]
    for result in (endless, deep, {"a": endless, "b": NAN}):
        with pytest.raises(NotJson):
            to_json(result)
    with pytest.raises(NotJson, match="bytes"):
        to_json("x" * 2**26)
