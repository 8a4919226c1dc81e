"""Looking at processes: one picture of all of them, and which belong to a run."""

import contextlib
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Iterable

import msgspec
import psutil

RUN_MARK = "MODELYARD_RUN_ID"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


class Seen(msgspec.Struct, frozen=True):
    """One process at one moment."""

    pid: int
    parent: int
    session: int
    name: str
    memory_bytes: int
    cpu_seconds: float


def picture() -> dict[int, Seen]:
    """Every process that can be seen, by its pid."""
    return _linux() if sys.platform == "linux" else _portable()


def tree(seen: dict[int, Seen], root: int) -> list[Seen]:
    """The process `root`, all that descend from it, and all of its session."""
    children: dict[int, list[Seen]] = defaultdict(list)
    for process in seen.values():
        children[process.parent].append(process)
    found = {process.pid: process for process in seen.values() if root in (process.pid, process.session)}
    todo = list(found.values())
    while todo:
        for child in children[todo.pop().pid]:
            if child.pid not in found:
                found[child.pid] = child
                todo.append(child)
    return list(found.values())


def marked(run_id: str, since: int) -> list[int]:
    """The processes that carry a run's mark in their environment, wherever they have gone.

    Only processes started after the process `since` are looked at, unless pids have wrapped around.
    """
    pids = psutil.pids()
    wrapped = max(pids) < since or _newest_pid() < since
    return [pid for pid in pids if (wrapped or pid > since) and pid != since and carries_mark(pid, run_id)]


def carries_mark(pid: int, run_id: str) -> bool:
    """Whether a living process was started as part of a run."""
    try:
        if sys.platform == "linux":
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - a kernel interface
                return f"{RUN_MARK}={run_id}".encode() in file.read().split(b"\0")
        return bool(psutil.Process(pid).environ().get(RUN_MARK) == run_id)
    except (OSError, psutil.Error):
        return False


def _newest_pid() -> int:
    try:
        with open("/proc/loadavg") as file:  # noqa: PTH123 - a kernel interface
            return int(file.read().split()[-1])
    except (OSError, ValueError):
        return 0


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Sends a signal to processes; those that are gone are passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _linux() -> dict[int, Seen]:
    seen = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names only, often
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123 - a kernel interface
                head, _, tail = file.read().rpartition(b")")
        except OSError:
            continue
        fields = tail.split()
        if fields[0] == b"Z":
            continue
        name = head.partition(b"(")[2].decode("utf-8", "replace")
        cpu = (int(fields[11]) + int(fields[12])) / _TICK
        pid = int(entry)
        seen[pid] = Seen(pid, int(fields[1]), int(fields[3]), name, int(fields[21]) * _PAGE, cpu)
    return seen


def _portable() -> dict[int, Seen]:
    seen = {}
    for process in psutil.process_iter(["pid", "ppid", "name", "memory_info", "cpu_times"]):
        info = process.info
        with contextlib.suppress(OSError):
            memory = info["memory_info"].rss if info["memory_info"] else 0
            times = info["cpu_times"]
            cpu = times.user + times.system if times else 0.0
            session = os.getsid(info["pid"])
            seen[info["pid"]] = Seen(info["pid"], info["ppid"] or 0, session, info["name"] or "", memory, cpu)
    return seen
