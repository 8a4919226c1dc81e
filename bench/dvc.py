"""DVC as a peer: a fresh repository with one dataset in it, worked on by its own commands."""

import os
import shutil
import subprocess
from pathlib import Path

from bench.serving import clean_environment

MISSING = """\
DVC was not found: what is measured beside it is skipped. `python -m venv dvc && dvc/bin/pip install dvc` and
MODELYARD_BENCH_DVC=dvc/bin/dvc, or DVC on the path, have it measured."""


def program() -> Path | None:
    """DVC's program, named by MODELYARD_BENCH_DVC or on the path; nothing when there is none."""
    named = os.environ.get("MODELYARD_BENCH_DVC") or shutil.which("dvc")
    return Path(named).absolute() if named else None


class Repository:
    """A git repository of DVC's with its defaults, but that it asks nobody for news and reports nothing."""

    def __init__(self, dvc: Path, place: Path) -> None:
        self._dvc = dvc
        self._place = place
        # What it keeps beside its repositories goes to a folder that is removed with this one.
        self._environment = clean_environment() | {
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(place / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(place / "global"),
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.data = place / "repository/data"
        self.data.mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", self.data.parent], check=True, env=self._environment)
        self.run("init", "--quiet")
        self.run("config", "core.analytics", "false")
        self.run("config", "core.check_update", "false")

    def run(self, *words: str) -> None:
        """One of its commands; raises CalledProcessError with what it said."""
        command = [str(self._dvc), *words]
        subprocess.run(command, check=True, env=self._environment, cwd=self.data.parent, capture_output=True)

    def add(self) -> None:
        """Has it take the dataset as it is now."""
        self.run("add", "--quiet", "data")

    def status(self) -> None:
        """Has it look for changes, and take nothing; its fastest command that notices them."""
        self.run("status", "--quiet", "data.dvc")

    def nothing(self) -> None:
        """Has it start and end."""
        self.run("root")

    @property
    def cache(self) -> Path:
        """Where it keeps contents."""
        return self.data.parent / ".dvc/cache"
