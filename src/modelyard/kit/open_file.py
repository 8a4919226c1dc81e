"""A file that is open for reading, wherever it comes from."""

from collections.abc import Callable, Iterator

import msgspec


class OpenFile(msgspec.Struct, frozen=True):
    """A file that is open for reading: what names this version of it, its size in bytes, and its bytes.

    `pieces` gives the bytes from one place to the one before another, in pieces of bounded size, once.
    """

    version: str
    size: int
    pieces: Callable[[int, int], Iterator[bytes]]
