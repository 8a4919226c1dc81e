"""One upload session: a folder of received bytes, of logs of them, and of what was agreed at its start.

`session.json` is also the session's lock: who adds to a session shares it, who ends or cancels it has it alone.
Locks are the kernel's and end with their process. `counts` has the files and bytes that were announced.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from modelyard.engines.uploads import received
from modelyard.engines.uploads.body import Body, write_all
from modelyard.engines.uploads.chunk import Chunk, SentFile
from modelyard.engines.uploads.plan import Collision, Staged
from modelyard.engines.uploads.quota import Quota
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import is_id

MAX_FILES = 1_000_000

FACTS, FILES, COMMIT = "session.json", "files", "commit.json"
LEFT = ".left"
_LOGS, _COUNTS = "received", "counts"
_COUNTED = struct.Struct(">QQ")
_SHOWN = 5


class Facts(msgspec.Struct, frozen=True):
    """What was agreed when a session started."""

    account_id: str
    collision: Collision
    quota: Quota | None
    # The run of the machine that it started in.
    boot: str


class Gone(NotFound):
    """There is no such session, or it is another account's; both look the same."""

    def __init__(self) -> None:
        super().__init__("You have no upload with this key in this dataset, or it is over; start a new one.")


class Session:
    """A session that is open, and locked, within `opened`."""

    def __init__(self, folder: Path, facts: Facts, descriptor: int) -> None:
        self.folder, self.facts, self._descriptor = folder, facts, descriptor

    def receive(self, chunk: Chunk, body: Body) -> None:
        """Puts the bytes of a chunk into their place, then notes it; raises BadRequest, and OSError."""
        with _descriptor(self._place(chunk.file), os.O_WRONLY) as target:
            # The same chunk may come twice at a time, as when a client sends it again too early.
            fcntl.flock(target, fcntl.LOCK_EX)
            body.write_to(target, chunk.offset)
            received.note(self.folder / _LOGS, chunk.file, chunk.number, chunk.checksum)
        os.utime(self._descriptor)

    def _place(self, file: SentFile) -> Path:
        """Where the bytes of a file belong; raises BadRequest for a new one that would be too much."""
        path = self.folder / FILES / file.place
        if path.exists():
            return path
        with _descriptor(self.folder / _COUNTS, os.O_RDWR | os.O_CREAT) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not path.exists():
                held = os.pread(descriptor, _COUNTED.size, 0)
                files, size = _COUNTED.unpack(held) if len(held) == _COUNTED.size else (0, 0)
                self._admit(files + 1, size + file.size)
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
                write_all(descriptor, _COUNTED.pack(files + 1, size + file.size), 0)
        return path

    def _admit(self, files: int, size: int) -> None:
        if files > MAX_FILES:
            raise BadRequest(f"An upload has at most {MAX_FILES:,} files; end this one and start another.")
        if self.facts.quota:
            self.facts.quota.demand(size, may_replace=self.facts.collision is not Collision.RENAME)

    def has(self, file: SentFile, number: int, checksum: bytes) -> bool:
        """Whether a chunk is there."""
        return received.has(self.folder / _LOGS, file, number, checksum)

    def complete(self) -> dict[str, Staged]:
        """All files by their paths; raises BadRequest that names what is missing."""
        with os.scandir(self.folder / FILES) as entries:
            sizes = {entry.name: entry.stat().st_size for entry in entries}
        files, lacking = {}, []
        for one in received.read(self.folder / _LOGS):
            file = one.file
            if len(one.numbers) == file.chunks and sizes.get(file.place) == file.size:
                files[file.path] = Staged(file.place, file.size)
            else:
                missing = [str(number) for number in range(1, file.chunks + 1) if number not in one.numbers]
                lacking.append(f"of {file.path!r} chunk {_some(missing) or 'all'} of {file.chunks}")
        if lacking:
            raise BadRequest(
                f"The upload is not complete; send what is missing, then end it: {_some(sorted(lacking))}."
            )
        return files

    def put_away(self) -> Path:
        """Ends the session; what it held waits for its removal in the folder that is returned.

        No crash leaves a part of the session that looks whole.
        """
        doomed = self.folder.with_suffix(LEFT)
        self.folder.rename(doomed)
        # Who waits for the session with its lock in hand sees by this that it is over.
        (doomed / FACTS).unlink()
        return doomed


def start(folder: Path, facts: Facts) -> None:
    """Makes the folder of a new session."""
    for part in (folder, folder / FILES, folder / _LOGS):
        part.mkdir(mode=0o700)
    with _descriptor(folder / FACTS, os.O_WRONLY | os.O_CREAT) as descriptor:
        write_all(descriptor, msgspec.json.encode(facts), 0)


@contextmanager
def opened(folder: Path, account_id: str | None, *, alone: bool = False) -> Iterator[Session]:
    """An account's session (anybody's with None), locked during the block; whoever wants it alone waits.

    Raises Gone, and BadRequest when something is to be added while it is being ended or cancelled.
    """
    if not is_id(folder.name):
        raise Gone
    try:
        descriptor = os.open(folder / FACTS, os.O_RDONLY)
    except FileNotFoundError:
        raise Gone from None
    try:
        _lock(descriptor, alone=alone)
        facts = _facts(descriptor)
        if facts is None or account_id not in {None, facts.account_id}:
            raise Gone
        yield Session(folder, facts, descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, *, alone: bool) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadRequest("The upload is being ended or cancelled and takes no more chunks.") from None


def _facts(descriptor: int) -> Facts | None:
    """What was agreed; None when the session was removed just now, or lost with the machine's memory."""
    if os.fstat(descriptor).st_nlink == 0:
        return None
    try:
        return msgspec.json.decode(os.read(descriptor, 2**16), type=Facts)
    except msgspec.DecodeError:
        return None


@contextmanager
def _descriptor(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _some(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN:,} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
