"""Packs: files of pieces one behind the other, written once and never changed.

A piece in a pack is its key (32 bytes), its size (4 bytes, little-endian), whether it is a node (1 byte), and its
content. So packs can be read without the index.
"""

import os
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from modelyard.engines.blobs import Content, Key
from modelyard.kit.ids import new_id

HEADER = struct.Struct("<32sIB")
# A pack of this size is closed, and the next one begun.
PACK_BYTES = 2**28
_BUFFER_BYTES = 2**20
_SUFFIX = ".pack"


class PackWriter:
    """Packs of one session, each begun when the one before is full. Nothing is on disk before `finish`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: list[str] = []
        self._syncing: list[Future[None]] = []
        self._syncer = ThreadPoolExecutor(1)
        self._descriptor = -1
        self._size = 0
        self._buffer = bytearray()

    def add(self, key: Key, content: Content, *, is_node: bool) -> tuple[int, int]:
        """Writes a piece; the number of its pack in this session, and where its content begins there."""
        if self._descriptor < 0 or self._size >= PACK_BYTES:
            self._begin()
        header = HEADER.pack(key, len(content), is_node)
        place = len(self.names) - 1, self._size + len(header)
        self._buffer += header
        if len(content) >= _BUFFER_BYTES // 2:
            self._write(self._buffer, content)
            self._buffer.clear()
        else:
            self._buffer += content
            if len(self._buffer) >= _BUFFER_BYTES:
                self._flush()
        self._size += len(header) + len(content)
        return place

    def finish(self) -> None:
        """Has everything on disk."""
        self._close()
        self._syncer.shutdown()
        for synced in self._syncing:
            synced.result()
        if self.names:
            fsync_folder(self._folder)

    def discard(self) -> None:
        """Removes what was written."""
        self._syncer.shutdown()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        for name in self.names:
            path_of(self._folder, name).unlink(missing_ok=True)

    def _begin(self) -> None:
        self._close()
        name = new_id()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path_of(self._folder, name), flags, 0o400)
        self.names.append(name)
        self._size = 0

    def _close(self) -> None:
        if self._descriptor >= 0:
            self._flush()
            self._syncing.append(self._syncer.submit(_sync, self._descriptor))
            self._descriptor = -1

    def _flush(self) -> None:
        self._write(self._buffer)
        self._buffer.clear()

    def _write(self, *parts: Content) -> None:
        left = [memoryview(part) for part in parts if part]
        while left:
            written = os.writev(self._descriptor, left)
            while left and written >= len(left[0]):
                written -= len(left.pop(0))
            if left:
                left[0] = left[0][written:]


def path_of(folder: Path, name: str) -> Path:
    """Where a pack lies."""
    return folder / (name + _SUFFIX)


def names_in(folder: Path) -> list[str]:
    """Every pack of a folder."""
    return [path.name.removesuffix(_SUFFIX) for path in folder.iterdir() if path.name.endswith(_SUFFIX)]


def fsync_folder(folder: Path) -> None:
    """Has the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
