"""Copies of repositories that share object files with the original, and what killed processes leave.

An object file is never written in place, by git, by libgit2 or by us: all make a temporary file and rename
it. So two repositories can hold one file by two names, and removing one leaves the other whole.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pygit2
from pygit2.enums import SortMode

from modelyard.kit.errors import NotFound

UNCLAIMED = "modelyard.unclaimed"
NEW, COPY, GONE = ".new-", ".copy-", ".gone-"

# Why a file cannot have a second name here, though it can have a copy.
_UNLINKABLE = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


def fill(source: pygit2.Repository, tip: pygit2.Oid, target: pygit2.Repository) -> None:
    """Puts a commit with all that it reaches into a repository, durably, and nothing else of the source.

    Raises NotFound when the source vanishes meanwhile, OSError when the disk is full.
    """
    objects = Path(target.path) / "objects"
    try:
        packed = [key for key in reachable(source, tip) if not _share(Path(source.path), Path(target.path), key)]
        if packed:
            builder = pygit2.PackBuilder(source)
            for key in packed:
                builder.add(key)
            builder.write(str(objects / "pack"))
    except KeyError:
        raise NotFound("The files of this project are not there.") from None
    for folder in (*objects.iterdir(), objects):
        _sync(folder)


def reachable(repository: pygit2.Repository, tip: pygit2.Oid) -> Iterator[pygit2.Oid]:
    """The ids of a commit, its ancestors, and all their folders and files, each once."""
    met: set[pygit2.Oid] = set()
    for commit in repository.walk(tip, SortMode.NONE):
        yield commit.id
        yield from _below(commit.tree, met)


def put_in_place(building: Path, target: Path) -> None:
    """Gives a finished repository its name, durably, unless somebody else was faster."""
    _sync(building)
    try:
        building.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    _sync(target.parent)


def remove(repository: Path) -> None:
    """Removes a repository so that a crash leaves it whole or as a leftover, never as a torn one."""
    gone = repository.with_name(f"{GONE}{repository.name}-{os.getpid()}-{time.monotonic_ns()}")
    with suppress(FileNotFoundError):
        repository.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def unclaimed(root: Path, seconds: float) -> list[str]:
    """The projects whose copied repository nobody has claimed for so many seconds."""
    return [
        marker.parent.name.removesuffix(".git")
        for marker in root.glob(f"*.git/{UNCLAIMED}")
        if _is_older(marker, seconds)
    ]


def sweep(root: Path, seconds: float) -> list[str]:
    """Removes what killed processes left: half-made and half-removed repositories, half-written objects.

    Only what is older than so many seconds; the names of the removed folders.
    """
    left = [path for kind in (NEW, COPY, GONE) for path in root.glob(f"{kind}*") if _is_older(path, seconds)]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    for path in root.glob("*.git/objects/tmp_obj*"):
        if _is_older(path, seconds):
            path.unlink(missing_ok=True)
    return [path.name for path in left]


def _below(tree: pygit2.Tree, met: set[pygit2.Oid]) -> Iterator[pygit2.Oid]:
    if tree.id in met:
        return
    met.add(tree.id)
    yield tree.id
    for entry in tree:
        if isinstance(entry, pygit2.Tree):
            yield from _below(entry, met)
        elif isinstance(entry, pygit2.Blob) and entry.id not in met:
            met.add(entry.id)
            yield entry.id


def _share(source: Path, target: Path, key: pygit2.Oid) -> bool:
    """Gives a loose object a name in another repository; False when it is packed."""
    name = str(key)
    place = target / "objects" / name[:2] / name[2:]
    original = source / "objects" / name[:2] / name[2:]
    try:
        _link(original, place)
    except FileNotFoundError:
        if not original.exists():
            return False
        place.parent.mkdir(exist_ok=True)
        _link(original, place)
    return True


def _link(original: Path, place: Path) -> None:
    try:
        place.hardlink_to(original)
    except OSError as error:
        if error.errno not in _UNLINKABLE:
            raise
        with original.open("rb") as read, place.open("xb") as write:
            shutil.copyfileobj(read, write, 2**20)
            write.flush()
            os.fsync(write.fileno())
        place.chmod(0o444)


def _sync(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        return path.lstat().st_mtime < time.time() - seconds
    return False
