"""Views: trees as plain read-only folders, made when they are first needed.

A file that another view of the same dataset has is a hard link to it: nobody can write to either. One that is
still among the live files shares their blocks where the file system can do that. All else is copied.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modelyard.engines.blobs import BlobStore, Key
from modelyard.engines.folders import LiveFolder
from modelyard.engines.trees import Entry, Kind, Read, reading

_PARTS = ".parts"


class LocalViews:
    """The views of all datasets below `folder`, each at `<dataset>/<name>`."""

    def __init__(self, folder: Path, store: BlobStore) -> None:
        self._folder = folder
        self._store = store

    def make(self, dataset_id: str, roots: Mapping[str, Key], live: LiveFolder) -> dict[str, Path]:
        """The folders of views, by their names; those that are missing are made from their roots."""
        places = {name: self._folder / dataset_id / name for name in roots}
        if all(place.exists() for place in places.values()):
            return places
        (self._folder / dataset_id).mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(dataset_id), self._store.reading() as store:
            made = {name: place for name, place in places.items() if place.exists()}
            for name, place in places.items():
                if name not in made:
                    sibling = next(((roots[other], made[other]) for other in reversed(made)), None)
                    _View(store.read, live, sibling).make(roots[name], place)
                    made[name] = place
        return places

    def remove(self, dataset_id: str, name: str | None = None) -> None:
        """Removes a view, or all views of a dataset; those that are not there are passed over."""
        place = self._folder / dataset_id
        _remove(place / name if name is not None else place)

    def names(self) -> dict[str, list[str]]:
        """The names of all views by dataset."""
        if not self._folder.exists():
            return {}
        return {
            dataset.name: [view.name for view in dataset.iterdir() if view.is_dir() and view.name != _PARTS]
            for dataset in self._folder.iterdir()
        }

    @contextmanager
    def _locked(self, dataset_id: str) -> Iterator[None]:
        descriptor = os.open(self._folder / dataset_id / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


class _View:
    """One view while it is made."""

    def __init__(self, read: Read, live: LiveFolder, sibling: tuple[Key, Path] | None) -> None:
        self._read = read
        self._live = live
        self._sibling = sibling
        self._written = False

    def make(self, root: Key, place: Path) -> None:
        """Makes the view; a crash leaves none, and what it left is removed when it is made again."""
        parts = place.parent / _PARTS / place.name
        _remove(parts)
        parts.mkdir(mode=0o755, parents=True)
        same = self._same_as_sibling(root)
        folders = {""}
        for entry in reading.entries(root, self._read):
            self._make_folders(parts, entry, folders)
            self._make_entry(entry, parts / entry.path, same)
        for folder in folders:
            (parts / folder).chmod(0o555)
        if self._written:
            os.sync()  # one for all files: after a power failure, a view that is there must be whole
        parts.rename(place)

    def _same_as_sibling(self, root: Key) -> "_Same":
        if self._sibling is None:
            return _Same(None, set())
        other, place = self._sibling
        return _Same(place, {one.path for one in reading.differences(other, root, self._read)})

    def _make_folders(self, parts: Path, entry: Entry, folders: set[str]) -> None:
        folder = entry.path.rpartition("/")[0]
        if folder not in folders:
            (parts / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
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
        mode = 0o555 if entry.kind is Kind.EXECUTABLE else 0o444
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            if entry.size and not self._live.clone(entry, file.fileno()):
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


def _remove(place: Path) -> None:
    if not place.exists():
        return
    for folder, _, _ in os.walk(place):
        Path(folder).chmod(0o755)
    shutil.rmtree(place, ignore_errors=True)
