"""Where the files of an upload go: what is there already decides, and nothing is changed yet.

No symbolic link is followed: a program that exchanges a folder for one meanwhile leads nobody out of the dataset.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from posixpath import splitext

import msgspec

from modelyard.engines.folders.opening import Below, below
from modelyard.kit.errors import BadRequest, Unavailable
from modelyard.kit.safe_path import MAX_NAME_BYTES, SafePath
from modelyard.kit.wire import AnyCase

_SHOWN = 5


class Collision(AnyCase):
    """What becomes of a file whose name is taken: it is left out, it replaces the other, it gets a free name."""

    IGNORE = "Ignore"
    OVERWRITE = "Overwrite"
    RENAME = "Rename"


class Staged(msgspec.Struct, frozen=True):
    """A received file: its name in the session, and its size in bytes."""

    place: str
    size: int


class Move(msgspec.Struct, frozen=True, array_like=True):
    """A received file and the path it gets in the live folder."""

    place: str
    target: str


class Plan(msgspec.Struct):
    """What will be moved, folder by folder, and what that means."""

    moves: list[Move] = []
    bytes: int = 0
    # Of files that are replaced.
    freed_bytes: int = 0
    ignored: int = 0
    renamed: int = 0


def plan(root: Path, files: Mapping[SafePath, Staged], collision: Collision) -> Plan:
    """Where files go below `root`; raises BadRequest that names what is in the way."""
    planner = _Planner(collision)
    top = planner.tree(files)
    try:
        with below(root) as opened:
            planner.visit(top, opened, "")
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise
        raise Unavailable("The dataset's folders were changed by a program just now; try again.") from None
    if planner.problems:
        more = len(planner.problems) - _SHOWN
        shown = "; ".join(planner.problems[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
        raise BadRequest(f"The upload does not fit into the dataset: {shown}. Nothing was changed.")
    return planner.plan


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """The first of `name (1).ext`, `name (2).ext`, ... that is not taken; the stem is cut where it must be."""
    stem, extension = splitext(name)
    if len(extension.encode()) > MAX_NAME_BYTES // 2:
        stem, extension = name, ""
    for number in count(1):
        end = f" ({number}){extension}"
        kept = stem.encode()[: MAX_NAME_BYTES - len(end.encode())].decode(errors="ignore")
        if not is_taken(kept + end):
            return kept + end
    raise AssertionError


class _Wanted:
    """A name that the upload brings: of a file, or of a folder with names in it, by their lower case."""

    __slots__ = ("file", "inside", "name")

    def __init__(self, name: str, file: Staged | None) -> None:
        self.name, self.file = name, file
        self.inside: dict[str, _Wanted] = {}


class _Planner:
    def __init__(self, collision: Collision) -> None:
        self._collision = collision
        self.plan = Plan()
        self.problems: list[str] = []

    def tree(self, files: Mapping[SafePath, Staged]) -> _Wanted:
        """The files by their folders; names that exclude each other become problems."""
        top = _Wanted("", None)
        for path, file in files.items():
            place, names = top, path.split("/")
            for at, name in enumerate(names, 1):
                wanted = _Wanted(name, file if at == len(names) else None)
                known = place.inside.setdefault(name.lower(), wanted)
                if known is not wanted and (known.name != name or known.file or wanted.file):
                    self.problems.append(_exclude("/".join(names[: at - 1]), known.name, name))
                place = known
        return top

    def visit(self, wanted: _Wanted, opened: Below | None, folder: str) -> None:
        """Plans what goes into a folder, then into those in it; without `opened` the folder is new."""
        inside: list[tuple[_Wanted, bool]] = []
        with _listing(opened, folder) as entries:
            there, taken = self._matching(wanted, entries)
            for one in sorted(wanted.inside.values(), key=lambda one: one.name):
                same_case = there.get(one.name.lower(), [])
                found = next((entry for entry in same_case if entry.name == one.name), None)
                path = _joined(folder, one.name)
                if same_case and (problem := _problem(path, one, found, _joined(folder, same_case[0].name))):
                    self.problems.append(problem)
                elif one.file:
                    self._place(one.name, one.file, found, folder, taken)
                else:
                    inside.append((one, found is not None))
        for one, is_there in inside:
            self.visit(one, opened if is_there else None, _joined(folder, one.name))

    def _matching(
        self, wanted: _Wanted, entries: Iterable["os.DirEntry[str]"]
    ) -> tuple[dict[str, list["os.DirEntry[str]"]], set[str]]:
        """What a folder has of the names that matter, by their lower case; and all that are taken."""
        there: dict[str, list[os.DirEntry[str]]] = {}
        taken = set(wanted.inside)
        for entry in entries:
            lower = entry.name.lower()
            if lower in wanted.inside:
                there.setdefault(lower, []).append(entry)
            if self._collision is Collision.RENAME:
                taken.add(lower)
        return there, taken

    def _place(
        self, name: str, file: Staged, found: "os.DirEntry[str] | None", folder: str, taken: set[str]
    ) -> None:
        if found and self._collision is Collision.IGNORE:
            self.plan.ignored += 1
            return
        if found and self._collision is Collision.OVERWRITE:
            self.plan.freed_bytes += found.stat(follow_symlinks=False).st_size
        elif found:
            name = free_name(name, lambda other: other.lower() in taken)
            taken.add(name.lower())
            self.plan.renamed += 1
        self.plan.moves.append(Move(file.place, _joined(folder, name)))
        self.plan.bytes += file.size


@contextmanager
def _listing(opened: Below | None, folder: str) -> Iterator[Iterable["os.DirEntry[str]"]]:
    """What is in a folder; nothing in a new one."""
    if opened is None:
        yield ()
        return
    descriptor = opened.open_folder(folder)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def _exclude(folder: str, one: str, other: str) -> str:
    if one == other:
        return f"{_joined(folder, one)!r} of the upload is a file and a folder at the same time"
    return f"{_joined(folder, one)!r} and {_joined(folder, other)!r} of the upload differ only in case"


def _problem(path: str, one: _Wanted, found: "os.DirEntry[str] | None", other: str) -> str | None:
    """Why a name of the upload cannot be where something has this name, or only `other`."""
    if found is None:
        return f"{path!r} of the upload and {other!r} in the dataset differ only in case"
    is_folder = found.is_dir(follow_symlinks=False)
    if one.file:
        return f"{path!r} is a file of the upload and a folder in the dataset" if is_folder else None
    if found.is_symlink():
        return f"{path!r} in the dataset is a symbolic link, which uploads do not follow"
    return None if is_folder else f"{path!r} is a folder of the upload and a file in the dataset"


def _joined(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
