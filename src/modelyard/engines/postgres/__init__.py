"""PostgreSQL: the embedded server that the platform brings along, and dumps of any server."""

from modelyard.engines.postgres.dumps import DumpError, create_database, dump, has_database, restore
from modelyard.engines.postgres.embedded import EmbeddedPostgres, PostgresError

__all__ = ["DumpError", "EmbeddedPostgres", "PostgresError", "create_database", "dump", "has_database", "restore"]
