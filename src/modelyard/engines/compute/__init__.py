"""Compute: programs started in a process group of their own, watched, limited, isolated and adopted.

User code never runs inside the platform's processes. A program outlives the runner that started it: its
output goes to files, its exit status is written down by a small shell above it, and a later runner adopts
it by the run's folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec


class Machine(msgspec.Struct, frozen=True):
    """What this machine has: whole cores, bytes of memory, number of GPUs."""

    cores: int
    memory_bytes: int
    gpus: int


class Mount(msgspec.Struct, frozen=True):
    """A folder of the host that an isolated program sees at `target`."""

    source: Path
    target: str
    writable: bool = False


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. Without isolation the mounts are not made, and paths must be those of the host."""

    run_id: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    working_dir: str
    folder: Path
    stdout: Path
    stderr: Path
    mounts: Sequence[Mount] = ()
    cores: float | None = None
    memory_bytes: int | None = None
    time_limit_seconds: float | None = None
    gpus: Sequence[int] = ()


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a program ended: its exit code, or why it has none; what it used."""

    code: int | None
    reason: str | None = None
    cpu_seconds: float = 0.0
    peak_memory_bytes: int = 0


class IsolationReport(msgspec.Struct, frozen=True):
    """What isolates programs here, and what does not, in words."""

    isolated: bool
    summary: str
    details: Sequence[str]


class Running(Protocol):
    """A program that has been started, by this runner or an earlier one."""

    async def wait(self) -> Exit:
        """How it ended, once it and all it started are gone."""
        ...

    def stop(self, grace_seconds: float) -> None:
        """Asks it to end, and forces it after the grace."""
        ...


class Compute(Protocol):
    """Where programs run."""

    @property
    def isolated(self) -> bool:
        """Whether programs see their mounts and nothing else of the host's private files."""
        ...

    def start(self, program: Program) -> Running:
        """Starts a program; raises OSError when it cannot be started."""
        ...

    def adopt(self, program: Program) -> Running | Exit | None:
        """The program of a run's folder: alive, ended, or None when none was started there."""
        ...

    def wrap(self, argv: Sequence[str], mounts: Sequence[Mount], working_dir: str) -> list[str]:
        """A command line that runs `argv` isolated, where this machine can."""
        ...
