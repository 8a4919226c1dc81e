"""How a tree is taken of a live folder: the one before, with what has changed since."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from modelyard.engines.blobs import Content, Key, Reading, Writing
from modelyard.engines.folders import queries
from modelyard.engines.folders.opening import below
from modelyard.engines.folders.storing import Contents
from modelyard.engines.trees import Entry, building, reading
from modelyard.kit.errors import NotFound
from modelyard.kit.safe_path import SafePath
from modelyard.kit.sqlite import transaction

# So many changed files are read and put into the tree at a time.
CHUNK = 20_000


def grown(
    index: sqlite3.Connection, base: Key | None, folder: Path, writing: Writing, *, quiet: bool, read_again: bool
) -> tuple[Key, list[str]]:
    """The root of a tree of all known files, made from the tree before; and the paths that could not be read.

    Files that were read since they changed are read again only where that is asked for, to be stored.
    """
    root, place, unreadable = base, "", list[str]()
    with below(folder) as opened:
        while changed := queries.unstored(index, place, CHUNK):
            contents = Contents(opened, writing, quiet=quiet, read_again=read_again)
            changes = contents.store(changed)
            with transaction(index):
                queries.set_read(index, contents.read)
            unreadable += contents.unreadable
            root, place = building.edited(root, changes, writing.read, _putting(writing)), changed[-1].path
    return root or building.build((), _putting(writing)), unreadable


def chosen(writing: Writing, root: Key, paths: Sequence[SafePath]) -> Key:
    """The root of a tree with what lies at some paths of another one and below them."""
    kept: dict[str, Entry] = {}
    for path in paths:
        found = {entry.path: entry for entry in reading.below(root, writing.read, path)}
        if not found:
            raise NotFound(f"There is no file or folder {path} in this dataset.")
        kept |= found
    return building.build((kept[path] for path in sorted(kept)), _putting(writing))


def _putting(writing: Writing) -> building.Put:
    def put(key: Key, data: bytes, children: list[Key]) -> None:
        if writing.missing([key]):
            writing.put(key, data, children)

    return put


class Hashing:
    """The writing side of a store that keeps nothing but, while it lives, nodes."""

    def __init__(self, store: Reading) -> None:
        self._store = store
        self._nodes: dict[Key, bytes] = {}

    def read(self, key: Key) -> bytes:
        return self._nodes.get(key) or self._store.read(key)

    def missing(self, keys: Iterable[Key]) -> set[Key]:
        return set(keys)

    def put(self, key: Key, content: Content, children: Iterable[Key] | None = None) -> None:
        if children is not None:
            self._nodes[key] = bytes(content)

    def hold(self, name: str, key: Key) -> None:
        """Nothing is kept."""
