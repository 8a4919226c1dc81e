"""PostgreSQL through asyncpg: a pool for reads, transactions for changes, rows as typed structs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
import msgspec

from modelyard.kit.errors import BadRequest, Unavailable

T = TypeVar("T")

_AWAY = "The database is away for the moment; try again."

# A missing socket file is how an absent server shows itself.
LOST = (
    ConnectionError,
    FileNotFoundError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
# What an open connection says when its server goes away; the last one, when that was in the middle of an answer.
_BROKEN_OFF = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)


class Executor:
    """Something that runs SQL: the database (each statement by itself) or a transaction.

    Columns are named as the fields of the struct they fill.
    """

    _target: Any

    async def rows(self, row_type: type[T], sql: str, *args: object) -> list[T]:
        """All rows of a query, each as a `row_type`."""
        return [row_type(**record) for record in await self._run(self._target.fetch, sql, args)]

    async def row(self, row_type: type[T], sql: str, *args: object) -> T | None:
        """The first row of a query as a `row_type`, or None."""
        record = await self._run(self._target.fetchrow, sql, args)
        return None if record is None else row_type(**record)

    async def value(self, sql: str, *args: object) -> Any:
        """The first column of the first row, or None."""
        return await self._run(self._target.fetchval, sql, args)

    async def values(self, sql: str, *args: object) -> list[Any]:
        """The first column of every row."""
        return [record[0] for record in await self._run(self._target.fetch, sql, args)]

    async def execute(self, sql: str, *args: object) -> int:
        """Runs a statement; the number of rows it touched."""
        status: str = await self._run(self._target.execute, sql, args)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def _run(self, method: Callable[..., Awaitable[Any]], sql: str, args: tuple[object, ...]) -> Any:
        try:
            return await method(sql, *args)
        except (*LOST, *_BROKEN_OFF) as error:
            raise Unavailable(_AWAY) from error
        except asyncpg.InterfaceError as error:
            if _is_closed(error):
                raise Unavailable(_AWAY) from error
            raise
        except asyncpg.DataError as error:
            raise BadRequest(f"A value cannot be stored: {error}.") from error


class Transaction(Executor):
    """One open transaction; only the code that opened it ends it."""

    def __init__(self, connection: Any) -> None:
        self._target = connection


class Database(Executor):
    """The pool. Statements given to it run by themselves; changes belong into `transaction()`."""

    def __init__(self, pool: Any) -> None:
        self._target = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A transaction that commits when the block ends well and rolls back when it does not.

        Raises Unavailable when the database went away before its end, which then may have come about or not.
        """
        async with self.connection() as connection:
            try:
                async with connection.transaction():
                    yield Transaction(connection)
            except _BROKEN_OFF as error:
                raise Unavailable(_AWAY) from error
            except asyncpg.InterfaceError as error:
                if _is_closed(error):
                    raise Unavailable(_AWAY) from error
                raise

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A raw connection, for LISTEN, COPY and advisory locks."""
        try:
            connection = await self._target.acquire()
        except LOST as error:
            raise Unavailable(_AWAY) from error
        try:
            yield connection
        finally:
            await self._target.release(connection)

    async def close(self) -> None:
        """Waits for running statements, then closes all connections."""
        try:
            await asyncio.wait_for(self._target.close(), 5)
        except TimeoutError:
            self._target.terminate()


def _is_closed(error: asyncpg.InterfaceError) -> bool:
    """Whether a connection or the pool is closed, or closing."""
    return "clos" in str(error)


async def connect(dsn: str, *, min_size: int = 1, max_size: int = 10) -> Database:
    """Opens the pool; raises Unavailable when no server answers at `dsn`."""
    try:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=min_size,
            max_size=max_size,
            init=prepare_connection,
            reset=_leave,
            timeout=10,
            command_timeout=60,
            max_inactive_connection_lifetime=300,
        )
    except LOST as error:
        raise Unavailable(f"No PostgreSQL server answers: {type(error).__name__}.") from error
    return Database(pool)


async def _leave(_: Any) -> None:
    """Spares a round trip at every release: nothing here leaves settings, cursors or locks on a connection."""


async def prepare_connection(connection: Any) -> None:
    """Makes jsonb columns Python values, both ways."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )
