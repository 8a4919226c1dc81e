"""Point reads and lists of 25 into structs: this project's `Database` beside `sqlspec`, interleaved.

`uv run --with sqlspec==0.69.0 --with-editable . python -m bench.decisions.database_access`
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from bench.serving import table
from modelyard.engines.postgres import EmbeddedPostgres
from modelyard.kit.db import connect

ROUNDS, READS = 7, 400


class Item(msgspec.Struct):
    """A row."""

    id: int
    name: str
    note: str


ONE = "SELECT id, name, note FROM items WHERE id = $1"
MANY = "SELECT id, name, note FROM items WHERE id > $1 ORDER BY id LIMIT 25"


async def compare(dsn: str) -> None:
    """Prints medians of microseconds a read."""
    from sqlspec import SQLSpec  # type: ignore[import-not-found]  # noqa: PLC0415 - only here, if at all
    from sqlspec.adapters.asyncpg import AsyncpgConfig  # type: ignore[import-not-found]  # noqa: PLC0415

    database = await connect(dsn)
    await database.execute(
        "CREATE TABLE items AS SELECT n AS id, 'n' || n AS name, '' AS note FROM generate_series(1, 10000) n"
    )
    await database.execute("CREATE UNIQUE INDEX ON items (id)")
    spec = SQLSpec()
    config = spec.add_config(AsyncpgConfig(connection_config={"dsn": dsn}))

    async def their_one() -> object:
        async with spec.provide_session(config) as session:
            return await session.select_one(ONE, 77, schema_type=Item)

    async def their_many() -> object:
        async with spec.provide_session(config) as session:
            return await session.select(MANY, 77, schema_type=Item)

    reads: dict[str, Callable[[], Awaitable[object]]] = {
        "point read, ours": lambda: database.row(Item, ONE, 77),
        "point read, sqlspec": their_one,
        "list of 25, ours": lambda: database.rows(Item, MANY, 77),
        "list of 25, sqlspec": their_many,
    }
    times: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(ROUNDS):
        for name, read in reads.items():
            began = time.perf_counter()
            for _ in range(READS):
                await read()
            times[name].append((time.perf_counter() - began) / READS * 1e6)
    table(
        "Database access",
        [("what", "microseconds"), *((n, f"{statistics.median(t):.0f}") for n, t in times.items())],
    )
    await database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            asyncio.run(compare(server.start()))
        finally:
            server.stop()
