"""Trees: the files of a folder at one moment, as hashes all the way up to one root.

The format is described in docs/decisions/0008-dataset-store.md. Leaves have the entries in the order of the UTF-8
bytes of their paths, which is also that of Python's strings; inner nodes name the nodes below them with how many
files and bytes those hold. Where a node ends depends on paths alone, so the same files have the same root whatever
happened before, and a changed file changes the nodes above it and no others.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import msgspec

from modelyard.engines.blobs import Key, content_key, node_key

# Files up to this size are one piece; larger ones are cut into pieces of just this size.
PIECE_BYTES = 2**20
# So many pieces, or lists of pieces, one list names at most.
LIST_LENGTH = 1024
KEY_BYTES = 32

Read = Callable[[Key], bytes]


class Kind(StrEnum):
    """What an entry is."""

    FILE = "f"
    EXECUTABLE = "x"
    LINK = "l"
    EMPTY_FOLDER = "d"


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A file, a link inside the tree, or a folder that is empty, whose path ends in a slash.

    `content` is the key of a file's content, nothing for an empty file, and the target of a link.
    """

    path: str
    kind: Kind
    size: int
    content: bytes

    @property
    def is_file(self) -> bool:
        """Whether this is a plain file."""
        return self.kind in {Kind.FILE, Kind.EXECUTABLE}


class Reference(msgspec.Struct, frozen=True, array_like=True):
    """A node as the node above it names it: its first path, and how many entries, files and bytes it holds."""

    first: str
    entries: int
    files: int
    bytes: int
    key: Key


class Node(msgspec.Struct, frozen=True, array_like=True):
    """A node: a leaf of entries (level 0), or the references to nodes of the level below."""

    level: int
    items: msgspec.Raw


class PieceList(msgspec.Struct, frozen=True, array_like=True):
    """The keys of a large file's pieces (level -1), or of lists of the level above it."""

    level: int
    keys: bytes


_leaf = msgspec.msgpack.Decoder(list[Entry])
_inner = msgspec.msgpack.Decoder(list[Reference])
_node = msgspec.msgpack.Decoder(Node)
_any = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw])
_encoder = msgspec.msgpack.Encoder()


def encoded(level: int, items: Any) -> bytes:
    """The bytes of a node."""
    return _encoder.encode((level, items))


def entries_of(node: bytes) -> list[Entry]:
    """The entries of a leaf."""
    return _leaf.decode(_node.decode(node).items)


def references_of(node: bytes) -> list[Reference]:
    """What an inner node names."""
    return _inner.decode(_node.decode(node).items)


def level_of(node: bytes) -> int:
    """How far a node is above the entries; below zero for a list of pieces."""
    return _any.decode(node)[0]


def children_of(node: bytes) -> list[Key]:
    """The keys to which a node refers, as often as it does."""
    level, items = _any.decode(node)
    if level < 0:
        return split_keys(msgspec.msgpack.decode(items, type=bytes))
    if level > 0:
        return [reference.key for reference in _inner.decode(items)]
    return [entry.content for entry in _leaf.decode(items) if entry.is_file and entry.size]


def split_keys(keys: bytes) -> list[Key]:
    """The keys that stand one behind the other."""
    return [keys[place : place + KEY_BYTES] for place in range(0, len(keys), KEY_BYTES)]


def list_levels(size: int) -> int:
    """How many levels of lists stand above the pieces of a file; none when it is a single piece."""
    pieces, levels = -(-size // PIECE_BYTES), 0
    while pieces > 1:
        pieces, levels = -(-pieces // LIST_LENGTH), levels + 1
    return levels


def lists_over(keys: list[Key]) -> Iterable[tuple[Key, bytes, list[Key]]]:
    """The lists above the pieces of a large file, with their keys and children; the last one is the content's."""
    level = -1
    while len(keys) > 1 or level == -1:
        above = []
        for first in range(0, len(keys), LIST_LENGTH):
            some = keys[first : first + LIST_LENGTH]
            data = encoded(level, b"".join(some))
            above.append(node_key(data))
            yield above[-1], data, some
        keys, level = above, level - 1


__all__ = [
    "KEY_BYTES",
    "LIST_LENGTH",
    "PIECE_BYTES",
    "Entry",
    "Key",
    "Kind",
    "PieceList",
    "Read",
    "Reference",
    "children_of",
    "content_key",
    "encoded",
    "entries_of",
    "level_of",
    "list_levels",
    "lists_over",
    "references_of",
    "split_keys",
]
