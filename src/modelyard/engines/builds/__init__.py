"""Builds: from the text of an environment revision to a locked virtual environment."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from modelyard.engines.compute import Mount

Say = Callable[[str], None]
# Isolates a command line, given the folders it may write and read: arguments, mounts, working folder.
Wrap = Callable[[Sequence[str], Sequence[Mount], str], list[str]]


class BuildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to build; `skip_cache` resolves the packages anew even when the same content was built before."""

    image: str
    instructions: str
    skip_cache: bool = False


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """A built environment: its key among all built ones, its lock, the variables its instructions set."""

    key: str
    lock: str
    variables: dict[str, str]


class BuildFailed(Exception):
    """The revision cannot be built; the message says why, for the person who wrote it."""


class Builder(Protocol):
    """What builds environments and keeps them."""

    async def build(self, request: BuildRequest, say: Say) -> Built:
        """Builds, or finds what was built before; `say` gets the log, line by line. Raises BuildFailed."""
        ...

    def place(self, key: str) -> Path | None:
        """The folder of a built environment, or None when it is not there any more."""
        ...

    async def rebuild(self, key: str, lock: str, image: str, say: Say) -> Path:
        """Brings back a built environment from its lock; raises BuildFailed."""
        ...
