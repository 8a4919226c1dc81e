"""Large files as loose git objects, written and read in pieces.

libgit2 holds a blob in memory as a whole; a loose object is a zlib stream of a header and the bytes, which
can be made and read with bounded memory. Large files are mostly compressed already, so they are stored.
"""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

PIECE_BYTES = 2**20
# Pieces that the memory allocator keeps instead of giving them back: a quarter less time for 2 GiB.
WRITTEN_BYTES = 2**16
STORED = 0


def write_blob(repository: Path, source: Path) -> str:
    """Adds a file to a repository as a blob; its id. Raises OSError when the file changes meanwhile."""
    size = source.stat().st_size
    header = b"blob %d\0" % size
    digest = hashlib.sha1(header, usedforsecurity=False)
    packer = zlib.compressobj(STORED)
    objects = repository / "objects"
    descriptor, name = tempfile.mkstemp(dir=objects, prefix="tmp_obj_")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as target, source.open("rb") as file:
            target.write(packer.compress(header))
            copied = 0
            while piece := file.read(WRITTEN_BYTES):
                copied += len(piece)
                digest.update(piece)
                target.write(packer.compress(piece))
            target.write(packer.flush())
            target.flush()
            os.fsync(target.fileno())
        if copied != size:
            raise OSError(f"the file changed while it was read: {copied} bytes instead of {size}")
        key = digest.hexdigest()
        folder = objects / key[:2]
        folder.mkdir(exist_ok=True)
        temporary.chmod(0o444)
        temporary.replace(folder / key[2:])
    finally:
        temporary.unlink(missing_ok=True)
    return key


def read_blob(repository: Path, key: str) -> Iterator[bytes] | None:
    """The bytes of a loose blob in pieces, or None when it is packed."""
    path = repository / "objects" / key[:2] / key[2:]
    return _pieces(path) if path.exists() else None


def _pieces(path: Path) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    with path.open("rb") as file:
        head = b""
        while b"\0" not in head:
            head += unpacker.decompress(unpacker.unconsumed_tail or file.read(4096), 4096)
        rest = head.partition(b"\0")[2]
        if rest:
            yield rest
        while not unpacker.eof:
            data = unpacker.unconsumed_tail or file.read(PIECE_BYTES)
            piece = unpacker.decompress(data, PIECE_BYTES)
            if piece:
                yield piece
            elif not data:
                raise OSError("a stored file is cut off")
