"""The processes that the supervisor keeps: from the start, or from their first use."""

import asyncio
import contextlib
import socket
import sys
import time

import structlog

from modelyard.engines.tracker.place import LISTENER, TrackerPlace, TrackerState
from modelyard.process import LIFELINE

log = structlog.get_logger()

STOP_SECONDS = 30.0
BACKLOG = 256


class Child:
    """One supervised process; it is started again, with growing pauses, whenever it ends by itself."""

    def __init__(self, name: str, module: str, environment: dict[str, str], lifeline: int) -> None:
        self.name = name
        self._module = module
        self._environment = environment | {LIFELINE: str(lifeline)}
        self._descriptors = [lifeline]
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Runs the process for ever, until cancelled."""
        pause = 0.2
        while True:
            began = time.monotonic()
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # nothing is imported from the folder that the server happens to be started in
                "-m",
                self._module,
                env=self._environment,
                pass_fds=self._descriptors,
                start_new_session=True,
            )
            code = await self._process.wait()
            self._ended()
            pause = 0.2 if time.monotonic() - began > 10 else min(pause * 2, 10.0)
            log.error("a process ended and is started again", name=self.name, code=code, seconds=pause)
            await asyncio.sleep(pause)

    def _ended(self) -> None:
        """What is noted when the process has ended by itself."""

    async def stop(self) -> None:
        """Asks the process to end, and forces it when it does not."""
        if self._process is None or self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


class OnDemand(Child):
    """The tracker, started when somebody first connects to its socket.

    The supervisor listens and hands the listening socket down: whoever connects while the process is
    not there yet, or is started again, waits and is served.
    """

    def __init__(
        self, name: str, module: str, environment: dict[str, str], lifeline: int, place: TrackerPlace
    ) -> None:
        self._place = place
        self._listener = _listen(place)
        super().__init__(name, module, environment | {LISTENER: str(self._listener.fileno())}, lifeline)
        self._descriptors.append(self._listener.fileno())

    async def keep(self) -> None:
        """Waits for the first connection, then runs the process for ever, until cancelled."""
        await _readable(self._listener)
        self._place.note(TrackerState.STARTING)
        await super().keep()

    def _ended(self) -> None:
        self._place.note(TrackerState.RESTARTING)

    async def stop(self) -> None:
        """Ends the process, and nobody can connect any more."""
        await super().stop()
        self._listener.close()
        self._place.socket.unlink(missing_ok=True)
        self._place.note(TrackerState.IDLE)


def _listen(place: TrackerPlace) -> socket.socket:
    place.prepare()
    place.socket.unlink(missing_ok=True)
    place.note(TrackerState.IDLE)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(place.socket))
    place.socket.chmod(0o600)
    listener.listen(BACKLOG)
    return listener


async def _readable(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(listener, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listener)
