"""Hands that upload into a live folder as a client would."""

import hashlib
from pathlib import Path
from typing import Any

from modelyard.engines.blobs.local import LocalBlobStore
from modelyard.engines.folders import Extent, LiveFolder
from modelyard.engines.folders.local import LocalFolders
from modelyard.engines.trees import children_of
from modelyard.engines.uploads import Body, Chunk, Collision, Landed, Quota, SentFile, UploadSessions
from modelyard.kit.safe_path import SafePath

MAX_FILE_BYTES = 2**28


def live_folder(root: Path) -> LiveFolder:
    """The live folder of a dataset below a folder."""
    return LocalFolders(root / "datasets", LocalBlobStore(root / "blobs", children_of)).live("dataset")


class Uploader:
    """An account with one session."""

    def __init__(
        self,
        live: LiveFolder,
        collision: Collision = Collision.IGNORE,
        *,
        account: str = "ada",
        quota: Quota | None = None,
        key: str = "",
        boot: str | None = None,
    ) -> None:
        self.live, self.account, self.quota = live, account, quota
        self.sessions = UploadSessions(MAX_FILE_BYTES, boot)
        self.key = key or self.sessions.start(live, account, collision, quota)
        self.settled: list[tuple[Landed, Extent]] = []

    def send(self, path: str, data: bytes, chunk_bytes: int = 2**20, only: list[int] | None = None) -> None:
        """Sends a file, or only some of its chunks in this order."""
        file = SentFile(path, len(data), chunk_bytes)
        for number in only or range(1, file.chunks + 1):
            piece = data[(number - 1) * chunk_bytes : number * chunk_bytes]
            self.chunk(file, number, piece)

    def chunk(self, file: SentFile, number: int, piece: bytes, **changed: Any) -> None:
        """Sends a chunk, with something about it changed."""
        said: dict[str, Any] = {"length": len(piece), "checksum": _md5(piece), "total": file.chunks} | changed
        with Body(lambda: self.live.staging) as body:
            body.add([piece])
            self.sessions.receive(self.live, self.account, self.key, Chunk(file=file, number=number, **said), body)

    def has(self, path: str, data: bytes, number: int, chunk_bytes: int = 2**20) -> bool:
        """Whether a chunk is there."""
        piece = data[(number - 1) * chunk_bytes : number * chunk_bytes]
        file = SentFile(path, len(data), chunk_bytes)
        return self.sessions.has(self.live, self.account, self.key, file, number, _md5(piece))

    def end(self, target: str = "", quota: Quota | None = None) -> Landed:
        """Ends the session, and removes what it held."""
        landed = self.sessions.end(
            self.live, self.account, self.key, SafePath(target), quota or self.quota, self._settle
        )
        self.sessions.clear(self.live)
        return landed

    def cancel(self) -> bool:
        """Cancels the session."""
        return self.sessions.cancel(self.live, self.account, self.key)

    def recover(self) -> None:
        """What happens at the next start."""
        self.sessions.recover(self.live, self._settle)

    def _settle(self, landed: Landed, extent: Extent) -> None:
        self.settled.append((landed, extent))


def content(live: LiveFolder) -> dict[str, bytes]:
    """Every file of a live folder."""
    return {str(path.relative_to(live.root)): path.read_bytes() for path in live.root.rglob("*") if path.is_file()}


def put(live: LiveFolder, files: dict[str, bytes]) -> None:
    """Writes files as a program that does not tell."""
    for path, data in files.items():
        (live.root / path).parent.mkdir(parents=True, exist_ok=True)
        (live.root / path).write_bytes(data)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
