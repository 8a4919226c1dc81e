"""Ids: 24 lower-case hex digits, ordered by the time they were made."""

import os
import re
import threading
import time

_ID = re.compile(r"[0-9a-f]{24}")

_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A new id: 6 bytes of milliseconds since 1970, then 6 random bytes.

    Ids made by one process ascend, also within a millisecond, so that the events of one change are in order.
    """
    global _last  # noqa: PLW0603
    fresh = int.from_bytes((time.time_ns() // 1_000_000).to_bytes(6, "big") + os.urandom(6), "big")
    with _lock:
        _last = max(fresh, _last + 1)
        return f"{_last:024x}"


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None
