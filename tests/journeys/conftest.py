"""A real server for journeys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.running import RunningServer, running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A fresh server."""
    with running(tmp_path / "home") as started:
        yield started
