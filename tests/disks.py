"""Disks that are really full, or that can do what the usual one cannot."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(place: Path, *arguments: str | Path) -> Iterator[Path]:
    """A file system at `place` during the block; the test is skipped where none can be mounted."""
    place.mkdir()
    try:
        done = subprocess.run(["mount", *arguments, place], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if done.returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def small_disk(place: Path, mebibytes: int = 2) -> Iterator[Path]:
    """A disk at `place` that is soon full."""
    with mounted(place, "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs") as disk:
        yield disk
