"""SQL of the local store's index: where each piece lies, how many refer to it, and which names hold what.

The index is SQLite because it belongs to the folder of packs beside it, and to nothing else: it can be made anew
from them but for the holds.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from modelyard.engines.blobs import Key, Piece
from modelyard.kit.sqlite import connect

_SCHEMA = """
CREATE TABLE IF NOT EXISTS packs (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS pieces (
    key BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL,
    refs INTEGER NOT NULL, is_node INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pieces_of_pack ON pieces (pack);
CREATE INDEX IF NOT EXISTS pieces_unused ON pieces (key) WHERE refs = 0;
CREATE TABLE IF NOT EXISTS holds (name TEXT PRIMARY KEY, key BLOB NOT NULL) WITHOUT ROWID;
"""
_AT_ONCE = 500


class Place(msgspec.Struct, frozen=True):
    """Where a piece lies: the pack's name, where its content begins, and its size in bytes."""

    pack: str
    offset: int
    size: int


class NewPiece(msgspec.Struct, frozen=True):
    """A piece that has been written to a pack; `pack` is the number of the pack in its session."""

    pack: int
    offset: int
    size: int
    is_node: bool


class PackUse(msgspec.Struct, frozen=True):
    """A pack, and how many pieces and bytes of it are in use."""

    id: int
    name: str
    pieces: int
    bytes: int


def open_index(path: Path) -> sqlite3.Connection:
    """The index at a path, made when it is missing."""
    connection = connect(path)
    connection.executescript(_SCHEMA)
    return connection


def place_of(connection: sqlite3.Connection, key: Key) -> Place | None:
    """Where a piece lies."""
    row = connection.execute(
        "SELECT k.name, p.offset, p.size FROM pieces p JOIN packs k ON k.id = p.pack WHERE p.key = ?", (key,)
    ).fetchone()
    return Place(*row) if row else None


def known(connection: sqlite3.Connection, keys: list[Key]) -> set[Key]:
    """Those of these keys that the store has."""
    found: set[Key] = set()
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        found.update(row[0] for row in connection.execute(f"SELECT key FROM pieces WHERE key IN ({marks})", some))
    return found


def add_pack(connection: sqlite3.Connection, name: str) -> int:
    """Adds a pack; its number."""
    return connection.execute("INSERT INTO packs (name) VALUES (?)", (name,)).lastrowid or 0


def add_pieces(connection: sqlite3.Connection, packs: list[int], pieces: dict[Key, NewPiece]) -> set[Key]:
    """Adds pieces to which nothing refers yet, with the numbers of their packs; those that are really new."""
    there = known(connection, list(pieces))
    connection.executemany(
        "INSERT INTO pieces (key, pack, offset, size, refs, is_node) VALUES (?, ?, ?, ?, 0, ?)",
        (
            (key, packs[one.pack], one.offset, one.size, one.is_node)
            for key, one in pieces.items()
            if key not in there
        ),
    )
    return pieces.keys() - there


def refer(connection: sqlite3.Connection, counts: Iterable[tuple[Key, int]]) -> int:
    """Counts references up or down; the number of pieces that were there to count them at."""
    before = connection.total_changes
    connection.executemany(
        "UPDATE pieces SET refs = refs + ? WHERE key = ?", ((count, key) for key, count in counts)
    )
    return connection.total_changes - before


def held(connection: sqlite3.Connection, name: str) -> Key | None:
    """The key that a name holds."""
    row = connection.execute("SELECT key FROM holds WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def holds(connection: sqlite3.Connection) -> dict[str, Key]:
    """Every name and what it holds."""
    return dict(connection.execute("SELECT name, key FROM holds"))


def set_hold(connection: sqlite3.Connection, name: str, key: Key) -> None:
    """Has a name hold a key."""
    connection.execute(
        "INSERT INTO holds (name, key) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET key = excluded.key",
        (name, key),
    )


def end_hold(connection: sqlite3.Connection, name: str) -> None:
    """Has a name hold nothing."""
    connection.execute("DELETE FROM holds WHERE name = ?", (name,))


def unused(connection: sqlite3.Connection, limit: int) -> list[tuple[Key, int, bool]]:
    """Pieces that nothing refers to: their keys, sizes, and whether they are nodes."""
    return connection.execute("SELECT key, size, is_node FROM pieces WHERE refs = 0 LIMIT ?", (limit,)).fetchall()


def remove_pieces(connection: sqlite3.Connection, keys: Iterable[Key]) -> None:
    """Forgets pieces; their bytes stay in the packs."""
    connection.executemany("DELETE FROM pieces WHERE key = ?", ((key,) for key in keys))


def pack_uses(connection: sqlite3.Connection) -> list[PackUse]:
    """Every pack and what of it is in use."""
    rows = connection.execute(
        "SELECT k.id, k.name, count(p.key), coalesce(sum(p.size), 0) FROM packs k"
        " LEFT JOIN pieces p ON p.pack = k.id GROUP BY k.id ORDER BY k.id"
    )
    return [PackUse(*row) for row in rows]


def places_in(connection: sqlite3.Connection, pack: int) -> list[tuple[Key, int, int]]:
    """The pieces of a pack in the order in which they lie: keys, offsets and sizes."""
    return connection.execute(
        "SELECT key, offset, size FROM pieces WHERE pack = ? ORDER BY offset", (pack,)
    ).fetchall()


def move_pieces(connection: sqlite3.Connection, places: Iterable[tuple[int, int, Key, int]]) -> None:
    """Notes new places of pieces, each as new pack, new offset, key and old pack."""
    connection.executemany("UPDATE pieces SET pack = ?, offset = ? WHERE key = ? AND pack = ?", places)


def remove_pack(connection: sqlite3.Connection, pack: int) -> bool:
    """Forgets a pack of which nothing is in use; False when something is."""
    return (
        connection.execute(
            "DELETE FROM packs WHERE id = ? AND NOT EXISTS (SELECT 1 FROM pieces WHERE pack = packs.id)", (pack,)
        ).rowcount
        == 1
    )


def all_pieces(connection: sqlite3.Connection) -> Iterator[Piece]:
    """Every piece by pack and place, as they were when the first one was asked for."""
    for row in connection.execute("SELECT key, size, refs FROM pieces ORDER BY pack, offset"):
        yield Piece(*row)
