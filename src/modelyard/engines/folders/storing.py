"""The contents of files on their way into a store: read once, hashed, and kept where the store lacks them."""

import os
import stat
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from modelyard.engines.blobs import Key, Writing, content_key
from modelyard.engines.folders.opening import Below
from modelyard.engines.folders.queries import Found, Unstored
from modelyard.engines.folders.walking import found_at
from modelyard.engines.trees import PIECE_BYTES, Entry, Kind, lists_over
from modelyard.kit.safe_path import link_stays_inside

# So much is read before the store is asked what it lacks.
_BATCH_BYTES = 2**23
_BATCH_PIECES = 500
# A change within a tick of the file system's clock cannot be told from the one before it.
_TICK_NS = 10**8
_COARSE_TICK_NS = 2 * 10**9
_TRIES = 3


class Contents:
    """Stores what has changed of a folder. With `quiet` nobody is writing there meanwhile.

    Without `read_again` a content that is known is taken as it is.

    One thread reads and hashes while another one writes what the store lacks.
    """

    def __init__(self, opened: Below, writing: Writing, *, quiet: bool, read_again: bool) -> None:
        self._opened = opened
        self._writing = writing
        self._quiet = quiet
        self._read_again = read_again
        self._writer = ThreadPoolExecutor(1)
        self._written: Future[None] | None = None
        self._waiting: list[tuple[Key, bytes, list[Key] | None]] = []
        self._waiting_bytes = 0
        # What was found of each file when it was read, and its content's key.
        self.read: list[tuple[Found, Key]] = []
        # Files that the server's account may not read.
        self.unreadable: list[str] = []

    def store(self, changed: Iterable[Unstored]) -> list[tuple[str, Entry | None]]:
        """The entries of changed paths; nothing for those that are gone, also since they were looked at."""
        with self._writer:
            changes = [(one.path, self._entry(one)) for one in changed]
            self._flush()
            self._await_writer()
        return changes

    def _entry(self, one: Unstored) -> Entry | None:
        match one.kind:
            case Kind.FILE.value | Kind.EXECUTABLE.value:
                if one.content is not None and not self._read_again:
                    return Entry(one.path, Kind(one.kind), one.size, one.content)
                return self._file(one.path)
            case Kind.LINK.value:
                return self._link(one.path)
            case Kind.EMPTY_FOLDER.value:
                return Entry(one.path, Kind.EMPTY_FOLDER, 0, b"")
        return None

    def _link(self, path: str) -> Entry | None:
        try:
            target = self._opened.target(path)
            content = target.encode()
        except (OSError, UnicodeEncodeError):
            return None
        return Entry(path, Kind.LINK, len(content), content) if link_stays_inside(path, target) else None

    def _file(self, path: str) -> Entry | None:
        try:
            descriptor = self._opened.open_file(path)
        except PermissionError:
            self.unreadable.append(path)
            return None
        except OSError:  # it is gone, or something else took its place; the next look will tell
            return None
        try:
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                return None
            content, size, settled = self._settled(descriptor, state)
        finally:
            os.close(descriptor)
        found = found_at(path, state, size)
        # A row without times is looked at again.
        self.read.append((found if settled else (*found[:3], 0, 0, 0), content))
        return Entry(path, Kind(found[1]), size, content)

    def _settled(self, descriptor: int, before: os.stat_result) -> tuple[Key, int, bool]:
        """The content and size of a file, read again while it changes, and whether a later change will show."""
        for _ in range(_TRIES):
            content, size = self._content(descriptor, before.st_size)
            after = os.fstat(descriptor)
            if (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, size):
                return content, size, self._quiet and not _is_fresh(after)
            before = after
            os.lseek(descriptor, 0, os.SEEK_SET)
        return content, size, False

    def _content(self, descriptor: int, expected: int) -> tuple[Key, int]:
        if expected <= PIECE_BYTES:
            piece = os.read(descriptor, expected + 1)
            if len(piece) <= PIECE_BYTES:
                return (self._put(piece), len(piece)) if piece else (b"", 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
        keys, size = [], 0
        while piece := _read_piece(descriptor):
            keys.append(self._put(piece))
            size += len(piece)
        if len(keys) <= 1:
            return (keys[0] if keys else b""), size
        content = b""
        for content, data, children in lists_over(keys):
            self._waiting.append((content, data, children))
        return content, size

    def _put(self, piece: bytes) -> Key:
        key = content_key(piece)
        self._waiting.append((key, piece, None))
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= _BATCH_BYTES or len(self._waiting) >= _BATCH_PIECES:
            self._flush()
        return key

    def _flush(self) -> None:
        self._await_writer()
        self._written = self._writer.submit(self._write, self._waiting)
        self._waiting, self._waiting_bytes = [], 0

    def _await_writer(self) -> None:
        if self._written is not None:
            self._written.result()

    def _write(self, pieces: list[tuple[Key, bytes, list[Key] | None]]) -> None:
        missing = self._writing.missing([key for key, _, _ in pieces])
        for key, piece, children in pieces:
            if key in missing:
                self._writing.put(key, piece, children)


def _read_piece(descriptor: int) -> bytes:
    """The next whole piece, shorter only at the end."""
    piece = os.read(descriptor, PIECE_BYTES)
    while 0 < len(piece) < PIECE_BYTES and (more := os.read(descriptor, PIECE_BYTES - len(piece))):
        piece += more
    return piece


def _is_fresh(state: os.stat_result) -> bool:
    """Whether a further change could leave the file's times as they are; programs set the one, never the other."""
    changed = max(state.st_mtime_ns, state.st_ctime_ns)
    tick = _TICK_NS if changed % 10**9 else _COARSE_TICK_NS
    return changed > time.time_ns() - tick
