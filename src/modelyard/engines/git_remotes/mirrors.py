"""Mirrors on this machine's disk: their lock, their making, their repair."""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

# Nobody's branch, so that a clone of a mirror makes no branch of its own.
UNBORN_HEAD = "refs/heads/modelyard/none"
# A symbolic reference: the default branch at the last fetch that asked for it.
DEFAULT_BRANCH = "refs/modelyard/HEAD"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST_PAUSE = 0.25
_CONFIG = """[core]
\trepositoryformatversion = {version}
\tbare = true
[gc]
\treflogExpire = now
{extension}"""


class Mirrors:
    """The bare repositories `<root>/<repositoryId>.git` and the locks beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, repository_id: str) -> Path:
        """The place of a mirror; raises ValueError for what is no id."""
        if not _ID.fullmatch(repository_id):
            raise ValueError("A repository's id has letters, digits, '-' and '_' only.")
        return self.root / f"{repository_id}.git"

    @contextlib.asynccontextmanager
    async def locked(self, repository_id: str, *, alone: bool = True) -> AsyncIterator[int]:
        """Waits for a mirror, alone or shared with other readers; the lock's descriptor.

        A child that inherits the descriptor holds the lock too, so it is free only when all of them ended.
        """
        place = self.path(repository_id).with_suffix(".lock")
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        pause = 0.005
        while (descriptor := _try_lock(place, alone=alone)) is None:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def prepare(self, repository_id: str) -> Path:
        """The mirror, made when it is missing, free of what a killed git left. Only under the lock."""
        mirror = self.path(repository_id)
        if not (mirror / "HEAD").is_file() or not (mirror / "config").is_file():
            self.discard(repository_id)
            self.make().rename(mirror)
        else:
            _clear(mirror)
        return mirror

    def make(self, object_format: str = "sha1") -> Path:
        """A new, empty mirror under a name of its own; without git, which would take ten times as long."""
        building = Path(tempfile.mkdtemp(dir=self.root, prefix=".new-"))
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags", "refs/modelyard"):
            (building / folder).mkdir(parents=True)
        extended = object_format != "sha1"
        extension = f"[extensions]\n\tobjectFormat = {object_format}\n" if extended else ""
        (building / "config").write_text(_CONFIG.format(version=int(extended), extension=extension))
        (building / "HEAD").write_text(f"ref: {UNBORN_HEAD}\n")
        return building

    def replace(self, repository_id: str, building: Path) -> None:
        """Puts a new mirror in the place of a broken one. Only under the lock."""
        self.discard(repository_id)
        building.rename(self.path(repository_id))

    def discard(self, repository_id: str) -> None:
        """Removes a mirror. Only under the lock."""
        mirror = self.path(repository_id)
        if mirror.exists():
            # First out of the way in one step: nobody may find half a mirror.
            away = Path(tempfile.mkdtemp(dir=self.root, prefix=".old-"))
            mirror.rename(away / "mirror")
            shutil.rmtree(away, ignore_errors=True)

    def forget_lock(self, repository_id: str) -> None:
        """Removes the lock's file; who waits for it notices. Only under the lock."""
        self.path(repository_id).with_suffix(".lock").unlink(missing_ok=True)


def _try_lock(place: Path, *, alone: bool) -> int | None:
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        with contextlib.suppress(FileNotFoundError):
            # The file may have been removed while we opened it; then the lock is nobody's.
            if os.fstat(descriptor).st_ino == place.stat().st_ino:
                return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _clear(mirror: Path) -> None:
    """Removes what a killed git leaves: locks of references and files, and half-written objects."""
    for found in mirror.glob("*.lock"):
        found.unlink(missing_ok=True)
    for folder, _, names in os.walk(mirror / "refs"):
        for name in names:
            if name.endswith(".lock"):
                Path(folder, name).unlink(missing_ok=True)
    (mirror / "gc.pid").unlink(missing_ok=True)
    for pattern in ("objects/pack/tmp_*", "objects/pack/*.keep", "objects/??/tmp_obj_*", "objects/info/*.lock"):
        for found in mirror.glob(pattern):
            found.unlink(missing_ok=True)
    for found in mirror.glob("objects/tmp_objdir-*"):
        shutil.rmtree(found, ignore_errors=True)
    for found in mirror.glob("objects/incoming-*"):
        shutil.rmtree(found, ignore_errors=True)
