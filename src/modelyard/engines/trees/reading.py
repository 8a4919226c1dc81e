"""What a tree says: its entries from any place on, one folder of it, the content of a file, what two differ in."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from modelyard.engines.blobs import Key
from modelyard.engines.trees import (
    PIECE_BYTES,
    Entry,
    Read,
    Reference,
    entries_of,
    level_of,
    list_levels,
    references_of,
    split_keys,
)


class Difference(msgspec.Struct, frozen=True):
    """A path at which two trees differ: what the one has there, and what the other."""

    path: str
    before: Entry | None
    after: Entry | None


def whole(root: Key, read: Read) -> Reference:
    """A whole tree as a node above it would name it: how many entries, files and bytes it holds."""
    data = read(root)
    if level_of(data) > 0:
        below = references_of(data)
        return Reference(
            below[0].first, sum(one.entries for one in below), sum(one.files for one in below),
            sum(one.bytes for one in below), root,
        )  # fmt: skip
    entries = entries_of(data)
    files = [entry.size for entry in entries if entry.is_file]
    return Reference(entries[0].path if entries else "", len(entries), len(files), sum(files), root)


def leaves(root: Key | None, read: Read) -> Iterator[Reference]:
    """The leaves of a tree in order; none for no tree and for one without entries."""
    if root is None:
        return
    data = read(root)
    if level_of(data) > 0:
        yield from _leaves_below(data, read)
    elif entries_of(data):
        yield whole(root, read)


def _leaves_below(data: bytes, read: Read) -> Iterator[Reference]:
    is_lowest = level_of(data) == 1
    for reference in references_of(data):
        if is_lowest:
            yield reference
        else:
            yield from _leaves_below(read(reference.key), read)


def entries(root: Key | None, read: Read, start: str = "") -> Iterator[Entry]:
    """The entries of a tree in order, from a path on."""
    if root is not None:
        yield from _entries_from(read(root), read, start)


def _entries_from(data: bytes, read: Read, start: str) -> Iterator[Entry]:
    if level_of(data) == 0:
        yield from (entry for entry in entries_of(data) if entry.path >= start)
        return
    below = references_of(data)
    first = max(0, bisect_right(below, start, key=lambda one: one.first) - 1)
    for reference in below[first:]:
        yield from _entries_from(read(reference.key), read, start)


def find(root: Key, read: Read, path: str) -> Entry | None:
    """What a tree has at a path; a folder that is not empty has no entry of its own."""
    found = next(entries(root, read, path), None)
    return found if found is not None and found.path == path else None


def below(root: Key | None, read: Read, folder: str) -> Iterator[Entry]:
    """The entries of a folder and of all folders below it, or of the whole tree; a file's own, when it is one."""
    if not folder:
        yield from entries(root, read)
        return
    for entry in entries(root, read, folder):
        if entry.path == folder or entry.path.startswith(folder + "/"):
            yield entry
        elif entry.path > folder + "0":  # the first path behind all that begins with "folder/"
            return


def differences(before: Key | None, after: Key | None, read: Read) -> Iterator[Difference]:
    """Where two trees differ, in order; what they share is not read."""
    if before == after:
        return
    old, new = list(leaves(before, read)), list(leaves(after, read))
    shared = {leaf.key for leaf in old} & {leaf.key for leaf in new}
    yield from _compared(_entries_of(old, shared, read), _entries_of(new, shared, read))


def _entries_of(found: list[Reference], but: set[Key], read: Read) -> Iterator[Entry]:
    for leaf in found:
        if leaf.key not in but:
            yield from entries_of(read(leaf.key))


def _compared(old: Iterable[Entry], new: Iterable[Entry]) -> Iterator[Difference]:
    olds, news = iter(old), iter(new)
    one, other = next(olds, None), next(news, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.path < other.path):
            assert one is not None  # noqa: S101 - one of the two is left
            yield Difference(one.path, one, None)
            one = next(olds, None)
        elif one is None or other.path < one.path:
            yield Difference(other.path, None, other)
            other = next(news, None)
        else:
            if one != other:
                yield Difference(one.path, one, other)
            one, other = next(olds, None), next(news, None)


def pieces_of(entry: Entry, read: Read) -> Iterator[Key]:
    """The keys of a file's pieces in order."""
    if not entry.size:
        return iter(())
    return _pieces(entry.content, list_levels(entry.size), read)


def _pieces(key: Key, levels: int, read: Read) -> Iterator[Key]:
    if levels == 0:
        yield key
        return
    for child in split_keys(msgspec.msgpack.decode(read(key), type=tuple[int, bytes])[1]):
        yield from _pieces(child, levels - 1, read)


def content(entry: Entry, read: Read, first: int = 0, after: int | None = None) -> Iterator[bytes]:
    """The bytes of a file from one place to another; pieces before and behind are not read."""
    end = entry.size if after is None else min(after, entry.size)
    for number, key in enumerate(pieces_of(entry, read)):
        begin = number * PIECE_BYTES
        if begin >= end:
            return
        if begin + PIECE_BYTES > first:
            yield read(key)[max(first - begin, 0) : end - begin]
