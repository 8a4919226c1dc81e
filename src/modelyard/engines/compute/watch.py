"""Watching programs: their end, their limits, their memory; one look at all processes serves every run."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from modelyard.engines.compute import Exit, Program
from modelyard.engines.compute.processes import Seen, carries_mark, marked, picture, send, tree

LOOK_SECONDS = 0.25
TERM_GRACE_SECONDS = 5.0


def exit_code(folder: Path) -> int | None:
    """The exit code that the shell above a program wrote down, or None."""
    try:
        text = (folder / "exit").read_text()
    except FileNotFoundError:
        return None
    return int(text) if text.endswith("\n") else None


class Watcher:
    """Takes one picture of all processes every quarter of a second while any program is watched."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, watched: "Watched") -> None:
        """Begins to watch a program."""
        self._watched.add(watched)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())

    def remove(self, watched: "Watched") -> None:
        """Ends watching a program."""
        self._watched.discard(watched)

    async def _look(self) -> None:
        while self._watched:
            await asyncio.sleep(LOOK_SECONDS)
            seen = await asyncio.to_thread(picture)
            for watched in list(self._watched):
                watched.look(seen)


class Watched:
    """One program: `wait()` for its end, `stop()` it."""

    def __init__(
        self,
        program: Program,
        pid: int,
        child: subprocess.Popen[bytes] | None,
        watcher: Watcher,
        released: Callable[[], None],
        *,
        isolated: bool,
    ) -> None:
        self._program = program
        self._isolated = isolated
        self._pid = pid
        self._child = child
        self._watcher = watcher
        self._released = released
        self._reason: str | None = None
        self._cpu = 0.0
        self._peak = 0
        self._began = time.monotonic()
        self._forced: asyncio.TimerHandle | None = None
        watcher.add(self)

    @property
    def pid(self) -> int:
        """The pid of the shell above the program, which is also its session."""
        return self._pid

    async def wait(self) -> Exit:
        """How it ended, once it and all it started are gone."""
        try:
            await self._ended()
        finally:
            self._watcher.remove(self)
            if self._forced:
                self._forced.cancel()
        self._sweep()
        self._reap()
        self._released()
        code = exit_code(self._program.folder)
        if code is None and self._reason is None:
            self._reason = "lost"
        return Exit(code=code, reason=self._reason, cpu_seconds=self._cpu, peak_memory_bytes=self._peak)

    def stop(self, grace_seconds: float, reason: str = "stopped") -> None:
        """Asks it to end, and forces it after the grace."""
        if self._forced is not None:
            return
        self._reason = self._reason or reason
        send(self._politely_stoppable(), signal.SIGTERM)
        self._forced = asyncio.get_running_loop().call_later(grace_seconds, self.kill)

    def kill(self) -> None:
        """Ends it and all it started at once."""
        processes = tree(picture(), self._pid)
        send((process.pid for process in processes), signal.SIGKILL)

    def look(self, seen: dict[int, Seen]) -> None:
        """Takes what it uses from a picture of all processes, and enforces its limits."""
        processes = tree(seen, self._pid)
        memory = sum(process.memory_bytes for process in processes)
        self._peak = max(self._peak, memory)
        self._cpu = max(self._cpu, sum(process.cpu_seconds for process in processes))
        limit = self._program.memory_bytes
        if limit is not None and memory > limit and self._reason is None:
            used, allowed = memory / 2**20, limit / 2**20
            self._reason = f"It used {used:,.0f} MiB of memory; its tier allows {allowed:,.0f} MiB."
            send((process.pid for process in processes), signal.SIGKILL)
        seconds = self._program.time_limit_seconds
        if seconds is not None and time.monotonic() - self._began > seconds and self._reason is None:
            self.stop(TERM_GRACE_SECONDS, f"It ran longer than the {seconds:,.0f} seconds allowed.")

    def _politely_stoppable(self) -> list[int]:
        # The shell and bubblewrap must live on to pass the exit status up.
        return [
            process.pid
            for process in tree(picture(), self._pid)
            if process.pid != self._pid and process.name != "bwrap"
        ]

    async def _ended(self) -> None:
        if sys.platform == "linux":
            try:
                descriptor = os.pidfd_open(self._pid)
            except ProcessLookupError:
                return
            loop, ended = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(descriptor, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(descriptor)
                os.close(descriptor)
        else:
            while self._is_alive():  # noqa: ASYNC110 - the system tells nobody
                await asyncio.sleep(0.05)

    def _is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return carries_mark(self._pid, self._program.run_id)

    def _sweep(self) -> None:
        """Ends what the program left behind, also when it went into a session of its own.

        Inside bubblewrap nothing can be left: its process namespace ended with it.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        if not self._isolated:
            send(marked(self._program.run_id, since=self._pid), signal.SIGKILL)

    def _reap(self) -> None:
        if self._child is None:
            return
        with contextlib.suppress(ChildProcessError):
            _, status, usage = os.wait4(self._pid, 0)
            self._child.returncode = os.waitstatus_to_exitcode(status)
            self._cpu = max(self._cpu, usage.ru_utime + usage.ru_stime)
            unit = 1 if sys.platform == "darwin" else 1024
            # What Linux reports begins with the runner's own size at the fork; a look is better.
            self._peak = self._peak or usage.ru_maxrss * unit
