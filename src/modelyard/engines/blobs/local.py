"""Blobs in a folder of this machine: packs of pieces, and an index of where each piece lies."""

import fcntl
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from modelyard.engines.blobs import (
    Collected,
    Content,
    Damaged,
    Key,
    Missing,
    Piece,
    Vanished,
    content_key,
    node_key,
    queries,
)
from modelyard.engines.blobs.collecting import Collector
from modelyard.engines.blobs.packs import PackWriter, names_in, path_of
from modelyard.engines.blobs.queries import NewPiece
from modelyard.kit.sqlite import transaction


class LocalBlobStore:
    """A store of pieces in `folder`; `children_of` tells to which pieces a node refers."""

    def __init__(self, folder: Path, children_of: Callable[[bytes], Iterable[Key]]) -> None:
        self._folder = folder
        self._packs = folder / "packs"
        for place in (folder, self._packs):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._index = folder / "index.sqlite"
        self._children_of = children_of

    @contextmanager
    def reading(self) -> Iterator["_Reader"]:
        """The reading side, for the time of a block."""
        with self._connected() as index:
            reader = _Reader(index, self._packs)
            try:
                yield reader
            finally:
                reader.close()

    @contextmanager
    def writing(self) -> Iterator["_Writer"]:
        """The writing side; raises Vanished at the end of the block, when all must be put once more."""
        with self._connected() as index:
            writer = _Writer(index, self._packs)
            try:
                yield writer
                writer.finish()
            except BaseException:
                writer.discard()
                raise
            finally:
                writer.close()

    def held(self, name: str) -> Key | None:
        """The key that a name holds."""
        with self._connected() as index:
            return queries.held(index, name)

    def holds(self) -> Mapping[str, Key]:
        """Every name and the key it holds."""
        with self._connected() as index:
            return queries.holds(index)

    def hold(self, name: str, key: Key) -> None:
        """Keeps a node that is there and all that it reaches; raises Vanished when it is gone."""
        with self.writing() as writing:
            writing.hold(name, key)

    def release(self, names: Iterable[str]) -> None:
        """Ends holds; names that hold nothing are passed over."""
        with self._connected() as index, transaction(index):
            end_holds(index, names)

    def collect(self, stale: Callable[[str], bool], *, dry_run: bool) -> Collected:
        """Removes the holds that are `stale` by their names and every piece that no hold reaches any more."""
        with (
            _locked(self._folder, fcntl.LOCK_EX),
            self._connected() as index,
            closing(_Reader(index, self._packs)) as reader,
        ):
            collector = Collector(index, self._packs, reader.read, self._children_of)
            return collector.plan(stale) if dry_run else collector.collect(stale)

    def pieces(self) -> Iterator[Piece]:
        """Every piece, in the order in which they lie on disk."""
        with self._connected() as index:
            yield from queries.all_pieces(index)

    def disk_bytes(self) -> int:
        """How much of the disk the packs take."""
        return sum(_size(path_of(self._packs, name)) for name in names_in(self._packs))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A connection to the index for one use: what is read in one thread and ended in another has its own."""
        with closing(queries.open_index(self._index)) as index:
            yield index


@contextmanager
def uncollected(folder: Path) -> Iterator[None]:
    """Nothing is removed from the store in a folder during the block, so that it can be copied file by file."""
    with _locked(folder, fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    descriptor = os.open(folder / "collecting.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def end_holds(index: sqlite3.Connection, names: Iterable[str]) -> None:
    """Ends holds, and the references that they are."""
    for name in names:
        key = queries.held(index, name)
        if key is not None:
            queries.end_hold(index, name)
            queries.refer(index, [(key, -1)])


class _Reader:
    """Reads pieces through files that stay open as long as it lives."""

    def __init__(self, index: sqlite3.Connection, packs: Path) -> None:
        self._index = index
        self._packs = packs
        self._open: dict[str, int] = {}

    def read(self, key: Key) -> bytes:
        """A piece, checked against its key; raises Missing or Damaged."""
        content = self._content(key)
        if content_key(content) != key != node_key(content):
            raise Damaged(key)
        return content

    def close(self) -> None:
        """Closes the packs that were read."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _content(self, key: Key) -> bytes:
        for _ in range(3):
            place = queries.place_of(self._index, key)
            if place is None:
                raise Missing(key)
            try:
                descriptor = self._descriptor(place.pack)
            except FileNotFoundError:  # its pieces have been moved to another pack just now
                continue
            return os.pread(descriptor, place.size, place.offset)
        raise Damaged(key)

    def _descriptor(self, pack: str) -> int:
        found = self._open.get(pack)
        if found is None:
            found = self._open[pack] = os.open(path_of(self._packs, pack), os.O_RDONLY | os.O_CLOEXEC)
        return found


class _Writer(_Reader):
    """Collects what is put, and makes it known all at once."""

    def __init__(self, index: sqlite3.Connection, packs: Path) -> None:
        super().__init__(index, packs)
        self._writer = PackWriter(packs)
        self._new: dict[Key, NewPiece] = {}
        self._references: dict[Key, list[Key]] = {}
        self._nodes: dict[Key, bytes] = {}
        self._holds: dict[str, Key] = {}

    def read(self, key: Key) -> bytes:
        """A piece, also a node that was put just now; raises Missing or Damaged."""
        return self._nodes.get(key) or super().read(key)

    def missing(self, keys: Iterable[Key]) -> set[Key]:
        """Those of these keys that the store does not have yet."""
        wanted = {key for key in keys if key not in self._new}
        return wanted - queries.known(self._index, list(wanted))

    def put(self, key: Key, content: Content, children: Iterable[Key] | None = None) -> None:
        """Adds a piece; a node names its children, which are there or put before the block ends."""
        if key in self._new:
            return
        is_node = children is not None
        pack, offset = self._writer.add(key, content, is_node=is_node)
        self._new[key] = NewPiece(pack, offset, len(content), is_node)
        if children is not None:
            self._references[key] = list(children)
            self._nodes[key] = bytes(content)

    def hold(self, name: str, key: Key) -> None:
        """Keeps a node and all that it reaches; a name holds one key, the last one."""
        self._holds[name] = key

    def finish(self) -> None:
        """Has everything on disk, and then in the index."""
        self._writer.finish()
        index = self._index
        with transaction(index):
            packs = [queries.add_pack(index, name) for name in self._writer.names]
            really_new = queries.add_pieces(index, packs, self._new)
            counts: Counter[Key] = Counter()
            for key, children in self._references.items():
                if key in really_new:
                    counts.update(children)
            counts.update(self._holds.values())
            if queries.refer(index, counts.items()) != len(counts):
                raise Vanished
            end_holds(index, self._holds)
            for name, key in self._holds.items():
                queries.set_hold(index, name, key)

    def discard(self) -> None:
        """Removes what was written."""
        self._writer.discard()


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0
