"""Views: trees as plain read-only folders, made when they are first needed.

A file that another view of the same dataset has is a hard link to it: nobody can write to either. One that is
still among the live files shares their blocks where the file system can do that. All else is copied.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modelyard.engines.blobs import BlobStore, Key
from modelyard.engines.folders import LiveFolder
from modelyard.engines.folders.making import Sibling, make, remove

_PARTS = ".parts"


class LocalViews:
    """The views of all datasets below `folder`, each at `<dataset>/<name>`."""

    def __init__(self, folder: Path, store: BlobStore) -> None:
        self._folder = folder
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = store

    def make(self, dataset_id: str, roots: Mapping[str, Key], live: LiveFolder) -> dict[str, Path]:
        """The folders of views, by their names; those that are missing are made from their roots."""
        places = {name: self._folder / dataset_id / name for name in roots}
        if all(place.exists() for place in places.values()):
            return places
        (self._folder / dataset_id).mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked(dataset_id), self._store.reading() as store:
            made = {name: Sibling(roots[name], place) for name, place in places.items() if place.exists()}
            for name, place in places.items():
                if name not in made:
                    sibling = next(reversed(made.values()), None)
                    parts = place.parent / _PARTS / name
                    remove(parts)  # of a try that was killed
                    make(store.read, roots[name], parts, sibling, clone=live.clone)
                    parts.rename(place)
                    made[name] = Sibling(roots[name], place)
        return places

    def copy(self, root: Key, place: Path, live: LiveFolder) -> None:
        """Makes a tree into a writable folder at a place of the caller's, whatever is there."""
        remove(place)
        with self._store.reading() as store:
            make(store.read, root, place, None, clone=live.clone, writable=True)

    def has(self, dataset_id: str, name: str) -> bool:
        """Whether a view is made already."""
        return (self._folder / dataset_id / name).exists()

    def remove(self, dataset_id: str, name: str | None = None) -> None:
        """Removes a view, or all views of a dataset; those that are not there are passed over."""
        place = self._folder / dataset_id
        remove(place / name if name is not None else place)

    def names(self) -> dict[str, list[str]]:
        """The names of all views by dataset."""
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
