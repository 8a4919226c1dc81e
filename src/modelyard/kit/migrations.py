"""One linear history of plain SQL, applied at start under an advisory lock."""

import re
from importlib.resources import files
from typing import Any

import structlog

from modelyard.kit.db import Database

log = structlog.get_logger()

_LOCK = 7_310_215_864
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class UnknownMigration(Exception):
    """The database has been changed by a newer Modelyard than this one."""


def migrations() -> dict[int, tuple[str, str]]:
    """Every migration by its number: its file name and its SQL."""
    found: dict[int, tuple[str, str]] = {}
    for file in files("modelyard.migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            found[int(match[1])] = (file.name, file.read_text())
    return dict(sorted(found.items()))


async def migrate(database: Database) -> list[str]:
    """Applies what is missing, each file in its own transaction; the names of what was applied.

    Several processes may start at once: one applies, the others wait. Raises UnknownMigration when the
    database knows a migration that this program does not have.
    """
    async with database.connection() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        try:
            return await _apply(connection)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def is_current(database: Database) -> bool:
    """Whether every migration of this program has been applied."""
    async with database.connection() as connection:
        if await connection.fetchval("SELECT to_regclass('migrations')") is None:
            return False
        applied = {row["number"] for row in await connection.fetch("SELECT number FROM migrations")}
    return migrations().keys() <= applied


async def _apply(connection: Any) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, name text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    known = migrations()
    applied = {row["number"] for row in await connection.fetch("SELECT number FROM migrations")}
    if unknown := applied - known.keys():
        raise UnknownMigration(
            f"The database has migration {max(unknown)}, this program only knows up to {max(known)}:"
            " it was used by a newer Modelyard. Start that version or restore a backup."
        )
    done = []
    for number, (name, sql) in known.items():
        if number in applied:
            continue
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute("INSERT INTO migrations (number, name) VALUES ($1, $2)", number, name)
        log.info("migration applied", name=name)
        done.append(name)
    return done
