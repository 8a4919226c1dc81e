"""Notifications: heard while the connection lives, which is made anew when it ends or falls silent."""

import asyncio
import contextlib
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import pytest

from modelyard.kit import listening
from modelyard.kit.db import Database
from modelyard.kit.listening import listen


class Ears:
    """Notes what is heard."""

    def __init__(self) -> None:
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.began, self.lost = asyncio.Queue[None](), asyncio.Queue[None]()

    async def listen(self, dsn: str) -> None:
        """Listens to the channel `test`."""
        await listen(
            dsn,
            "test",
            self.said.put_nowait,
            began=lambda: self.began.put_nowait(None),
            lost=lambda: self.lost.put_nowait(None),
        )


@contextlib.asynccontextmanager
async def _listening(dsn: str):  # type: ignore[no-untyped-def]
    ears = Ears()
    task = asyncio.create_task(ears.listen(dsn))
    async with asyncio.timeout(30):
        await ears.began.get()
        yield ears
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _say(db: Database, text: str) -> None:
    await db.execute("SELECT pg_notify('test', $1)", text)


async def test_what_is_said_is_heard(db: Database, dsn: str) -> None:
    async with _listening(dsn) as ears:
        await _say(db, "one")
        await _say(db, "two")
        assert [await ears.said.get(), await ears.said.get()] == ["one", "two"]


async def test_a_connection_that_is_cut_is_made_anew(db: Database, dsn: str) -> None:
    async with _listening(dsn) as ears:
        await db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            " AND datname = current_database()"
        )
        await ears.lost.get()
        await ears.began.get()
        await _say(db, "after")
        assert await ears.said.get() == "after"


class Line:
    """A line to the server that can fall silent without being cut."""

    def __init__(self, dsn: str, folder: str) -> None:
        host = parse_qs(urlsplit(dsn).query)["host"][0]
        self._server = str(next(Path(host).glob(".s.PGSQL.*[0-9]")))
        self._folder = folder
        self.dsn = dsn.replace(host, folder)
        self.carries = asyncio.Event()
        self.carries.set()

    async def open(self) -> asyncio.Server:
        """Carries what comes."""
        return await asyncio.start_unix_server(self._carry, str(Path(self._folder) / Path(self._server).name))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_unix_connection(self._server)
        await asyncio.gather(self._pass(reader, behind_writer), self._pass(behind_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(2**16):
                await self.carries.wait()
                writer.write(piece)
        writer.close()


async def test_a_connection_that_has_fallen_silent_is_given_up(
    db: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PROBE_SECONDS", 0.2)
    with TemporaryDirectory(prefix="line-") as folder:
        line = Line(dsn, folder)
        async with await line.open(), _listening(line.dsn) as ears:
            line.carries.clear()
            await ears.lost.get()
            line.carries.set()
            await ears.began.get()
            await _say(db, "after")
            assert await ears.said.get() == "after"
