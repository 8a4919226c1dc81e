"""SQL of a live folder's index: what is known of each file, and whether the store has it.

A row without a kind stands for a path that was removed since the last tree was taken.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import msgspec

from modelyard.engines.folders import Extent
from modelyard.engines.trees import Entry, Key, Kind
from modelyard.kit.sqlite import connect

# A path, its kind, its size in bytes, its times of content and status in nanoseconds, and its inode.
Found = tuple[str, str, int, int, int, int]

REMOVED = ""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    changed INTEGER NOT NULL, inode INTEGER NOT NULL, content BLOB, is_stored INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_to_store ON files (path) WHERE NOT is_stored;
CREATE TABLE IF NOT EXISTS state (
    id INTEGER PRIMARY KEY CHECK (id = 1), files INTEGER NOT NULL, bytes INTEGER NOT NULL,
    has_tree INTEGER NOT NULL, root INTEGER NOT NULL, fingerprint BLOB, left_out TEXT NOT NULL
);
INSERT OR IGNORE INTO state VALUES (1, 0, 0, 0, 0, NULL, '');
"""
_KNOWN = "path, kind, size, modified, changed, inode"
_IS_FILE = "kind IN ('f', 'x')"
# What begins with "folder/" lies between that and "folder0".
_BELOW = "(path = ?1 OR (path >= ?1 || '/' AND path < ?1 || '0'))"


class Unstored(msgspec.Struct, frozen=True):
    """A path that has changed since the last tree; its content's key where it has been read since."""

    path: str
    kind: str
    size: int
    content: bytes | None


def open_index(path: Path) -> sqlite3.Connection:
    """The index at a path, made when it is missing."""
    connection = connect(path)
    connection.executescript(_SCHEMA)
    return connection


def known(index: sqlite3.Connection) -> Iterator[Found]:
    """What is known of every file, in order."""
    return index.execute(f"SELECT {_KNOWN} FROM files WHERE kind <> '' ORDER BY path")


def known_below(index: sqlite3.Connection, path: str) -> Iterator[Found]:
    """What is known of a path and of all below it, in order."""
    return index.execute(f"SELECT {_KNOWN} FROM files WHERE kind <> '' AND {_BELOW} ORDER BY path", (path,))


def entries_from(index: sqlite3.Connection, start: str) -> Iterator[Entry]:
    """Everything that is known to be there, from a path on; contents are left out."""
    rows = index.execute(
        "SELECT path, kind, size FROM files WHERE kind <> '' AND path >= ? ORDER BY path", (start,)
    )
    for path, kind, size in rows:
        yield Entry(path, Kind(kind), size, b"")


def put(index: sqlite3.Connection, found: Iterable[Found]) -> None:
    """Notes files that are new or have changed."""
    set_fingerprint(index, None)
    index.executemany(f"INSERT OR REPLACE INTO files ({_KNOWN}, is_stored) VALUES (?, ?, ?, ?, ?, ?, 0)", found)


def note(index: sqlite3.Connection, changes: Iterable[Found | str]) -> bool:
    """Notes files that are new or have changed, and paths that are gone; whether there were any."""
    first = list(islice(left := iter(changes), 1))
    if first:
        put(index, (_gone(one) if isinstance(one, str) else one for one in chain(first, left)))
    return bool(first)


def extent(index: sqlite3.Connection) -> Extent:
    """How much is known to be there."""
    return Extent(*index.execute("SELECT files, bytes FROM state").fetchone())


def extent_below(index: sqlite3.Connection, path: str) -> Extent:
    """How much of that is at a path or below it."""
    row = index.execute(
        f"SELECT count(*), coalesce(sum(size), 0) FROM files WHERE {_IS_FILE} AND {_BELOW}", (path,)
    ).fetchone()
    return Extent(*row)


def count(index: sqlite3.Connection) -> Extent:
    """How much is known to be there, counted anew."""
    counted = f"SELECT count(*), coalesce(sum(size), 0) FROM files WHERE {_IS_FILE}"
    set_extent(index, Extent(*index.execute(counted).fetchone()))
    return extent(index)


