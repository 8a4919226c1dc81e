"""Blobs: immutable pieces of content under their hashes, kept as long as something refers to them.

A piece is plain content, or a node that refers to other pieces. What is to stay is held by a name; pieces that no
hold reaches are collected.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
from blake3 import blake3

from modelyard.kit.errors import Failure

# 32 bytes that name a piece.
Key = bytes
Content = bytes | bytearray | memoryview

_HELP = "`modelyard datasets verify` names the files that are concerned."

# Nodes are hashed in a domain of their own, so that no file's content can pass for one.
_NODE_CONTEXT = "modelyard 2026-11-25 tree node v1"


def content_key(content: Content) -> Key:
    """The key of a piece of plain content: its BLAKE3 hash."""
    return blake3(content).digest()


def node_key(node: bytes) -> Key:
    """The key of a node: its BLAKE3 hash in the context of nodes."""
    return blake3(node, derive_key_context=_NODE_CONTEXT).digest()


class Missing(Failure):
    """The store has no piece under a key."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"The store of snapshots lacks the piece {key.hex()[:16]}; {_HELP}")
        self.key = key


class Damaged(Failure):
    """What the store has under a key is not what was put there."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"The piece {key.hex()[:16]} in the store of snapshots is damaged; {_HELP}")
        self.key = key


class Vanished(Exception):
    """A piece that was there when it was to be put has been collected since; everything has to be put again."""


class Piece(msgspec.Struct, frozen=True):
    """One piece of the store: its size in bytes, and how many nodes and holds refer to it."""

    key: Key
    size: int
    references: int


class Collected(msgspec.Struct, frozen=True, rename="camel"):
    """What a collection removed, or would remove: pieces, their bytes, and bytes of disk given back.

    A dry run cannot tell the last one exactly: it says how much of the disk nothing refers to.
    """

    pieces: int
    piece_bytes: int
    disk_bytes: int


class Reading(Protocol):
    """The reading side of a store; cheap to use for many pieces."""

    def read(self, key: Key) -> bytes:
        """A piece, checked against its key; raises Missing or Damaged."""
        ...


class Writing(Reading, Protocol):
    """Pieces on their way into a store; all of them are there when the block that writes them has ended."""

    def missing(self, keys: Iterable[Key]) -> set[Key]:
        """Those of these keys that the store does not have yet."""
        ...

    def put(self, key: Key, content: Content, children: Iterable[Key] | None = None) -> None:
        """Adds a piece; a node names its children, which are there or put before the block ends."""
        ...

    def hold(self, name: str, key: Key) -> None:
        """Keeps a node and all that it reaches; a name holds one key, the last one."""
        ...


class BlobStore(Protocol):
    """A store of pieces. Everything blocks; several threads and processes may use one store."""

    def reading(self) -> AbstractContextManager[Reading]:
        """The reading side, for the time of a block."""
        ...

    def writing(self) -> AbstractContextManager[Writing]:
        """The writing side; raises Vanished at the end of the block, when all must be put once more.

        What was put is on disk when the block has ended, and nothing of it is there when it has failed.
        """
        ...

    def held(self, name: str) -> Key | None:
        """The key that a name holds."""
        ...

    def holds(self) -> Mapping[str, Key]:
        """Every name and the key it holds."""
        ...

    def hold(self, name: str, key: Key) -> None:
        """Keeps a node that is there and all that it reaches; raises Vanished when it is gone."""
        ...

    def release(self, names: Iterable[str]) -> None:
        """Ends holds; names that hold nothing are passed over."""
        ...

    def collect(self, stale: Callable[[str], bool], *, dry_run: bool) -> Collected:
        """Removes the holds that are `stale` by their names and every piece that no hold reaches any more."""
        ...

    def pieces(self) -> Iterator[Piece]:
        """Every piece, in no particular order."""
        ...

    def disk_bytes(self) -> int:
        """How much of the disk the store takes."""
        ...
