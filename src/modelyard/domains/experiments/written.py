"""What others do when a run is written to that versions of models were made from."""

from collections.abc import Awaitable, Callable

from modelyard.engines.tracker import TrackedRun
from modelyard.kit.db import Database

Follow = Callable[[Database, TrackedRun], Awaitable[None]]
_followers: list[Follow] = []


def on_registered_run_written(follow: Follow) -> Follow:
    """Registers what another domain does with such a run, before the client is answered."""
    _followers.append(follow)
    return follow


async def run_was_written(db: Database, run: TrackedRun) -> None:
    """Tells those who follow."""
    for follow in _followers:
        await follow(db, run)
