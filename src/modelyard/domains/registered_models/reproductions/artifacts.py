"""Files in the tracker's store, compared by their content without ever holding one."""

import hashlib
from urllib.parse import quote

import msgspec

from modelyard.domains.registered_models.reproductions.comparing import Kind, Output, Verdict, verdict
from modelyard.engines.tracker import ARTIFACT_SCHEME, Tracker, TrackerRefused

# So much is read for one comparison of two jobs, and so many files are looked at.
MOST_BYTES = 4 * 2**30
MOST_FILES = 2_000

# The description of a model, which names what is new every time.
_DESCRIPTION = "MLmodel"
_DESCRIPTION_BYTES = 2**20
_ITS_OWN = (b"artifact_path:", b"model_id:", b"model_uuid:", b"run_id:", b"utc_time_created:")


class TooMany(Exception):
    """More would have to be read than one comparison reads."""


class ArtifactReader:
    """Reads the artifacts of two jobs, up to `MOST_BYTES` and `MOST_FILES`."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._bytes = MOST_BYTES
        self._files = MOST_FILES

    async def compared(self, of: str, original: str, reproduction: str) -> list[Output]:
        """The files below two locations by their paths: identical are those with the same SHA-256."""
        try:
            one, other = await self._files_below(original), await self._files_below(reproduction)
        except TooMany:
            return [Output(kind=Kind.ARTIFACT, name="all files", verdict=Verdict.NOT_COMPARED, of=of)]
        return [
            await self._file(of, path, (original, one.get(path)), (reproduction, other.get(path)))
            for path in sorted(one.keys() | other.keys())
        ]

    async def _file(
        self, of: str, path: str, original: tuple[str, int | None], reproduction: tuple[str, int | None]
    ) -> Output:
        (place, size), (other_place, other_size) = original, reproduction
        known = Output(
            kind=Kind.ARTIFACT, name=path, verdict=verdict(_bytes(size), _bytes(other_size)), of=of,
            original=_bytes(size), reproduction=_bytes(other_size),
        )  # fmt: skip
        if size is None or other_size is None:
            return known
        if size != other_size and not _is_description(path):
            return known
        try:
            one, other = await self._hash(place, path), await self._hash(other_place, path)
        except TooMany:
            return msgspec.structs.replace(known, verdict=Verdict.NOT_COMPARED)
        return msgspec.structs.replace(known, verdict=verdict(one, other), original=one, reproduction=other)

    async def _files_below(self, location: str) -> dict[str, int]:
        """The sizes of all files below a location, by their paths from there."""
        files: dict[str, int] = {}
        folders = [""]
        while folders:
            folder = folders.pop()
            for entry in await self._tracker.artifacts(f"{location.rstrip('/')}/{folder}"):
                path = f"{folder}{entry.path.rpartition('/')[2]}"
                if entry.is_dir:
                    folders.append(f"{path}/")
                    continue
                self._files -= 1
                if self._files < 0:
                    raise TooMany
                files[path] = entry.file_size or 0
        return files

    async def _hash(self, location: str, path: str) -> str:
        """The SHA-256 of a file's bytes; of a model's description only of what is not new every time."""
        place = f"{location.removeprefix(ARTIFACT_SCHEME).strip('/')}/{path}"
        hashed, description = hashlib.sha256(), bytearray()
        url = f"/api/2.0/mlflow-artifacts/artifacts/{quote(place)}"
        async with self._tracker.send("GET", url, headers={"Accept-Encoding": "identity"}) as reply:
            if reply.status != 200:
                raise TrackerRefused(reply.status, "INTERNAL_ERROR", f"The artifact {path} cannot be read.")
            async for piece in reply.pieces():
                self._bytes -= len(piece)
                if self._bytes < 0:
                    raise TooMany
                if _is_description(path) and len(description) + len(piece) <= _DESCRIPTION_BYTES:
                    description += piece
                hashed.update(piece)
        if _is_description(path):
            return hashlib.sha256(_lasting(bytes(description))).hexdigest()
        return hashed.hexdigest()


def _lasting(description: bytes) -> bytes:
    """A model's description without what it says of itself alone; its fields begin at the beginning of lines."""
    lines = description.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(_ITS_OWN))


def _is_description(path: str) -> bool:
    return path.rpartition("/")[2] == _DESCRIPTION


def _bytes(size: int | None) -> str | None:
    return None if size is None else f"{size:,} bytes"
