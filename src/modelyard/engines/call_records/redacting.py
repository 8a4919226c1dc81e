"""Leaves named fields out of the JSON of a request or an answer."""

import json
from collections.abc import Sequence
from typing import Any

REDACTED = "[redacted]"
# Where arguments and rows stand without names.
_POSITIONAL = ("data", "parameters", "instances", "inputs")


class Redaction:
    """Which fields are left out, wherever they stand.

    `names` are those of the model's parameters or columns in their order: values that are given by position are
    known by them, and all left out where there are none. `in_rows` says that a list of lists is rows of them (an
    MLflow model), and not the arguments themselves (a function).
    """

    def __init__(self, fields: Sequence[str], names: Sequence[str] = (), *, in_rows: bool = False) -> None:
        self._fields = frozenset(fields)
        self._has_names = bool(names)
        self._places = [place for place, name in enumerate(names) if name in self._fields]
        self._in_rows = in_rows

    def text(self, body: bytes) -> str | None:
        """The text of a body without those fields; None where they cannot be found in it, as in half a body."""
        if not self._fields:
            return body.decode("utf-8", "replace")
        try:
            value = json.loads(body)
            if isinstance(value, dict):
                for key in _POSITIONAL:
                    if isinstance(value.get(key), list):
                        value[key] = self._by_position(value[key])
            return json.dumps(self._walked(value), ensure_ascii=False, separators=(",", ":"))
        except (ValueError, RecursionError):
            return None

    def _walked(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._walked(one) for one in value]
        if not isinstance(value, dict):
            return value
        self._by_column(value)
        return {key: REDACTED if key in self._fields else self._walked(one) for key, one in value.items()}

    def _by_column(self, frame: dict[str, Any]) -> None:
        """A frame that is split into `columns` and `data`."""
        columns, rows = frame.get("columns"), frame.get("data")
        if isinstance(columns, list) and isinstance(rows, list):
            _leave_out([place for place, name in enumerate(columns) if _is_in(name, self._fields)], rows)

    def _by_position(self, values: list[Any]) -> list[Any] | str:
        if values and all(isinstance(one, dict) for one in values):
            return values  # records have names
        if not self._has_names:
            return REDACTED
        rows = self._in_rows and any(isinstance(one, list) for one in values)
        _leave_out(self._places, values if rows else [values])
        return values


def _leave_out(places: list[int], rows: list[Any]) -> None:
    for row in rows:
        if isinstance(row, list):
            for place in places:
                if place < len(row):
                    row[place] = REDACTED


def _is_in(name: Any, fields: frozenset[str]) -> bool:
    return isinstance(name, str) and name in fields
