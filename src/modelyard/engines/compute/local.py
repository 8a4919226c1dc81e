"""Programs on this machine."""

import contextlib
import functools
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from modelyard.engines.compute import Exit, Mount, Program
from modelyard.engines.compute.machine import usable_cores
from modelyard.engines.compute.processes import RUN_MARK, carries_mark
from modelyard.engines.compute.sandbox import bubblewrap, wrapped
from modelyard.engines.compute.watch import Watched, Watcher, exit_code

# The shell above a program: it survives a polite stop of the group, so that the status is written down
# whoever is there to read it. What it starts gets the signals' default meaning back.
_PARENT = (
    "trap : TERM INT HUP; ulimit -c 0 2>/dev/null; echo 500 2>/dev/null >/proc/self/oom_score_adj;"
    ' folder=$1; shift; echo $$ >"$folder/pid"; "$@"; echo $? >"$folder/exit"'
)


class IsolationMissing(Exception):
    """Isolation is demanded and this machine cannot give it."""


class LocalCompute:
    """Programs as child processes in sessions of their own, inside bubblewrap where it works."""

    def __init__(self, isolation: str = "auto", network: str = "host") -> None:
        self._bubblewrap = bubblewrap() if isolation != "none" else None
        if isolation == "bubblewrap" and self._bubblewrap is None:
            raise IsolationMissing("job_isolation is bubblewrap, but bwrap is missing or does not work here.")
        self._network = network == "host"
        self._watcher = Watcher()
        self._used_cores: Counter[int] = Counter()

    @property
    def isolated(self) -> bool:
        """Whether programs see their mounts and nothing else of the host's private files."""
        return self._bubblewrap is not None

    def wrap(self, argv: Sequence[str], mounts: Sequence[Mount], working_dir: str) -> list[str]:
        """A command line that runs `argv` isolated, where this machine can."""
        if self._bubblewrap is None:
            return list(argv)
        return wrapped(self._bubblewrap, argv, mounts, working_dir, network=True, gpus=False)

    def start(self, program: Program) -> Watched:
        """Starts a program; raises OSError when it cannot be started."""
        program.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in ("pid", "exit"):
            (program.folder / leftover).unlink(missing_ok=True)
        cores = self._choose_cores(program.cores)
        with _appending(program.stdout) as out, _appending(program.stderr) as err, _bound_to(cores):
            child = subprocess.Popen(
                ["/bin/sh", "-c", _PARENT, "modelyard", str(program.folder), *self._command(program)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**program.environment, RUN_MARK: program.run_id},
                cwd="/" if self.isolated else program.working_dir,
                start_new_session=True,
            )
        return self._watched(program, child.pid, cores, child)

    def adopt(self, program: Program) -> Watched | Exit | None:
        """The program of a run's folder: alive, ended, or None when none was started there."""
        try:
            pid = int((program.folder / "pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        if carries_mark(pid, program.run_id):
            return self._watched(program, pid, [], None)
        code = exit_code(program.folder)
        return Exit(code=code, reason=None if code is not None else "lost")

    def _watched(
        self, program: Program, pid: int, cores: list[int], child: subprocess.Popen[bytes] | None
    ) -> Watched:
        self._used_cores.update(cores)
        release = functools.partial(self._used_cores.subtract, cores)
        return Watched(program, pid, child, self._watcher, release, isolated=self.isolated)

    def _command(self, program: Program) -> list[str]:
        if self._bubblewrap is None:
            return list(program.argv)
        return wrapped(
            self._bubblewrap,
            program.argv,
            program.mounts,
            program.working_dir,
            network=self._network,
            gpus=bool(program.gpus),
        )

    def _choose_cores(self, wanted: float | None) -> list[int]:
        """The least used cores of the machine, as many as the program may use; none on macOS."""
        if wanted is None or sys.platform != "linux":
            return []
        available = usable_cores()
        count = min(len(available), max(1, math.ceil(wanted)))
        return sorted(available, key=lambda core: (self._used_cores[core], core))[:count]


@contextlib.contextmanager
def _appending(path: Path) -> Iterator[int]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _bound_to(cores: list[int]) -> Iterator[None]:
    """What this thread starts in the block runs on these cores only."""
    if not cores or sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
