"""What every process of the platform does alike: logs, signals, and ending with its supervisor."""

import asyncio
import os
import signal
import sys

from modelyard.kit.logging import configure_logging
from modelyard.settings import Settings

# The supervisor gives each child the reading end of a pipe that it holds open while it lives.
LIFELINE = "MODELYARD_LIFELINE_FD"
DATABASE_DSN = "MODELYARD_DSN"


def log_to_home(process: str, settings: Settings) -> None:
    """Sends the logs of a supervised process to a rotating file in the home, else to the terminal."""
    supervised = LIFELINE in os.environ
    configure_logging(
        process,
        level=settings.log_level,
        style=settings.log_format,
        file=settings.home_path / "logs" / f"{process}.log" if supervised else None,
        max_bytes=settings.log_max_bytes,
        files_kept=settings.log_files_kept,
    )


def stop_event() -> asyncio.Event:
    """An event that is set by SIGTERM, SIGINT or the end of the supervisor."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    lifeline = os.environ.get(LIFELINE)
    if lifeline:
        descriptor = int(lifeline)
        os.set_blocking(descriptor, False)
        loop.add_reader(descriptor, _ended, loop, descriptor, stop)
    return stop


def _ended(loop: asyncio.AbstractEventLoop, descriptor: int, stop: asyncio.Event) -> None:
    loop.remove_reader(descriptor)
    stop.set()


def fail(message: str) -> None:
    """Says why a process cannot start, and ends it."""
    print(f"modelyard: {message}", file=sys.stderr)
    raise SystemExit(2)
