"""Guards: what stands before an operation, loads its object and hands it over already allowed."""

from collections.abc import Callable
from typing import Any

import msgspec


class Guard(msgspec.Struct, frozen=True):
    """One guard of one operation.

    `load` is a dependency function: it takes path parameters, `caller` and engines by name, raises
    Unauthenticated, NotFound (unknown or invisible) or Forbidden (visible, not allowed), and returns the
    object that the handler receives as its parameter `provides`. `rights` are the contract's names.
    """

    provides: str
    load: Callable[..., Any]
    rights: tuple[str, ...] = ()
    scope: str = "platform"
