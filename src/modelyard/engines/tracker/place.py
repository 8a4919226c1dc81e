"""Where the tracker has its things in a home: its socket, its artifacts, and what is known of its state."""

import os
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from modelyard.kit.sockets import socket_folder

# The variable that tells the tracker the descriptor of its listening socket, which outlives its process.
LISTENER = "MODELYARD_TRACKER_FD"
# The name that the tracker is called by, whatever a request was for: MLflow refuses other hosts.
HOST = "tracker"
_DATABASE_SUFFIX = "_tracker"


class TrackerState(StrEnum):
    """What the tracker is at the moment; it is started by its first use."""

    IDLE = "idle"
    STARTING = "starting"
    UP = "up"
    RESTARTING = "restarting"


class _Record(msgspec.Struct):
    state: TrackerState


class TrackerPlace:
    """The tracker's folder in a home, mode 0700."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "mlflow"
        self.artifacts = self.folder / "artifacts"
        self.socket = socket_folder(self.folder) / "socket"
        self._state = self.folder / "state.json"

    def prepare(self) -> None:
        """Makes the folders."""
        for folder in (self.folder, self.artifacts, self.socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def state(self) -> TrackerState:
        """What the supervisor last noted."""
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=_Record).state
        except (OSError, msgspec.DecodeError):
            return TrackerState.IDLE

    def note(self, state: TrackerState) -> None:
        """Notes a state for all processes of the home."""
        fresh = self._state.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(msgspec.json.encode(_Record(state)))
        fresh.replace(self._state)


def tracker_database(dsn: str) -> str:
    """The name of the tracker's database; `dsn` is the platform's."""
    return urlsplit(tracker_dsn(dsn)).path.lstrip("/")


def tracker_dsn(dsn: str) -> str:
    """The URL of the tracker's database: beside the platform's, at `dsn`, on the same server."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(path=parts.path + _DATABASE_SUFFIX))
