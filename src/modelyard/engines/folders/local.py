"""Live folders in the platform's home: `<id>/live` with the files, an index and a lock beside it."""

import errno
import fcntl
import hashlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from modelyard.engines.blobs import BlobStore, Key, Missing, Reading, Vanished
from modelyard.engines.blobs.packs import fsync_folder
from modelyard.engines.folders import Extent, Taken, queries
from modelyard.engines.folders.cloning import clone, durable_copy
from modelyard.engines.folders.looking import differences
from modelyard.engines.folders.making import Sibling, make, remove
from modelyard.engines.folders.opening import below
from modelyard.engines.folders.taking import Hashing, chosen, grown
from modelyard.engines.folders.walking import found_at, walk
from modelyard.engines.trees import Entry, reading
from modelyard.kit.errors import BadRequest, NotFound, Unavailable
from modelyard.kit.ids import new_id
from modelyard.kit.open_file import OpenFile
from modelyard.kit.safe_path import SafePath
from modelyard.kit.sqlite import transaction

_PIECE_BYTES = 2**20
_TRIES = 5
_LEFT_OUT_KEPT = 1000
# Files that are to become the live ones, and those that were.
_READY, _LAST = "ready", "last"


class LocalFolders:
    """The live folders of datasets below `folder`, and the store that their trees are in."""

    def __init__(self, folder: Path, store: BlobStore) -> None:
        self._folder = folder
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = store

    def live(self, dataset_id: str) -> "LocalLiveFolder":
        """The live folder of a dataset, which is made when it is missing."""
        return LocalLiveFolder(self._folder / dataset_id, self._store, self.hold(dataset_id))

    def hold(self, dataset_id: str) -> str:
        """The name by which the store keeps the last tree that was taken of a whole live folder."""
        return f"live:{dataset_id}"

    def remove(self, dataset_id: str) -> None:
        """Removes all files of a dataset, and what is known of them."""
        shutil.rmtree(self._folder / dataset_id, ignore_errors=True)
        self._store.release([self.hold(dataset_id)])


