"""Dumps of a database and their way back, by the tools of the same wheel."""

import subprocess
from pathlib import Path

from modelyard.engines.postgres.embedded import BINARIES


class DumpError(Exception):
    """A dump could not be made or read; the message says why."""


def dump(dsn: str, file: Path) -> None:
    """Writes one consistent moment of a database to a file, in PostgreSQL's custom format."""
    _run("pg_dump", "--format=custom", "--no-owner", "--file", str(file), dsn)


def has_database(dsn: str) -> bool:
    """Whether there is a database at an address whose server answers."""
    words = [str(BINARIES / "psql"), "--no-psqlrc", "--command", "SELECT 1", dsn]
    return subprocess.run(words, check=False, capture_output=True).returncode == 0


def create_database(dsn: str, name: str) -> None:
    """Makes an empty database beside the one at an address."""
    _run("createdb", "--maintenance-db", dsn, name)


def restore(dsn: str, file: Path) -> None:
    """Fills an empty database from a dump, as a whole or not at all."""
    _run("pg_restore", "--single-transaction", "--no-owner", "--exit-on-error", "--dbname", dsn, str(file))


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run([str(BINARIES / program), *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        raise DumpError(f"{program} failed: {done.stderr.strip()}")
