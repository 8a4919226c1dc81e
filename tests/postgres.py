"""A PostgreSQL server that lives as long as a test process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.engines.postgres import EmbeddedPostgres


@contextmanager
def throw_away_server(folder: Path) -> Iterator[str]:
    """A server with its data in `folder`; the URL has a `{database}` to fill in."""
    server = EmbeddedPostgres(folder)
    dsn = server.start()
    try:
        yield dsn.replace("@/modelyard?", "@/{database}?")
    finally:
        server.stop()