class LocalLiveFolder:
    """The live files of one dataset; the last tree of all of them is held by the name `hold`."""

    def __init__(self, place: Path, store: BlobStore, hold: str) -> None:
        self._place = place
        self._store = store
        self._hold = hold
        self._can_clone = True
        self._recover()

    @property
    def root(self) -> Path:
        """The folder of the plain files."""
        return self._place / "live"

    @property
    def staging(self) -> Path:
        """A folder on the same disk for what is on its way in; it is made when it is missing."""
        place = self._place / "staging"
        place.mkdir(mode=0o700, exist_ok=True)
        return place

    @property
    def is_known(self) -> bool:
        """Whether the folder was looked through since it is here; not so after a backup was brought back."""
        with self._index() as index:
            return queries.root(index) == self._inode

    @property
    def extent(self) -> Extent:
        """How much is known to be there."""
        with self._index() as index:
            return queries.extent(index)

    @property
    def unstored_bytes(self) -> int:
        """How much the store lacks for a tree of all that is known; what has to be read to take one."""
        with self._index() as index:
            return queries.unstored_bytes(index)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the folder by way of the platform, nor takes a tree of it, during the block."""
        descriptor = os.open(self._place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def note(self, paths: Iterable[SafePath]) -> Extent:
        """Brings the index up to date for paths that were written or removed; the extent of all known files."""
        with self._index() as index, below(self.root) as opened, transaction(index):
            for path in paths:
                before = queries.extent_below(index, path)
                known = list(queries.known_below(index, path))
                queries.note(index, differences(known, walk(opened, path, [])))
                after, total = queries.extent_below(index, path), queries.extent(index)
                queries.set_extent(
                    index,
                    Extent(total.files + after.files - before.files, total.bytes + after.bytes - before.bytes),
                )
            return queries.extent(index)

    def look(self) -> Extent:
        """Looks through all files for changes that were not noted; the extent of them all."""
        with self.locked(), self._index() as index, below(self.root) as opened:
            left_out: list[str] = []
            # What is noted meanwhile does not disturb what is being read: that is the index as it was.
            with self._index() as noting, transaction(noting):
                changed = queries.note(noting, differences(queries.known(index), walk(opened, "", left_out)))
                if left_out[:_LEFT_OUT_KEPT] != queries.left_out(noting):
                    queries.set_left_out(noting, left_out[:_LEFT_OUT_KEPT])
                if not changed and queries.root(noting) == self._inode:
                    return queries.extent(noting)
                queries.set_root(noting, self._inode)
                return queries.count(noting)

    def take(self, name: str, paths: Iterable[SafePath] = (), *, quiet: bool) -> Taken:
        """Stores a tree of all known files, or of those at some paths and below, which `name` then holds."""
        with self.locked():
            return self._take(name, list(paths), quiet=quiet)

    def restore(self, root: Key) -> Extent:
        """Makes the live files those of a tree; what they were before is in the store until the next tree."""
        with self.locked():
            return self._restore(root)

    def fill(self, root: Key) -> Extent:
        """As `restore`, for a folder in which nothing is yet; any other stays as it is."""
        with self.locked():
            if not any(self.root.iterdir()):
                return self._restore(root)
        return self.look()

    def exists(self, path: SafePath) -> bool:
        """Whether there is a file, a link or a folder at a path."""
        try:
            with below(self.root) as opened:
                opened.state(path)
        except OSError:
            return False
        return True

    def delete(self, path: SafePath) -> Extent:
        """Removes a file, or a folder with all below it, at once; raises NotFound."""
        doomed = self.staging / f"{new_id()}.left"  # so named, a crash leaves it for the next upload to clear
        with self.locked():
            try:
                with below(self.root) as opened:
                    opened.rename(path, doomed)
            except OSError as error:
                if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                    raise NotFound(f"There is no file or folder {path} in this dataset.") from None
                raise
            extent = self.note([path])
        if doomed.is_dir() and not doomed.is_symlink():
            remove(doomed)
        else:
            doomed.unlink(missing_ok=True)
        return extent

    def put(self, files: Mapping[SafePath, Path]) -> Extent:
        """Puts copies of files that lie elsewhere at these paths, each instead of any file there, and at once."""
        with self.locked(), below(self.root) as opened:
            for path, source in files.items():
                copy = self.staging / f"{_mark(path)}.put"  # what a crash has left is written over
                try:
                    durable_copy(source, copy)
                    opened.bring(copy, path)
                except OSError as error:
                    copy.unlink(missing_ok=True)
                    if error.errno in {errno.ENOTDIR, errno.ELOOP, errno.EISDIR}:
                        raise BadRequest(f"Something in the dataset is in the way of {path}; move it.") from None
                    raise
            return self.note(files)

    def fingerprint(self, *, quiet: bool) -> Key:
        """The root that a tree of all known files would have; nothing is stored."""
        with self.locked(), self._index() as index, self._store.reading() as store:
            known = queries.fingerprint(index)
            if known is None:
                known = self._hashed(index, store, quiet=quiet)
                queries.set_fingerprint(index, known)
            return known

    @contextmanager
    def entries_from(self, start: str) -> Iterator[Iterator[Entry]]:
        """What is known to be there, from a path on, in order and without contents."""
        with self._index() as index:
            yield queries.entries_from(index, start)

    def open_file(self, path: str) -> OpenFile:
        """A file as it is now; raises NotFound, also for links and folders."""
        try:
            with below(self.root) as opened:
                descriptor = opened.open_file(path)
        except OSError:
            raise NotFound(f"There is no file {path} in this dataset.") from None
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            os.close(descriptor)
            raise NotFound(f"{path} is not a file.")

        file = os.fdopen(descriptor, "rb", buffering=0)

        def pieces(first: int, after: int) -> Iterator[bytes]:
            with file:
                file.seek(first)
                while first < after and (piece := file.read(min(_PIECE_BYTES, after - first))):
                    yield piece
                    first += len(piece)
                if first < after:
                    raise OSError(errno.EIO, "The file became shorter while it was read")

        version = f"{state.st_ino:x}-{state.st_mtime_ns:x}-{state.st_size:x}"
        return OpenFile(version, state.st_size, pieces)

    def target(self, entry: Entry) -> bytes:
        """Where a link points to; raises NotFound when it is gone."""
        try:
            with below(self.root) as opened:
                return opened.target(entry.path).encode()
        except (OSError, UnicodeEncodeError):
            raise NotFound(f"The link {entry.path} is gone.") from None

    def clone(self, entry: Entry, target: int) -> bool:
        """Has an empty file share the disk with the live one, when that is known to be this entry still."""
        if not self._can_clone:
            return False
        try:
            with below(self.root) as opened:
                source = opened.open_file(entry.path)
        except OSError:
            return False
        try:
            if not self._is(entry, source):
                return False
            self._can_clone = clone(source, target)
            if self._can_clone and self._is(entry, source):
                return True
            os.ftruncate(target, 0)
            return False
        finally:
            os.close(source)

    def _is(self, entry: Entry, source: int) -> bool:
        with self._index() as index:
            return queries.content_of(index, found_at(entry.path, os.fstat(source))) == entry.content

    def _restore(self, root: Key) -> Extent:
        making, ready, last = self._place / "making", self._place / _READY, self._place / _LAST
        now = self._take(self._hold, [], quiet=True).root
        with self._store.reading() as store:
            remove(making)  # of a try that was killed
            make(store.read, root, making, Sibling(now, self.root), writable=True)
        making.rename(ready)
        self.root.rename(last)
        ready.rename(self.root)
        fsync_folder(self._place)
        remove(last)
        return self._know(root)

    def _recover(self) -> None:
        """Makes the live files when they are missing, and ends a restoration that was killed.

        New files take the place of those that were out of the way already; else all stays as it was.
        """
        ready, last = self._place / _READY, self._place / _LAST
        if self.root.exists() and not ready.exists() and not last.exists():
            return
        self._place.mkdir(parents=True, exist_ok=True)
        with self.locked():
            if not self.root.exists():
                found = next((files for files in (ready, last) if files.exists()), None)
                if found is not None:
                    found.rename(self.root)
                else:
                    self.root.mkdir(mode=0o755)
                    with self._index() as index:
                        queries.set_root(index, self._inode)
            remove(ready)
            remove(last)

    @property
    def _inode(self) -> int:
        return self.root.stat().st_ino

    def _know(self, root: Key) -> Extent:
        """Notes that the live files are those of a tree, just now."""
        with self._store.writing() as writing:
            writing.hold(self._hold, root)
        with self._index() as index, below(self.root) as opened, self._store.reading() as store:
            entries = reading.entries(root, store.read)
            contents = {entry.path: entry.content for entry in entries if entry.is_file}
            with transaction(index):
                queries.forget_all(index)
                queries.set_root(index, self._inode)
                found = walk(opened, "", [])
                queries.set_read(index, ((one, contents.get(one[0], b"")) for one in found))
                queries.set_stored(index)
                queries.set_fingerprint(index, root)
                return queries.count(index)

    def _take(self, name: str, paths: list[SafePath], *, quiet: bool) -> Taken:
        with self._index() as index:
            for _ in range(_TRIES):
                try:
                    return self._take_once(index, name, paths, quiet=quiet)
                except Missing:  # the tree before is not whole: every file is read anew
                    queries.forget_tree(index)
                except Vanished:
                    continue
        raise Unavailable("The store is being cleaned up; try again.")

    def _hashed(self, index: sqlite3.Connection, store: Reading, *, quiet: bool) -> Key:
        for _ in range(_TRIES):
            try:
                base = self._base(index)
                return grown(index, base, self.root, Hashing(store), quiet=quiet, read_again=False)[0]
            except Missing:  # the tree before is not whole: every file counts anew
                queries.forget_tree(index)
        raise Unavailable("The store is being cleaned up; try again.")

    def _base(self, index: sqlite3.Connection) -> Key | None:
        """The root of the tree in which everything is that is noted as stored; None when there is none."""
        base = self._store.held(self._hold) if queries.has_tree(index) else None
        if base is None:
            queries.forget_tree(index)
        return base

    def _take_once(self, index: sqlite3.Connection, name: str, paths: list[SafePath], *, quiet: bool) -> Taken:
        with self._store.writing() as writing:
            base = self._base(index)
            root, unreadable = grown(index, base, self.root, writing, quiet=quiet, read_again=True)
            wanted = chosen(writing, root, paths) if paths else root
            whole = reading.whole(wanted, writing.read)
            writing.hold(self._hold, root)
            writing.hold(name, wanted)
        with transaction(index):
            queries.set_stored(index)
            queries.set_fingerprint(index, root)
        return Taken(wanted, Extent(whole.files, whole.bytes), unreadable + queries.left_out(index))

    @contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        with closing(queries.open_index(self._place / "index.sqlite")) as index:
            yield index


def _mark(path: str) -> str:
    """A name for what belongs to a path, in the form of an id."""
    return hashlib.sha256(path.encode()).hexdigest()[:24]
