"""Ids: 24 lower-case hex digits, ordered by the time they were made."""

import os
import re
import time

_ID = re.compile(r"[0-9a-f]{24}")


def new_id() -> str:
    """A new id: 6 bytes of milliseconds since 1970, then 6 random bytes."""
    return (time.time_ns() // 1_000_000).to_bytes(6, "big").hex() + os.urandom(6).hex()


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None
