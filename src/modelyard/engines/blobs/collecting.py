"""Collection: what nothing refers to any more is forgotten, and the packs it lay in are written anew."""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from modelyard.engines.blobs import Collected, Damaged, Key, Missing, queries
from modelyard.engines.blobs.packs import HEADER, PACK_BYTES, PackWriter, names_in, path_of
from modelyard.engines.blobs.queries import PackUse
from modelyard.kit.sqlite import transaction

_AT_ONCE = 5000
# A pack is written anew when so much of it is not in use, or when it is one of many small ones.
_WASTE = 0.1
_SMALL_BYTES = 2**22
_SMALL_PACKS = 16
# A pack of this age that the index does not know was left by a session that was killed.
_ABANDONED_SECONDS = 86_400


class Collector:
    """One collection of a local store."""

    def __init__(
        self,
        index: sqlite3.Connection,
        packs: Path,
        read: Callable[[Key], bytes],
        children_of: Callable[[bytes], Iterable[Key]],
    ) -> None:
        self._index = index
        self._packs = packs
        self._read = read
        self._children_of = children_of

    def plan(self, stale: Callable[[str], bool]) -> Collected:
        """What a collection would remove. The store is not changed, but cannot be written to meanwhile."""
        self._index.execute("BEGIN IMMEDIATE")
        try:
            self._end_holds(stale)
            pieces, size = self._forget(None)
            wasted = sum(self._file_bytes(use) - _needed(use) for use in queries.pack_uses(self._index))
        finally:
            self._index.execute("ROLLBACK")
        return Collected(pieces, size, wasted + self._abandoned_bytes())

    def collect(self, stale: Callable[[str], bool]) -> Collected:
        """Removes what no hold reaches; the disk's bytes are free when it returns."""
        before = self._taken_bytes()
        with transaction(self._index):
            self._end_holds(stale)
        pieces = size = 0
        while True:
            with transaction(self._index):
                some, bytes_of_some = self._forget(_AT_ONCE)
            pieces, size = pieces + some, size + bytes_of_some
            if some < _AT_ONCE:
                break
        self._rewrite()
        self._remove_abandoned()
        return Collected(pieces, size, max(0, before - self._taken_bytes()))

    def _end_holds(self, stale: Callable[[str], bool]) -> None:
        for name, key in queries.holds(self._index).items():
            if stale(name):
                queries.end_hold(self._index, name)
                queries.refer(self._index, [(key, -1)])

    def _forget(self, limit: int | None) -> tuple[int, int]:
        """Forgets so many pieces that nothing refers to, and their references; how many, and their bytes."""
        pieces = size = 0
        while limit is None or pieces < limit:
            found = queries.unused(self._index, _AT_ONCE if limit is None else limit - pieces)
            if not found:
                break
            counts: Counter[Key] = Counter()
            for key, _, is_node in found:
                if is_node:
                    counts.update(self._children(key))
            queries.remove_pieces(self._index, [key for key, _, _ in found])
            queries.refer(self._index, ((key, -count) for key, count in counts.items()))
            pieces, size = pieces + len(found), size + sum(one[1] for one in found)
        return pieces, size

    def _children(self, key: Key) -> list[Key]:
        try:
            return list(self._children_of(self._read(key)))
        except (Damaged, Missing):  # what it referred to stays: better too much than too little
            return []

    def _rewrite(self) -> None:
        """Writes the packs anew that hold too much that is not in use, or that are small and many."""
        uses = queries.pack_uses(self._index)
        small = [use for use in uses if use.pieces and self._file_bytes(use) < _SMALL_BYTES]
        waiting: list[PackUse] = []
        for use in uses:
            crowded = len(small) >= _SMALL_PACKS and use in small
            if crowded or self._file_bytes(use) - _needed(use) > _WASTE * self._file_bytes(use):
                waiting.append(use)
            if sum(map(_needed, waiting)) >= PACK_BYTES:
                self._move(waiting)
                waiting = []
        if waiting:
            self._move(waiting)

    def _move(self, uses: list[PackUse]) -> None:
        """Copies what is in use of some packs into a new one, and removes them."""
        writer = PackWriter(self._packs)
        try:
            moved = [(use, self._copied(use, writer)) for use in uses]
            writer.finish()
            with transaction(self._index):
                packs = [queries.add_pack(self._index, name) for name in writer.names]
                for use, places in moved:
                    queries.move_pieces(
                        self._index,
                        ((packs[pack], offset, key, use.id) for key, (pack, offset) in places.items()),
                    )
                gone = [use for use in uses if queries.remove_pack(self._index, use.id)]
        except BaseException:
            writer.discard()
            raise
        for use in gone:
            path_of(self._packs, use.name).unlink(missing_ok=True)

    def _copied(self, use: PackUse, writer: PackWriter) -> dict[Key, tuple[int, int]]:
        """Copies pieces as they are, damaged ones too: what is wrong with them is for a check to say."""
        places = queries.places_in(self._index, use.id)
        moved: dict[Key, tuple[int, int]] = {}
        if not places:
            return moved
        with path_of(self._packs, use.name).open("rb") as pack:
            for key, offset, size in places:
                head = os.pread(pack.fileno(), HEADER.size, offset - HEADER.size)
                content = os.pread(pack.fileno(), size, offset)
                moved[key] = writer.add(key, content.ljust(size, b"\0"), is_node=bool(head[-1]))
        return moved

    def _remove_abandoned(self) -> None:
        for name in self._abandoned():
            path_of(self._packs, name).unlink(missing_ok=True)

    def _abandoned(self) -> list[str]:
        known = {use.name for use in queries.pack_uses(self._index)}
        old = time.time() - _ABANDONED_SECONDS
        return [
            name
            for name in names_in(self._packs)
            if name not in known and path_of(self._packs, name).stat().st_mtime < old
        ]

    def _abandoned_bytes(self) -> int:
        return sum(path_of(self._packs, name).stat().st_size for name in self._abandoned())

    def _taken_bytes(self) -> int:
        return sum(path_of(self._packs, name).stat().st_blocks * 512 for name in names_in(self._packs))

    def _file_bytes(self, use: PackUse) -> int:
        try:
            return path_of(self._packs, use.name).stat().st_size
        except FileNotFoundError:
            return 0


def _needed(use: PackUse) -> int:
    return use.bytes + use.pieces * HEADER.size
