"""What a sender says of a file and of one chunk of it, checked to be possible."""

import hashlib

import msgspec

from modelyard.kit.errors import BadRequest, TooLarge

MAX_CHUNK_BYTES = 64 * 2**20
MAX_CHUNKS = 1_000_000
# Every folder on the way to a file is held open while the file is put in its place.
MAX_FOLDERS = 100


class SentFile(msgspec.Struct, frozen=True):
    """A file that comes in chunks: `path` as of a SafePath, `size` and `chunk_bytes` in bytes.

    All chunks have `chunk_bytes` but the last; an empty file is one empty chunk. Raises BadRequest.
    """

    path: str
    size: int
    chunk_bytes: int

    def __post_init__(self) -> None:
        if not self.path:
            raise BadRequest("The file has no name; give its path as resumableRelativePath.")
        if self.path.count("/") > MAX_FOLDERS:
            raise BadRequest(f"The file lies more than {MAX_FOLDERS} folders deep.")
        if self.size < 0 or self.chunk_bytes < 1:
            raise BadRequest("resumableIdentifier starts with the file's size, and resumableChunkSize is over 0.")
        if self.chunks > MAX_CHUNKS:
            raise BadRequest(f"The file has more than {MAX_CHUNKS:,} chunks; choose larger ones.")

    @property
    def chunks(self) -> int:
        """How many chunks the file has."""
        return max(-(-self.size // self.chunk_bytes), 1)

    @property
    def place(self) -> str:
        """The name of its bytes in a session; those of another version of the file have another one."""
        return f"{hashlib.blake2b(self.path.encode(), digest_size=16).hexdigest()}-{self.size}-{self.chunk_bytes}"


class Chunk(msgspec.Struct, frozen=True):
    """One chunk: its number from 1, its `length` in bytes, the MD5 of its bytes, how many there are of the file.

    Raises BadRequest when this and the file contradict each other, TooLarge over 64 MiB.
    """

    file: SentFile
    number: int
    length: int
    checksum: bytes
    total: int

    def __post_init__(self) -> None:
        if self.length > MAX_CHUNK_BYTES:
            raise TooLarge(f"A chunk has at most {MAX_CHUNK_BYTES:,} bytes; choose smaller ones.")
        if self.total != self.file.chunks:
            raise BadRequest(
                f"A file of {self.file.size:,} bytes has {self.file.chunks} chunks of {self.file.chunk_bytes:,}"
                f" bytes, but resumableTotalChunks is {self.total}."
            )
        if not 1 <= self.number <= self.total:
            raise BadRequest(f"resumableChunkNumber is from 1 to {self.total}, and not {self.number}.")
        wanted = min(self.file.chunk_bytes, self.file.size - self.offset)
        if self.length != wanted:
            raise BadRequest(
                f"Chunk {self.number} of {self.total} has {wanted:,} bytes,"
                f" but resumableCurrentChunkSize is {self.length:,}."
            )

    @property
    def offset(self) -> int:
        """Where the chunk begins in its file."""
        return (self.number - 1) * self.file.chunk_bytes
