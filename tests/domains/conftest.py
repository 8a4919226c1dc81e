"""A runner in this process, for tests that really build and run."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from modelyard.runner import run
from modelyard.settings import Settings
from tests.client import Modelyard


@pytest.fixture
async def runner(modelyard: Modelyard, settings: Settings, dsn: str) -> AsyncIterator[None]:
    """The runner of the test's home, until the test is over."""
    stop = asyncio.Event()
    life = asyncio.create_task(run(settings, dsn, stop))
    deadline = time.monotonic() + 30
    while not await modelyard.db.value("SELECT EXISTS (SELECT FROM nodes)"):
        assert not life.done(), life
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    yield
    stop.set()
    await life
