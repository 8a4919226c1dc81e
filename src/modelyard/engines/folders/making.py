"""Trees of a store made into plain folders."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from modelyard.engines.blobs import Key
from modelyard.engines.trees import Entry, Kind, Read, reading

# Has an empty file, given by its descriptor, share the disk with a file that is this entry; False where it cannot.
Clone = Callable[[Entry, int], bool]


class Sibling(msgspec.Struct, frozen=True):
    """A folder that has the files of another tree: those that are the same become hard links to its own."""

    root: Key
    place: Path


def make(
    read: Read,
    root: Key,
    place: Path,
    sibling: Sibling | None,
    *,
    clone: Clone | None = None,
    writable: bool = False,
) -> None:
    """Makes a tree into a folder where nothing is yet; what a crash leaves of it is for the caller to remove."""
    _Folder(read, place, clone, writable=writable).fill(root, sibling)


def remove(place: Path) -> None:
    """Removes a folder with all that is in it, read-only folders too; one that is not there is passed over."""
    for folder, _, _ in os.walk(place):
        with suppress(FileNotFoundError):  # somebody else removes it, too
            Path(folder).chmod(0o755)
    shutil.rmtree(place, ignore_errors=True)


class _Folder:
    """One folder while it is made."""

    def __init__(self, read: Read, place: Path, clone: Clone | None, *, writable: bool) -> None:
        self._read = read
        self._place = place
        self._clone = clone
        self._write_bits = 0o200 if writable else 0
        self._written = False

    def fill(self, root: Key, sibling: Sibling | None) -> None:
        same = _Same(None, set())
        if sibling is not None:
            different = {one.path for one in reading.differences(sibling.root, root, self._read)}
            same = _Same(sibling.place, different)
        self._place.mkdir(mode=0o755, parents=True)
        folders = {""}
        for entry in reading.entries(root, self._read):
            self._make_folder(entry.path.rpartition("/")[0], folders)
            self._make_entry(entry, self._place / entry.path, same)
        for folder in folders:
            (self._place / folder).chmod(0o555 | self._write_bits)
        if self._written:
            os.sync()  # one for all files: after a power failure, a folder that is there must be whole

    def _make_folder(self, folder: str, folders: set[str]) -> None:
        if folder not in folders:
            (self._place / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]

    def _make_entry(self, entry: Entry, target: Path, same: "_Same") -> None:
        if entry.kind is Kind.LINK:
            target.symlink_to(entry.content.decode())
        elif entry.is_file and not same.link(entry, target):
            self._write(entry, target)

    def _write(self, entry: Entry, target: Path) -> None:
        self._written = True
        mode = (0o555 if entry.kind is Kind.EXECUTABLE else 0o444) | self._write_bits
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            if not entry.size or (self._clone and self._clone(entry, file.fileno())):
                return
            for piece in reading.content(entry, self._read):
                file.write(piece)


class _Same:
    """What a view has in common with another one, by the paths at which they differ."""

    def __init__(self, place: Path | None, different: set[str]) -> None:
        self._place = place
        self._different = different

    def link(self, entry: Entry, target: Path) -> bool:
        """Has the file of the other view here, too; False when it has none such."""
        if self._place is None or entry.path in self._different:
            return False
        try:
            target.hardlink_to(self._place / entry.path)
        except OSError:  # too many links, or a file system without them
            return False
        return True
