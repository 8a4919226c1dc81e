"""Replicas for tests, with and without isolation."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modelyard.engines.compute.local import LocalCompute
from modelyard.engines.compute.sandbox import bubblewrap
from tests.engines.serving.models import Yard

isolated_only = pytest.mark.skipif(bubblewrap() is None, reason="bubblewrap does not work on this machine")


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    """Replicas without isolation, in a folder whose path is short enough for sockets."""
    async for made in _yard("none"):
        yield made


@pytest.fixture(params=["none", pytest.param("auto", marks=isolated_only)])
async def any_yard(request: pytest.FixtureRequest) -> AsyncIterator[Yard]:
    """Replicas in each of the ways that this machine has."""
    async for made in _yard(request.param):
        yield made


async def _yard(isolation: str) -> AsyncIterator[Yard]:
    with tempfile.TemporaryDirectory(prefix="yard-") as folder:
        made = Yard(Path(folder), LocalCompute(isolation))
        try:
            yield made
        finally:
            await made.close()
