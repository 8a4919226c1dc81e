"""Data frames of plain values, as MLflow makes them but without its many steps, which take ten times as long.

What is not plain (dates, binaries, columns that are missing or too many, an index) gives None and goes MLflow's
way.
"""

# ruff: noqa: B905 - zip is not strict before Python 3.10
from __future__ import annotations

import importlib
from itertools import chain
from typing import Any

_REMEMBERED = 100
_INTS, _NUMBERS = frozenset({int}), frozenset({float, int, type(None)})
# What pandas makes of columns that nobody has given a type.
_PLAIN_TYPES = {_INTS: "int64", frozenset({float}): "float64"}
_LARGEST = 2**63
_NAN = float("nan")


class QuickFrames:
    """Frames for one model; with a signature they are as its enforcement leaves them."""

    def __init__(self, schema: Any) -> None:
        self._pd = importlib.import_module("pandas")
        self._np = importlib.import_module("numpy")
        self._indexes: dict[tuple[str, ...], Any] = {}
        self._names: list[str] | None = None
        self._kinds: list[str] = []
        self._is_possible = schema is None
        if schema is not None and schema.has_input_names() and not schema.is_tensor_spec():
            self._names = list(schema.input_names())
            self._kinds = [getattr(kind, "name", "") for kind in schema.input_types()]
            self._is_possible = all(kind in _VALUES for kind in self._kinds)
        self._only = self._kinds[0] if len(set(self._kinds)) == 1 else ""

    def frame(self, form: str, value: Any) -> Any:
        """The frame of `split`, `records` or `data` of a body, or None."""
        if not self._is_possible:
            return None
        if form == "records" and type(value) is not list:
            return None
        try:
            found = self._split(value) if form == "split" else self._records(value)
            return None if found is None else self._frame(*found)
        except (ValueError, TypeError, OverflowError, KeyError, IndexError):
            return None

    def _split(self, value: Any) -> tuple[Any, list[Any]] | None:
        columns, rows = value["columns"], value["data"]
        if len(value) != 2 or type(columns) is not list or type(rows) is not list:
            return None
        names = self._names
        if names is None or columns == names:
            return columns, rows
        order = [columns.index(name) for name in names]
        if len(columns) != len(order) or any(len(row) != len(order) for row in rows):
            return None
        return names, [[row[place] for place in order] for row in rows]

    def _records(self, value: Any) -> tuple[Any, list[Any]] | None:
        """Rows of a record, of columns, or of records."""
        records = value if type(value) is list else [value]
        names = self._names or list(records[0])
        if any(type(record) is not dict or len(record) != len(names) for record in records):
            return None
        if records is not value and all(type(one) is list for one in value.values()):
            columns = [value[name] for name in names]
            return (names, list(zip(*columns))) if len(set(map(len, columns))) == 1 else None
        return names, [[record[name] for name in names] for record in records]

    def _frame(self, columns: list[str], rows: list[Any]) -> Any:
        dtype = self._only_type(frozenset(map(type, chain.from_iterable(rows))))
        if dtype is not None:
            values = self._np.array(rows, dtype=dtype)
            if values.ndim != 2 or values.shape[1] != len(columns):
                return None
            return self._pd.DataFrame(values, columns=self._index(columns), copy=False)
        if self._names is None or not rows:
            return None
        return self._pd.DataFrame([self._typed(row) for row in rows], columns=self._index(columns))

    def _only_type(self, kinds: frozenset[type]) -> str | None:
        """The type of all columns, when it is one."""
        if self._only == "double" and kinds and kinds <= _NUMBERS:
            return "float64"
        if self._only == "long" and kinds == _INTS:
            return "int64"
        if self._names is None:
            return _PLAIN_TYPES.get(kinds)
        return None

    def _typed(self, row: Any) -> list[Any]:
        """A row whose values pandas will take for what the signature says; raises TypeError."""
        if len(row) != len(self._kinds):
            raise TypeError(len(row))
        return [_VALUES[kind](value) for kind, value in zip(self._kinds, row)]

    def _index(self, columns: list[str]) -> Any:
        if set(map(type, columns)) != {str}:
            raise TypeError(columns)
        key = tuple(columns)
        index = self._indexes.get(key)
        if index is None:
            if len(self._indexes) >= _REMEMBERED:
                self._indexes.clear()
            index = self._indexes[key] = self._pd.Index(columns)
        # A model may give its columns a name; the next one's have none.
        return index.view()


def _double(value: Any) -> float:
    if value is None:
        return _NAN
    if type(value) not in (float, int):
        raise TypeError(value)
    return float(value)


def _long(value: Any) -> int:
    if type(value) is not int or not -_LARGEST <= value < _LARGEST:
        raise TypeError(value)
    return value


def _string(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(value)
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError(value)
    return value


_VALUES = {"double": _double, "long": _long, "string": _string, "boolean": _boolean}
