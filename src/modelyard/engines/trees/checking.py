"""Whether trees are whole: every node and every piece that they reach is read and compared with its key."""

from collections.abc import Iterator, Mapping

import msgspec

from modelyard.engines.blobs import Damaged, Key, Missing
from modelyard.engines.trees import Entry, Read, entries_of, level_of, references_of
from modelyard.engines.trees.reading import pieces_of


class Damage(msgspec.Struct, frozen=True):
    """A file of a tree that is damaged, or the first of the files that a damaged node is about."""

    tree: str
    path: str
    key: Key
    is_node: bool


class Checked(msgspec.Struct):
    """What was checked so far: pieces and nodes, once each, and their bytes."""

    pieces: int = 0
    bytes: int = 0


def check(roots: Mapping[str, Key], read: Read, checked: Checked) -> Iterator[Damage]:
    """What is damaged of some trees, each thing once in every tree; what trees share is read once."""
    checker = _Checker(read, checked)
    for name, root in roots.items():
        yield from checker.node(name, root, "")


class _Checker:
    """Reads everything once and remembers what was damaged."""

    def __init__(self, read: Read, checked: Checked) -> None:
        self._read = read
        self._checked = checked
        self._whole: set[Key] = set()
        self._damaged: set[Key] = set()

    def node(self, tree: str, key: Key, first: str) -> Iterator[Damage]:
        """What is damaged at a node and below it."""
        if key in self._whole:
            return
        data = self._content(key)
        if data is None:
            yield Damage(tree, first, key, is_node=True)
            return
        is_whole = True
        for damage in self._leaf(tree, data) if level_of(data) == 0 else self._inner(tree, data):
            is_whole = False
            yield damage
        if is_whole:
            self._whole.add(key)

    def _inner(self, tree: str, data: bytes) -> Iterator[Damage]:
        for reference in references_of(data):
            yield from self.node(tree, reference.key, reference.first)

    def _leaf(self, tree: str, data: bytes) -> Iterator[Damage]:
        for entry in entries_of(data):
            if entry.is_file and (key := self._first_damaged(entry)) is not None:
                yield Damage(tree, entry.path, key, is_node=False)

    def _first_damaged(self, entry: Entry) -> Key | None:
        try:
            for key in pieces_of(entry, self._read):
                if key not in self._whole:
                    if self._content(key) is None:
                        return key
                    self._whole.add(key)
        except (Damaged, Missing) as found:  # a list of pieces
            return found.key
        return None

    def _content(self, key: Key) -> bytes | None:
        if key in self._damaged:
            return None
        try:
            data = self._read(key)
        except (Damaged, Missing):
            self._damaged.add(key)
            return None
        self._checked.pieces += 1
        self._checked.bytes += len(data)
        return data
