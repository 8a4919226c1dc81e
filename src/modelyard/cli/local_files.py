"""Files of this machine that are to be uploaded, and the names that they get."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from modelyard.cli.connection import CommandError
from modelyard.cli.fetching import checked


class LocalFile(msgspec.Struct, frozen=True):
    """A file: where it is, its path in the upload, its size in bytes, when it was changed in ns since 1970."""

    place: str
    path: str
    size: int
    changed: int


class LocalFiles(msgspec.Struct, frozen=True):
    """The files at some paths, and what there is beside them that cannot be uploaded, with the reasons."""

    files: list[LocalFile]
    left_out: dict[str, str]

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(file.size for file in self.files)


def look_through(paths: Iterable[Path]) -> LocalFiles:
    """All files at and below some paths, named from the last part of each on; `.` has no such part.

    Links to files stand for the files. Raises CommandError for a path where nothing is, for a file that cannot be
    read, and for names that a dataset cannot have, or not side by side.
    """
    found = LocalFiles([], {})
    for path in paths:
        top = "" if path.name in {"", ".."} or str(path) == "." else path.name
        if path.is_dir():
            _walk(found, path, top)
        elif not _add(found, str(path), top):
            raise CommandError(f"{path} is no file or folder.")
    _refuse_clashes(found.files)
    return found


def _walk(found: LocalFiles, top: Path, name: str) -> None:
    for root, folders, names in os.walk(top, onerror=_refuse):
        below = os.path.relpath(root, top)
        path = name if below == "." else f"{name}/{below}"
        for folder in sorted(folders):
            place = f"{root}/{folder}"
            if folder.lower() == ".git":
                found.left_out[place] = "git's own"
            elif Path(place).is_symlink():
                found.left_out[place] = "a link to a folder"
        folders[:] = sorted(one for one in folders if f"{root}/{one}" not in found.left_out)
        for one in sorted(names):
            place = f"{root}/{one}"
            if one.lower() == ".git":
                found.left_out[place] = "git's own"
            elif not _add(found, place, f"{path}/{one}"):
                found.left_out[place] = "a link to nothing" if Path(place).is_symlink() else "no plain file"


def _add(found: LocalFiles, place: str, path: str) -> bool:
    """Adds a file; False for what is none."""
    try:
        about = Path(place).stat()
    except OSError:
        return False
    if not stat.S_ISREG(about.st_mode):
        return False
    found.files.append(LocalFile(place, str(checked(path)), about.st_size, about.st_mtime_ns))
    return True


def _refuse(error: OSError) -> None:
    raise CommandError(f"{error.filename} cannot be read: {error.strerror}.")


def _refuse_clashes(files: Iterable[LocalFile]) -> None:
    """Raises CommandError for names that a dataset cannot have side by side."""
    known: dict[str, tuple[str, LocalFile | None]] = {}
    for file in files:
        for path in _with_folders(file.path):
            one = None if path != file.path else file
            there, other = known.setdefault(path.lower(), (path, one))
            if there != path:
                raise CommandError(f"{there} and {path} differ only in case; a dataset cannot have both.")
            if other is not one:
                raise CommandError(
                    f"{(other or file).place} and {file.place} would both be {path} in the dataset."
                )


def _with_folders(path: str) -> Iterator[str]:
    """A path and the folders that it lies in."""
    yield path
    while path := path.rpartition("/")[0]:
        yield path
