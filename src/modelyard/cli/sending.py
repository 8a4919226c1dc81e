"""Uploads on their way to the server: in chunks, several at a time, and again when one got lost."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from modelyard.cli.connection import CommandError, Refused, Server
from modelyard.cli.local_files import LocalFile

CHUNK_BYTES = 8 * 2**20
PIECE_BYTES = 2**18
# Seconds between the attempts to send a chunk: all together a server may take as long to start again.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

_BOUNDARY = b"modelyard-chunk"
_HEAD = (
    b'--%b\r\nContent-Disposition: form-data; name="file"; filename="chunk"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n" % _BOUNDARY
)
_TAIL = b"\r\n--%b--\r\n" % _BOUNDARY

Arrived = Callable[[int], None]
Reply = TypeVar("Reply")


class _Changed(CommandError):
    """A file is not any more what it was when the upload began."""

    may_pass = True


class _Stopped(Exception):
    """Another thread has given up, or the person has."""


class _Chunk(msgspec.Struct, frozen=True):
    """A part of a file, by its number from 1."""

    file: LocalFile
    number: int

    def read(self) -> bytes:
        """Its bytes; raises CommandError."""
        start = (self.number - 1) * CHUNK_BYTES
        try:
            with Path(self.file.place).open("rb") as file:
                about = os.fstat(file.fileno())
                file.seek(start)
                data = file.read(min(CHUNK_BYTES, self.file.size - start))
        except OSError as error:
            raise CommandError(f"{self.file.place} cannot be read: {error.strerror}.") from None
        if (about.st_size, about.st_mtime_ns) != (self.file.size, self.file.changed):
            raise _Changed(f"{self.file.place} was changed while it was uploaded.")
        return data


class Upload:
    """One upload into a dataset, under its key."""

    def __init__(self, server: Server, dataset_id: str, key: str, *, resumed: bool) -> None:
        self.key = key
        self._server, self._resumed = server, resumed
        self._url = _url(dataset_id)
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    @classmethod
    def start(cls, server: Server, dataset_id: str, collision: str) -> "Upload":
        """Begins an upload; `collision` is what becomes of files whose names are taken."""
        body = {"filePaths": [], "fileCollisionSetting": collision}
        return cls(server, dataset_id, server.post(f"{_url(dataset_id)}/start", body), resumed=False)

    def send(self, files: Iterable[LocalFile], threads: int, arrived: Arrived) -> None:
        """Sends all chunks that are not there yet; raises CommandError. No thread is left that sends."""
        chunks = _chunks(files)
        with ThreadPoolExecutor(threads) as pool:
            workers = [pool.submit(self._work, chunks, arrived) for _ in range(threads)]
            try:
                for worker in as_completed(workers):
                    worker.result()
            except BaseException as error:
                self._stopping.set()
                if not (self._resumed and isinstance(error, Refused) and error.status == 404):
                    raise
        # An upload that is over takes no chunks; how it ended, it still says.
        self._stopping.clear()

    def end(self, folder: str) -> dict[str, Any]:
        """Puts everything below a folder of the dataset; what that came to. It may be asked for again."""
        # Here a plus is a plus: clients of this protocol do not encode what the folder is called.
        path = f"{self._url}/end/{self.key}" + (f"?targetRelativePath={quote(folder)}" if folder else "")
        found: dict[str, Any] = self._again(lambda: self._server.work("GET", path))
        return found

    def cancel(self) -> None:
        """Forgets what was sent; raises CommandError when it was ended."""
        self._server.work("GET", f"{self._url}/cancel/{self.key}")

    def _work(self, chunks: Iterator[_Chunk], arrived: Arrived) -> None:
        while not self._stopping.is_set():
            with self._lock:
                chunk = next(chunks, None)
            if chunk is None:
                return
            try:
                self._send(chunk, arrived)
            except _Stopped:
                return

    def _send(self, chunk: _Chunk, arrived: Arrived) -> None:
        data = chunk.read()
        about = self._about(chunk, data)
        # To ask for a small chunk takes as long as to send it, and it may come twice.
        if self._resumed and len(data) > PIECE_BYTES and self._is_there(about):
            arrived(len(data))
            return
        about["resumableCurrentChunkSize"] = len(data)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY.decode()}",
            "Content-Length": str(len(_HEAD) + len(data) + len(_TAIL)),
        }

        def attempt() -> None:
            counted = _Counted(arrived)
            try:
                self._server.send(self._url, self._body(data, counted), headers, **about)
            except CommandError:
                counted.take_back()
                raise

        self._again(attempt)

    def _is_there(self, about: dict[str, Any]) -> bool:
        return self._again(lambda: self._server.status(f"{self._url}/test", **about)) == 200

    def _about(self, chunk: _Chunk, data: bytes) -> dict[str, Any]:
        file = chunk.file
        return {
            "key": self.key,
            "resumableChunkNumber": chunk.number,
            "resumableChunkSize": CHUNK_BYTES,
            "resumableIdentifier": f"{file.size}-{file.path.rpartition('/')[2]}",
            "resumableRelativePath": file.path,
            "resumableTotalChunks": _count(file),
            "checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        }

    def _body(self, data: bytes, arrived: Arrived) -> Iterator[bytes]:
        """The body of a chunk in pieces, so that it can be seen to move, and be stopped."""
        if len(data) <= PIECE_BYTES:
            yield _HEAD + data + _TAIL
            arrived(len(data))
            return
        yield _HEAD
        for start in range(0, len(data), PIECE_BYTES):
            if self._stopping.is_set():
                raise _Stopped
            piece = data[start : start + PIECE_BYTES]
            yield piece
            arrived(len(piece))
        yield _TAIL

    def _again(self, attempt: Callable[[], Reply]) -> Reply:
        """Does something that may fail now and succeed in a moment; raises CommandError when it does not."""
        for pause in PAUSES:
            try:
                return attempt()
            except CommandError as error:
                if not error.may_pass:
                    raise
            if self._stopping.wait(pause):
                raise _Stopped
        return attempt()


class _Counted:
    """Tells of bytes that have arrived, and takes that back when they have to be sent again."""

    def __init__(self, arrived: Arrived) -> None:
        self._arrived, self._count = arrived, 0

    def __call__(self, count: int) -> None:
        self._count += count
        self._arrived(count)

    def take_back(self) -> None:
        self._arrived(-self._count)


def _chunks(files: Iterable[LocalFile]) -> Iterator[_Chunk]:
    """All chunks of files; an empty file is one empty chunk."""
    for file in files:
        for number in range(1, _count(file) + 1):
            yield _Chunk(file, number)


def _count(file: LocalFile) -> int:
    return max(-(-file.size // CHUNK_BYTES), 1)


def _url(dataset_id: str) -> str:
    return f"/v4/datasetrw/datasets/{dataset_id}/snapshot/file"
