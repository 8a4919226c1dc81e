"""SQL of the tracker's own database, before MLflow looks into it."""

import contextlib

import psycopg
from psycopg import sql

from modelyard.engines.tracker.place import tracker_database


def prepare_database(dsn: str) -> None:
    """Makes the tracker's database when it is missing; `dsn` is the platform's. Raises psycopg.Error."""
    name = tracker_database(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        found = connection.execute("SELECT true FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if found is None:
            # Another process may do the same at this moment.
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
