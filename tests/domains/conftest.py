"""A runner in this process, for tests that really build and run."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from modelyard.runner import run
from tests.client import Modelyard


@asynccontextmanager
async def running(modelyard: Modelyard, dsn: str) -> AsyncIterator[None]:
    """A runner on the home of an API, during the block."""
    stop = asyncio.Event()
    life = asyncio.create_task(run(modelyard.settings, dsn, stop))
    deadline = time.monotonic() + 30
    while not await modelyard.db.value("SELECT EXISTS (SELECT FROM nodes)"):
        assert not life.done(), life
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    yield
    stop.set()
    await life


@pytest.fixture
async def runner(modelyard: Modelyard, dsn: str) -> AsyncIterator[None]:
    """The runner of the test's home, until the test is over."""
    async with running(modelyard, dsn):
        yield
