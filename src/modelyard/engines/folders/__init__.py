"""Folders: live files that any program reads and writes, and immutable trees taken of them.

A live folder has an index of what is known of its files, so that only changed ones are read again.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from modelyard.engines.blobs import Key
from modelyard.engines.trees import Entry
from modelyard.kit.open_file import OpenFile
from modelyard.kit.safe_path import SafePath


class Extent(msgspec.Struct, frozen=True):
    """How much a folder holds: its files, and their bytes together."""

    files: int
    bytes: int


class Taken(msgspec.Struct, frozen=True):
    """A tree that was taken of a folder: its root, how many files and bytes it holds, and what it lacks.

    `left_out` has what no tree can have, as far as a look has found it: the first thousand paths.
    """

    root: Key
    extent: Extent
    left_out: list[str]


class LiveFolder(Protocol):
    """The live files of one dataset, on this machine's disk. Everything blocks."""

    @property
    def root(self) -> Path:
        """The folder of the plain files."""
        ...

    @property
    def staging(self) -> Path:
        """A folder on the same disk for what is on its way in; it is made when it is missing."""
        ...

    def locked(self) -> AbstractContextManager[None]:
        """Nobody else changes the folder by way of the platform, nor takes a tree of it, during the block.

        Held across processes; it ends with the process that holds it.
        """
        ...

    def note(self, paths: Iterable[SafePath]) -> Extent:
        """Brings the index up to date for paths that were written or removed; the extent of all known files.

        To be called within `locked`. A removed folder stands for all that was below it.
        """
        ...

    def look(self) -> Extent:
        """Looks through all files for changes that were not noted; the extent of them all."""
        ...

    @property
    def is_known(self) -> bool:
        """Whether the folder was looked through since it is here; not so after a backup was brought back."""
        ...

    @property
    def extent(self) -> Extent:
        """How much is known to be there."""
        ...

    @property
    def unstored_bytes(self) -> int:
        """How much the store lacks for a tree of all that is known; what has to be read to take one."""
        ...

    def take(self, name: str, paths: Iterable[SafePath] = (), *, quiet: bool) -> Taken:
        """Stores a tree of all known files, or of those at some paths and below, which `name` then holds.

        With `quiet` nobody else writes to the folder meanwhile. Raises NotFound for a path where nothing is.
        """
        ...

    def restore(self, root: Key) -> Extent:
        """Makes the live files those of a tree; what they were before is in the store until the next tree.

        Nobody may have the folder open: it is another one then. A crash leaves the files as they were, or
        restored.
        """
        ...

    def fill(self, root: Key) -> Extent:
        """As `restore`, for a folder in which nothing is yet; any other stays as it is."""
        ...

    def exists(self, path: SafePath) -> bool:
        """Whether there is a file, a link or a folder at a path."""
        ...

    def delete(self, path: SafePath) -> Extent:
        """Removes a file, or a folder with all below it, at once; raises NotFound."""
        ...

    def put(self, files: Mapping[SafePath, Path]) -> Extent:
        """Puts copies of files that lie elsewhere at these paths, each instead of any file there, and at once.

        Raises BadRequest where something else than a file, or than a folder on the way, is in the way.
        """
        ...

    def fingerprint(self, *, quiet: bool) -> Key:
        """The root that a tree of all known files would have; nothing is stored."""
        ...

    def entries_from(self, start: str) -> AbstractContextManager[Iterator[Entry]]:
        """What is known to be there, from a path on, in order and without contents."""
        ...

    def open_file(self, path: str) -> OpenFile:
        """A file as it is now; raises NotFound, also for links and folders."""
        ...

    def target(self, entry: Entry) -> bytes:
        """Where a link points to; raises NotFound when it is gone."""
        ...

    def clone(self, entry: Entry, target: int) -> bool:
        """Has an empty file share the disk with the live one, when that is known to be this entry still.

        False where it is not, or where the file system cannot do it. `target` is a descriptor.
        """
        ...


class Views(Protocol):
    """Trees as plain read-only folders, made when they are first needed. Everything blocks."""

    def make(self, dataset_id: str, roots: Mapping[str, Key], live: LiveFolder) -> dict[str, Path]:
        """The folders of views, by their names; those that are missing are made from their roots."""
        ...

    def copy(self, root: Key, place: Path, live: LiveFolder) -> None:
        """Makes a tree into a writable folder at a place of the caller's, whatever is there."""
        ...

    def has(self, dataset_id: str, name: str) -> bool:
        """Whether a view is made already."""
        ...

    def remove(self, dataset_id: str, name: str | None = None) -> None:
        """Removes a view, or all views of a dataset; those that are not there are passed over."""
        ...

    def names(self) -> dict[str, list[str]]:
        """The names of all views by dataset."""
        ...


class Folders(Protocol):
    """The live folders of all datasets."""

    def live(self, dataset_id: str) -> LiveFolder:
        """The live folder of a dataset, which is made when it is missing."""
        ...

    def hold(self, dataset_id: str) -> str:
        """The name by which the store keeps the last tree that was taken of a whole live folder."""
        ...

    def remove(self, dataset_id: str) -> None:
        """Removes all files of a dataset, and what is known of them."""
        ...
