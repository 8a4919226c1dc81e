"""SQLite for what belongs to one folder of this machine: indexes that lie beside the files they are about."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Somebody else's change may take as long as its files take to be written.
_WAIT_SECONDS = 600
_CACHE_KIB = 32_768


def connect(path: Path) -> sqlite3.Connection:
    """The database at a path, made when it is missing; changes are on disk when their transaction has ended."""
    connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A change as a whole, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
