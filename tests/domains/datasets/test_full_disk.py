"""A disk that is really full: a chunk that does not fit is refused, and the upload goes on when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.settings import Settings
from tests.client import Person
from tests.disks import small_disk
from tests.domains.datasets.test_uploads import chunk, live, send, start, uploads

__all__ = ["live", "uploads"]


@pytest.fixture
def settings(settings: Settings) -> Iterator[Settings]:
    """A home whose datasets lie on a disk of 2 MiB."""
    with small_disk(settings.home_path / "datasets"):
        yield settings


async def test_a_chunk_that_does_not_fit_changes_nothing(
    ada: Person,
    uploads: str,
    live: Path,
    settings: Settings,
) -> None:
    key = await start(ada, uploads)
    await send(ada, uploads, key, "small", b"x")
    for size in (2**21, 3 * 2**19):
        refused = await chunk(ada, uploads, key, "large", bytes(2**21), 1, size)
        assert refused.status_code == 503
        assert "disk is full" in refused.json()["message"]
        assert str(settings.home_path) not in refused.text
    assert list(live.iterdir()) == []
    await ada.get(f"{uploads}/cancel/{key}")
    key = await start(ada, uploads)
    await send(ada, uploads, key, "fits", bytes(2**20), 2**19)
    assert (await ada.get(f"{uploads}/end/{key}"))["bytes"] == 2**20
