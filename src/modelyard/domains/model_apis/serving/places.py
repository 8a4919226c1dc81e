"""Where the files of versions and replicas lie on this machine."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from modelyard.engines.git import GitStore
from modelyard.engines.tracker import Artifacts
from modelyard.kit.ids import new_id
from modelyard.kit.sockets import socket_folder

# What a replica has in its folder besides its log, while it lives.
SOCKETS = "sockets"
_PASSING = ("tmp", SOCKETS)
_PASSING_FILES = ("worker.json", "pid", "exit")


class VersionPlace:
    """The folder of a version: `work` has the project's files, `model` those of a registered model."""

    def __init__(self, models: Path, version_id: str) -> None:
        self.folder = models / version_id
        self.work = self.folder / "work"
        self.model = self.folder / "model"

    def check_out(
        self, git: GitStore, project_id: str, commit_id: str, without: Sequence[str], *, anew: bool
    ) -> None:
        """Has the files of a commit in `work`, as a whole or not at all; `anew` whatever is there. Blocks."""
        if self.work.exists() and not anew:
            return
        shutil.rmtree(self.work, ignore_errors=True)
        fresh = self._fresh()
        git.checkout(project_id, commit_id, fresh, without=without)
        fresh.rename(self.work)

    def copy_model(self, artifacts: Artifacts, location: str, *, link: bool) -> int:
        """Has the files of a registered model in `model`, as a whole or not at all; how many there are. Blocks."""
        fresh = self._fresh()
        count = artifacts.copy(location, fresh, link=link)
        shutil.rmtree(self.model, ignore_errors=True)
        fresh.rename(self.model)
        return count

    def clean(self) -> None:
        """Removes what is made again at the next start. Blocks."""
        shutil.rmtree(self.work, ignore_errors=True)
        self._sweep()

    def remove(self) -> None:
        """Removes all. Blocks."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _fresh(self) -> Path:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f".new-{new_id()}"

    def _sweep(self) -> None:
        """Removes what was left half-made."""
        for left in self.folder.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)


class ReplicaPlace:
    """The folder of a replica; its log stays when it has ended."""

    def __init__(self, runs: Path, replica_id: str) -> None:
        self.folder = runs / replica_id
        self.sockets = socket_folder(self.folder / SOCKETS)
        self.stdout, self.stderr = (self.folder / "log" / name for name in ("stdout", "stderr"))

    def clean(self) -> None:
        """Removes what only the living replica needed. Blocks."""
        shutil.rmtree(self.sockets, ignore_errors=True)
        for name in _PASSING:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in _PASSING_FILES:
            (self.folder / name).unlink(missing_ok=True)

    def remove(self) -> None:
        """Removes all, the log too. Blocks."""
        shutil.rmtree(self.folder, ignore_errors=True)
