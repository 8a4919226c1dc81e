"""The bytes of one chunk on their way in, before anybody knows whether they are right."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

KEPT_BYTES = 2**20


class Body:
    """Bytes that are in memory up to 1 MiB, else in a file without a name on the disk they are going to.

    `place` gives that disk's folder, when it is needed. To be closed after use, as by `with`.
    """

    def __init__(self, place: Callable[[], Path]) -> None:
        self._place = place
        self._kept: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._digest = hashlib.md5(usedforsecurity=False)
        self.length = 0

    @property
    def checksum(self) -> bytes:
        """The MD5 of what has come so far."""
        return self._digest.digest()

    def add(self, pieces: Sequence[bytes]) -> None:
        """Takes the next bytes; raises OSError when the disk is full."""
        for piece in pieces:
            self._digest.update(piece)
            self.length += len(piece)
        self._kept.extend(pieces)
        if self.length > KEPT_BYTES:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._place())  # noqa: SIM115
            self._file.writelines(self._kept)
            self._kept.clear()

    def write_to(self, descriptor: int, offset: int) -> None:
        """Writes all of it to a place in a file; raises OSError when the disk is full."""
        for piece in self._pieces():
            write_all(descriptor, piece, offset)
            offset += len(piece)

    def _pieces(self) -> Iterator[bytes]:
        if self._file is not None:
            self._file.seek(0)
            while piece := self._file.read(KEPT_BYTES):
                yield piece
        yield b"".join(self._kept)

    def close(self) -> None:
        """Forgets the bytes."""
        self._kept.clear()
        if self._file is not None:
            # On a full disk closing tries once more to write.
            with suppress(OSError):
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_all(descriptor: int, data: bytes, offset: int) -> None:
    """Writes bytes to a place in a file; a disk that takes only some of them raises OSError."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
