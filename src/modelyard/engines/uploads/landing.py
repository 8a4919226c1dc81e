"""How received files get into the live folder, so that a crash leaves nothing half done.

The bytes are made durable, then `commit.json` says which file goes where: from then on the upload happens,
whoever carries it out. Every move is one rename, and one that was made before is not made again.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path

import msgspec

from modelyard.engines.uploads.body import write_all
from modelyard.engines.uploads.plan import Collision, Move, free_name
from modelyard.engines.uploads.session import COMMIT, FACTS, FILES
from modelyard.kit.errors import BadRequest, Unavailable
from modelyard.kit.safe_path import SafePath

# Up to so many files are made durable one by one; for more it is faster to have the disk written as a whole.
_FEW = 64


class Landed(msgspec.Struct, frozen=True):
    """What an upload brought: how many files and bytes, how many were left out, and how many got another name."""

    key: str
    account_id: str
    target: str
    files: int
    bytes: int
    ignored: int
    renamed: int


class Commit(msgspec.Struct, frozen=True):
    """An upload that happens: its moves, folder by folder, and what it comes to."""

    collision: Collision
    moves: list[Move]
    landed: Landed


def read_commit(folder: Path) -> Commit | None:
    """The commit of a session; None as long as it has none."""
    try:
        return msgspec.json.decode((folder / COMMIT).read_bytes(), type=Commit)
    except FileNotFoundError:
        return None


def write_commit(folder: Path, commit: Commit) -> None:
    """The point of no return."""
    _sync(folder / FACTS)
    fresh = folder / f"{COMMIT}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        write_all(descriptor, msgspec.json.encode(commit), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(folder / COMMIT)
    _sync(folder)


def make_durable(folder: Path, places: Iterable[str]) -> None:
    """Waits until these received files of a session are on the disk, under their names."""
    files = [folder / FILES / place for place in places]
    if len(files) > _FEW:
        os.sync()
        return
    for path in (*files, folder / FILES, folder, folder.parent):
        _sync(path)


def carry_out(folder: Path, root: Path, commit: Commit) -> list[SafePath]:
    """Moves what is not moved yet into the live folder; the paths that were written, now or before.

    Raises BadRequest when a program has put something in the way since, and Unavailable when it took a folder
    away: both times the rest is done by the next call.
    """
    written: list[SafePath] = []
    folders = [
        (path, list(moves)) for path, moves in groupby(commit.moves, lambda move: move.target.rpartition("/")[0])
    ]
    one_by_one = len(folders) <= _FEW
    with _folder(root) as top, _folder(folder / FILES) as staged:
        for path, moves in folders:
            with _made(top, path, durable=one_by_one) as descriptor:
                for move in moves:
                    name = _move(staged, descriptor, move, commit.collision)
                    written.append(SafePath(f"{path}/{name}"))
    if not one_by_one:
        os.sync()
    return written


def _move(staged: int, folder: int, move: Move, collision: Collision) -> str:
    """Moves one file; the name it has, or the one it has had since an earlier call."""
    name = move.target.rpartition("/")[2]
    if collision is not Collision.OVERWRITE and _is_there(folder, name) and _is_there(staged, move.place):
        # Somebody else has made a file of this name since it was planned.
        if collision is Collision.IGNORE:
            return name
        name = free_name(name, lambda other: _is_there(folder, other))
    try:
        os.rename(move.place, name, src_dir_fd=staged, dst_dir_fd=folder)
    except FileNotFoundError:
        if _is_there(staged, move.place):
            raise Unavailable(f"The folder of {move.target!r} was taken away meanwhile; try again.") from None
    except IsADirectoryError:
        raise _blocked(move.target) from None
    return name


@contextmanager
def _made(top: int, path: str, *, durable: bool) -> Iterator[int]:
    """The descriptor of a folder, which is made when it is missing; it and those above it are made durable."""
    descriptor = os.dup(top)
    try:
        for name in path.split("/") if path else ():
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=descriptor)
            if durable:
                os.fsync(descriptor)
            with _folder(name, descriptor) as below:
                os.dup2(below, descriptor, inheritable=False)
        yield descriptor
        if durable:
            os.fsync(descriptor)
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise _blocked(path) from None
        raise
    finally:
        os.close(descriptor)


@contextmanager
def _folder(path: Path | str, parent: int | None = None) -> Iterator[int]:
    """The descriptor of a folder, and of no link to one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _blocked(path: str) -> BadRequest:
    return BadRequest(
        f"Since the upload was ended, something was put where {path!r} belongs; move it away and end it again."
    )


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
