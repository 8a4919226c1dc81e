"""One real PostgreSQL for a test process; a database of its own for every test."""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from modelyard.engines.tracker.place import TrackerPlace
from modelyard.kit.db import Database, Executor, connect
from modelyard.kit.migrations import migrate
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.engines.git_remotes.certificates import make_certificate
from tests.postgres import throw_away_server
from tests.tracker import database, lend, throw_away_tracker

Cost = Callable[[Awaitable[Any]], Awaitable[int]]

_numbers = itertools.count()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Gives the run a temporary folder of its own: pytest's shared one would be closed by the next run's start.

    As root PostgreSQL runs as another account, which then could not reach its files any more.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="modelyard-tests-")
        config.option.basetemp = str(Path(folder) / "run")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server, without a database name."""
    with throw_away_server(tmp_path_factory.mktemp("pg")) as url:
        yield url


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database with all migrations applied."""

    async def build() -> None:
        admin = await asyncpg.connect(postgres.format(database="postgres"))
        await admin.execute("CREATE DATABASE template_modelyard")
        await admin.close()
        database = await connect(postgres.format(database="template_modelyard"))
        await migrate(database)
        await database.close()

    asyncio.run(build())
    return "template_modelyard"


@pytest.fixture
async def dsn(postgres: str, template: str) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = await asyncpg.connect(postgres.format(database="postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield postgres.format(database=name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    """The fresh database, connected."""
    database = await connect(dsn, max_size=4)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for servers on this machine, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a throw-away home."""
    home = tmp_path / "home"
    home.mkdir()
    return Settings(home=str(home))


@pytest.fixture(scope="session")
def tracker_server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackerPlace]:
    """The tracker that the tests of a process share: what is in it belongs to the projects of one test each."""
    home = tmp_path_factory.mktemp("tracker") / "home"
    with throw_away_tracker(home, database(postgres)) as place:
        yield place


@pytest.fixture
def tracking(settings: Settings, tracker_server: TrackerPlace) -> None:
    """Lets the test's home keep runs, logged models and artifacts."""
    lend(tracker_server, settings.home_path)


@pytest.fixture
async def modelyard(settings: Settings, dsn: str) -> AsyncIterator[Modelyard]:
    """The API over the fresh database, in this process, without a runner."""
    async with Modelyard.over(settings, dsn) as running:
        yield running


@pytest.fixture
async def admin(modelyard: Modelyard) -> Person:
    """The first administrator."""
    return await modelyard.administrator()


@pytest.fixture
async def ada(modelyard: Modelyard) -> Person:
    """A practitioner."""
    return await modelyard.person("ada")


@pytest.fixture
async def bob(modelyard: Modelyard) -> Person:
    """Another practitioner."""
    return await modelyard.person("bob")


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> Cost:
    """How many statements something runs: `await cost(ada.get(...))`.

    A key's first use within a minute notes that it was used: who is counted has asked before.
    """
    statements: list[str] = []
    run = Executor._run

    async def counted(self: Executor, method: Any, sql: str, args: Any) -> Any:
        statements.append(sql)
        return await run(self, method, sql, args)

    async def measure(request: Awaitable[Any]) -> int:
        statements.clear()
        await request
        return len(statements)

    monkeypatch.setattr(Executor, "_run", counted)
    return measure
