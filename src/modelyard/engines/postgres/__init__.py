"""PostgreSQL: the embedded server that the platform brings along, and dumps of any server."""

from modelyard.engines.postgres.dumps import DumpError, dump, restore
from modelyard.engines.postgres.embedded import EmbeddedPostgres, PostgresError

__all__ = ["DumpError", "EmbeddedPostgres", "PostgresError", "dump", "restore"]
