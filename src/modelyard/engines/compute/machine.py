"""What this machine has."""

import os
import shutil
import subprocess
import sys
from functools import cache

import psutil

from modelyard.engines.compute import Machine


@cache
def machine() -> Machine:
    """Cores that this process may use, memory, and GPUs that nvidia-smi finds."""
    return Machine(cores=len(usable_cores()), memory_bytes=_memory(), gpus=_gpus())


def usable_cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _memory() -> int:
    """Physical memory, or less where a container's limit says so."""
    total = int(psutil.virtual_memory().total)
    try:
        with open("/sys/fs/cgroup/memory.max") as file:  # noqa: PTH123 - a kernel interface
            return min(total, int(file.read()))
    except (OSError, ValueError):
        return total


def _gpus() -> int:
    program = shutil.which("nvidia-smi")
    if not program:
        return 0
    try:
        done = subprocess.run([program, "--list-gpus"], check=False, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(1 for line in done.stdout.splitlines() if line.startswith("GPU ")) if done.returncode == 0 else 0
