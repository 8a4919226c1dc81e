"""Trees made from entries, and trees made from other trees and what has changed."""

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

from modelyard.engines.blobs import Key, node_key
from modelyard.engines.trees import Entry, Read, Reference, children_of, encoded, entries_of
from modelyard.engines.trees.reading import leaves

# Takes a node: its key, its bytes, and the keys to which it refers.
Put = Callable[[Key, bytes, list[Key]], None]
# A path and what is there now: nothing when it was removed.
Change = tuple[str, Entry | None]

# One path in so many ends a node; nodes have at most so many items.
_ENDS = 64
_MOST = 512


def forget(_: Key, __: bytes, ___: list[Key]) -> None:
    """Takes nodes of which only the root's key is of interest."""


def build(entries: Iterable[Entry], put: Put) -> Key:
    """The root of a tree with these entries, which come in order and once each."""
    builder = _Leaves(put)
    for entry in entries:
        builder.add(entry)
    return builder.root()


def edited(root: Key | None, changes: Sequence[Change], read: Read, put: Put) -> Key:
    """The root of a tree after changes, which come in the order of their paths; only what they touch is read."""
    builder = _Leaves(put)
    paths = [path for path, _ in changes]
    done = 0
    for leaf, end in _bounded(root, read):
        until = len(changes) if end is None else bisect_left(paths, end, done)
        if until == done and builder.at_boundary:
            builder.add_leaf(leaf)
            continue
        for entry in merged(entries_of(read(leaf.key)), changes[done:until]):
            builder.add(entry)
        done = until
    for entry in merged((), changes[done:]):
        builder.add(entry)
    return builder.root()


def merged(entries: Iterable[Entry], changes: Iterable[Change]) -> Iterator[Entry]:
    """Entries after some changes, both in order."""
    left = iter(changes)
    change = next(left, None)
    for entry in entries:
        while change is not None and change[0] < entry.path:
            if change[1] is not None:
                yield change[1]
            change = next(left, None)
        if change is not None and change[0] == entry.path:
            if change[1] is not None:
                yield change[1]
            change = next(left, None)
        else:
            yield entry
    while change is not None:
        if change[1] is not None:
            yield change[1]
        change = next(left, None)


def _bounded(root: Key | None, read: Read) -> Iterator[tuple[Reference, str | None]]:
    """The leaves of a tree in order, each with the first path that is not in it any more."""
    before: Reference | None = None
    for leaf in leaves(root, read):
        if before is not None:
            yield before, leaf.first
        before = leaf
    if before is not None:
        yield before, None


class _Leaves:
    """Entries on their way into leaves, and leaves into the nodes above them."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._waiting: list[Entry] = []
        self._done: list[Reference] = []

    @property
    def at_boundary(self) -> bool:
        """Whether the next entry begins a leaf."""
        return not self._waiting

    def add(self, entry: Entry) -> None:
        """The next entry."""
        self._waiting.append(entry)
        if _ends(entry.path, 0) or len(self._waiting) >= _MOST:
            self._close()

    def add_leaf(self, leaf: Reference) -> None:
        """A whole leaf that is in the store already."""
        self._done.append(leaf)

    def root(self) -> Key:
        """The key of the whole."""
        if self._waiting or not self._done:
            self._close()
        level, nodes = 0, self._done
        while len(nodes) > 1:
            level += 1
            nodes = [self._node(level, some) for some in _grouped(nodes, level)]
        return nodes[0].key

    def _close(self) -> None:
        entries = self._waiting
        data = encoded(0, entries)
        key = node_key(data)
        self._put(key, data, children_of(data))
        files = [entry.size for entry in entries if entry.is_file]
        first = entries[0].path if entries else ""
        self._done.append(Reference(first, len(entries), len(files), sum(files), key))
        self._waiting = []

    def _node(self, level: int, below: list[Reference]) -> Reference:
        data = encoded(level, below)
        key = node_key(data)
        self._put(key, data, [one.key for one in below])
        return Reference(
            below[0].first,
            sum(one.entries for one in below),
            sum(one.files for one in below),
            sum(one.bytes for one in below),
            key,
        )


def _grouped(nodes: list[Reference], level: int) -> Iterator[list[Reference]]:
    group: list[Reference] = []
    for node in nodes:
        group.append(node)
        if len(group) > 1 and (_ends(node.first, level) or len(group) >= _MOST):
            yield group
            group = []
    if group:
        yield group


def _ends(path: str, level: int) -> bool:
    return zlib.crc32(path.encode(), level) % _ENDS == 0
