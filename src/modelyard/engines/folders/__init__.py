"""Folders: live files that any program reads and writes, and immutable trees taken of them.

A live folder has an index of what is known of its files, so that only changed ones are read again.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from modelyard.kit.safe_path import SafePath


class Extent(msgspec.Struct, frozen=True):
    """How much a folder holds: its files, and their bytes together."""

    files: int
    bytes: int


class LiveFolder(Protocol):
    """The live files of one dataset, on this machine's disk."""

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


class Folders(Protocol):
    """The live folders of all datasets."""

    def live(self, dataset_id: str) -> LiveFolder:
        """The live folder of a dataset, which is made when it is missing."""
        ...
