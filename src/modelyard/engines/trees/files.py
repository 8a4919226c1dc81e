"""Files in order, live ones or those of a tree: one folder of them in pages, and all of a folder as an archive."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import msgspec

from modelyard.engines.blobs import BlobStore, Key
from modelyard.engines.trees import Entry, Kind, reading
from modelyard.kit import archives
from modelyard.kit.archives import Member
from modelyard.kit.errors import NotFound
from modelyard.kit.open_file import OpenFile
from modelyard.kit.safe_path import SafePath

# Of a folder below the one that is listed so many entries are passed over one by one before the rest is skipped.
_PASSED_OVER = 16
_MODES = {
    Kind.FILE: archives.FILE,
    Kind.EXECUTABLE: archives.EXECUTABLE,
    Kind.LINK: archives.LINK,
    Kind.EMPTY_FOLDER: archives.FOLDER,
}


class Files(Protocol):
    """Files of a dataset, live ones or those of a snapshot. Everything blocks."""

    def entries_from(self, start: str) -> AbstractContextManager[Iterator[Entry]]:
        """What is there, from a path on and in order."""
        ...

    def open_file(self, path: str) -> OpenFile:
        """The file at a path; raises NotFound, also for links and folders."""
        ...

    def target(self, entry: Entry) -> bytes:
        """Where a link points to; raises NotFound when it is gone."""
        ...


class Item(msgspec.Struct, frozen=True):
    """What lies in a folder: a file, a link or a folder with its name; sizes of files in bytes."""

    name: str
    path: str
    is_folder: bool
    kind: Kind
    size: int


class Listing(msgspec.Struct, frozen=True):
    """A page of a folder, and where the next one begins; nothing behind the last one."""

    items: list[Item]
    next: str | None


def browse(files: Files, folder: SafePath, after: str | None, limit: int) -> Listing:
    """A page of what lies in a folder; its cost does not grow with what lies before or below it."""
    prefix = f"{folder}/" if folder else ""
    place = after if after is not None and after.startswith(prefix) else prefix
    items: list[Item] = []
    while True:
        with files.entries_from(place) as entries:
            skip = _fill(items, entries, prefix, limit)
        if len(items) > limit or skip is None:
            break
        place = skip
    return Listing(items[:limit], _place(items[limit]) if len(items) > limit else None)


def _place(item: Item) -> str:
    """Where an item begins: behind a folder's name comes a slash, and names may go on with less than that."""
    return item.path + "/" if item.is_folder else item.path


def _fill(items: list[Item], entries: Iterator[Entry], prefix: str, limit: int) -> str | None:
    """Adds items until there is one more than the limit; where to go on when a folder has too much in it."""
    passed_over = 0
    for entry in entries:
        if not entry.path.startswith(prefix):
            return None
        name, _, rest = entry.path.removeprefix(prefix).partition("/")
        path = prefix + name
        if items and items[-1].path == path:
            passed_over += 1
            if passed_over > _PASSED_OVER:
                return path + "0"  # the first path behind all that begin with the folder's and a slash
            continue
        is_folder = bool(rest) or entry.kind is Kind.EMPTY_FOLDER
        items.append(Item(name, path, is_folder, entry.kind, 0 if is_folder else entry.size))
        passed_over = 0
        if len(items) > limit:
            return None
    return None


def below(files: Files, folder: SafePath) -> Iterator[Entry]:
    """Everything in a folder and below it, in order; all for an empty path."""
    prefix = f"{folder}/" if folder else ""
    with files.entries_from(prefix) as entries:
        for entry in entries:
            if not entry.path.startswith(prefix):
                return
            yield entry


def members(files: Files, folder: SafePath, top: str) -> Iterator[Member]:
    """Everything in a folder and below it as members of an archive, below `top`."""
    for entry in below(files, folder):
        path = f"{top}/{entry.path}".rstrip("/")
        if entry.is_file:
            opened = files.open_file(entry.path)
            yield Member(path, _MODES[entry.kind], opened.size, opened.pieces(0, opened.size))
        elif entry.kind is Kind.LINK:
            yield Member(path, _MODES[entry.kind], 0, [files.target(entry)])
        else:
            yield Member(path, _MODES[entry.kind], 0, [])


class StoredTree:
    """The files of a tree in a store."""

    def __init__(self, store: BlobStore, root: Key) -> None:
        self._store = store
        self._root = root

    @contextmanager
    def entries_from(self, start: str) -> Iterator[Iterator[Entry]]:
        """What is there, from a path on and in order."""
        with self._store.reading() as store:
            yield reading.entries(self._root, store.read, start)

    def open_file(self, path: str) -> OpenFile:
        """The file at a path; raises NotFound, also for links and folders."""
        with self._store.reading() as store:
            entry = reading.find(self._root, store.read, path)
        if entry is None or not entry.is_file:
            raise NotFound(f"There is no file {path} in this snapshot.")

        def pieces(first: int, after: int) -> Iterator[bytes]:
            with self._store.reading() as store:
                yield from reading.content(entry, store.read, first, after)

        return OpenFile(entry.content.hex() or "empty", entry.size, pieces)

    def target(self, entry: Entry) -> bytes:
        """Where a link points to."""
        return entry.content
