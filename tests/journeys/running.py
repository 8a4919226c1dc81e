"""A real server in processes of its own, to be used, killed and started again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

START_SECONDS = 60
DONE_SECONDS = 90


class RunningServer:
    """`modelyard serve` on a home and a free port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server and waits until it is ready."""
        self.home.mkdir(exist_ok=True)
        (self.home / "server.json").unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELYARD_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "serve", "--home", str(self.home), "--port", "0"],
            env=environment,
            start_new_session=True,
            stderr=(self.home.parent / "serve.log").open("ab"),
        )
        wait_for((self.home / "server.json").exists, START_SECONDS, self.describe)

    @property
    def url(self) -> str:
        """Where it answers."""
        return str(json.loads((self.home / "server.json").read_text())["url"])

    @property
    def key(self) -> str:
        """The first administrator's API key."""
        return (self.home / "admin-api-key").read_text().strip()

    def stop(self) -> None:
        """Ends it as an administrator would."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(60) == 0

    def kill(self, *names: str) -> None:
        """Ends some of its processes by SIGKILL: supervisor, api, runner, postgres."""
        victims = [pid for name in names for pid in self.pids(name)]
        assert victims, f"nothing to kill of {names}"
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if "supervisor" in names and self._process is not None:
            self._process.wait(10)

    def pids(self, name: str) -> list[int]:
        """The processes of one part of this server."""
        assert self._process is not None
        if name == "supervisor":
            return [self._process.pid]
        if name == "postgres":
            return [int((self.home / "pg" / "postmaster.pid").read_text().split("\n", 1)[0])]
        children = psutil.Process(self._process.pid).children()
        return [child.pid for child in children if f"modelyard.{name}" in child.cmdline()]

    def http(self) -> httpx.Client:
        """A client with the administrator's key."""
        return httpx.Client(base_url=self.url, headers={"X-Domino-Api-Key": self.key}, timeout=30)

    def describe(self) -> str:
        """What its processes last said."""
        logs = [*self.home.glob("logs/*.log"), self.home.parent / "serve.log"]
        return "\n".join(f"{log.name}: {log.read_text()[-1500:]}" for log in logs if log.exists())


@contextlib.contextmanager
def running(home: Path) -> Iterator[RunningServer]:
    """A server that is ended with the block, whatever is left of it."""
    server = RunningServer(home)
    server.start()
    try:
        yield server
    finally:
        leftovers = server.pids("postgres") if (home / "pg" / "postmaster.pid").exists() else []
        process = server._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        for pid in leftovers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)


def wait_for(condition: Callable[[], Any], seconds: float, describe: Callable[[], str] = str) -> Any:
    """The first true value of a condition; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds} s in vain\n{describe()}"
        time.sleep(0.05)