def set_extent(index: sqlite3.Connection, extent: Extent) -> None:
    """Notes how much is known to be there."""
    index.execute("UPDATE state SET files = ?, bytes = ?", (extent.files, extent.bytes))


def unstored(index: sqlite3.Connection, after: str, limit: int) -> list[Unstored]:
    """What has changed since the last tree, in order: so much of it, behind a path."""
    rows = index.execute(
        "SELECT path, kind, size, content FROM files WHERE NOT is_stored AND path > ? ORDER BY path LIMIT ?",
        (after, limit),
    )
    return [Unstored(*row) for row in rows]


def has_unstored(index: sqlite3.Connection) -> bool:
    """Whether something is known to have changed since the last tree."""
    return index.execute("SELECT 1 FROM files WHERE NOT is_stored LIMIT 1").fetchone() is not None


def content_of(index: sqlite3.Connection, found: Found) -> Key | None:
    """The content of a file that is known to be in just this state."""
    row = index.execute(
        "SELECT content FROM files WHERE path = ? AND kind = ? AND size = ? AND modified = ? AND changed = ?"
        " AND inode = ?",
        found,
    ).fetchone()
    return row[0] if row else None


def unstored_bytes(index: sqlite3.Connection) -> int:
    """How many bytes the files have together that have changed since the last tree."""
    row = index.execute("SELECT coalesce(sum(size), 0) FROM files WHERE NOT is_stored").fetchone()
    return int(row[0])


def set_read(index: sqlite3.Connection, read: Iterable[tuple[Found, Key]]) -> None:
    """Notes the contents of files as they were read, and their state then."""
    index.executemany(
        f"INSERT OR REPLACE INTO files ({_KNOWN}, content, is_stored) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        ((*found, content) for found, content in read),
    )


def set_stored(index: sqlite3.Connection) -> None:
    """Notes that the store has a tree of all that is known."""
    index.execute("DELETE FROM files WHERE kind = '' AND NOT is_stored")
    index.execute("UPDATE files SET is_stored = 1 WHERE NOT is_stored")
    index.execute("UPDATE state SET has_tree = 1")


def has_tree(index: sqlite3.Connection) -> bool:
    """Whether rows that are marked as stored are in the tree that the store holds."""
    return index.execute("SELECT 1 FROM state WHERE has_tree").fetchone() is not None


def _gone(path: str) -> Found:
    return path, REMOVED, 0, 0, 0, 0


def set_fingerprint(index: sqlite3.Connection, root: Key | None) -> None:
    """Notes the root of a tree of all that is known; None when it is another one now."""
    index.execute("UPDATE state SET fingerprint = ?", (root,))


def fingerprint(index: sqlite3.Connection) -> Key | None:
    """The root of a tree of all that is known, when that was found out before."""
    row = index.execute("SELECT fingerprint FROM state").fetchone()
    return row[0] if row else None


def set_left_out(index: sqlite3.Connection, paths: list[str]) -> None:
    """Notes what no tree can have, as it was found by a look."""
    index.execute("UPDATE state SET left_out = ?", ("\0".join(paths),))


def left_out(index: sqlite3.Connection) -> list[str]:
    """What no tree can have, as it was found by the last look."""
    row = index.execute("SELECT left_out FROM state").fetchone()
    return row[0].split("\0") if row[0] else []


def set_root(index: sqlite3.Connection, inode: int) -> None:
    """Notes in which folder the files are that are known."""
    index.execute("UPDATE state SET root = ?", (inode,))


def root(index: sqlite3.Connection) -> int:
    """The inode of the folder in which the files are that are known; 0 while none was looked through."""
    return int(index.execute("SELECT root FROM state").fetchone()[0])


def forget_all(index: sqlite3.Connection) -> None:
    """Forgets every file."""
    index.execute("DELETE FROM files")


def forget_tree(index: sqlite3.Connection) -> None:
    """Has the next tree made from every file."""
    index.execute("UPDATE files SET is_stored = 0")
    index.execute("UPDATE state SET has_tree = 0")
