"""Start of the whole platform on a warm home, and its memory."""

import statistics
import tempfile
from pathlib import Path

import psutil

from bench.serving import modelyard, table

RUNS = 5


def measure() -> None:
    """Starts the platform several times on one home."""
    with tempfile.TemporaryDirectory() as folder:
        with modelyard(Path(folder)) as first:
            cold = first.start_seconds
        warm, memory = [], []
        for _ in range(RUNS):
            with modelyard(Path(folder)) as server:
                warm.append(server.start_seconds)
                server.json("GET", "/api/users/v1/self")
                memory.append(_memory(server.pid))
    table(
        "Start until ready, and memory",
        [
            ("what", "measured", "budget"),
            ("first start, empty home", f"{cold:.2f} s", ""),
            (f"start, warm home (median of {RUNS})", f"{statistics.median(warm):.2f} s", "1.5 s"),
            ("API and runner, proportional set size", f"{statistics.median(memory) / 2**20:.0f} MB", "150 MB"),
        ],
    )


def _memory(supervisor: int) -> float:
    children = psutil.Process(supervisor).children()
    ours = [child for child in children if {"modelyard.api", "modelyard.runner"} & set(child.cmdline())]
    return sum(child.memory_full_info().pss for child in ours)
