"""A real tracker that lives as long as a test process."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from modelyard.engines.tracker.place import LISTENER, TrackerPlace, TrackerState
from modelyard.process import DATABASE_DSN

START_SECONDS = 120


@contextmanager
def throw_away_tracker(home: Path, dsn: str) -> Iterator[TrackerPlace]:
    """MLflow's server with its files in `home`, over a database beside the one at `dsn`."""
    home.mkdir()
    place = TrackerPlace(home)
    place.prepare()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(place.socket))
        listener.listen()
        child = subprocess.Popen(
            [sys.executable, "-m", "modelyard.tracker"],
            env=os.environ | {LISTENER: str(listener.fileno()), DATABASE_DSN: dsn, "MODELYARD_HOME": str(home)},
            pass_fds=[listener.fileno()],
            stderr=(home / "tracker.log").open("wb"),
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while place.state != TrackerState.UP:
                assert child.poll() is None, (home / "tracker.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield place
        finally:
            child.terminate()
            child.wait(30)


def lend(tracker: TrackerPlace, home: Path) -> None:
    """Lets a home use the tracker of the test process as its own."""
    place = TrackerPlace(home)
    place.prepare()
    place.socket.symlink_to(tracker.socket)
    place.artifacts.rmdir()
    place.artifacts.symlink_to(tracker.artifacts)


async def _create(url: str, name: str) -> None:
    admin = await asyncpg.connect(url.format(database="postgres"))
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()


def database(url: str) -> str:
    """The URL of an empty database, beside which the tracker makes its own."""
    asyncio.run(_create(url, "platform"))
    return url.format(database="platform")
