"""Turning the spool into files of datasets, as durable work of a runner."""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog

from modelyard.domains import datasets
from modelyard.domains.datasets import Storage
from modelyard.domains.model_apis.recording import queries
from modelyard.domains.model_apis.recording.queries import Recorded
from modelyard.domains.model_apis.recording.recorder import RECORD, SPOOL
from modelyard.domains.model_apis.recording.service import dataset_of
from modelyard.engines.call_records import ClosedSegment, NotTurned, Part, Spool, Turn, turned
from modelyard.kit import queries as kit_queries
from modelyard.kit import work
from modelyard.kit.db import Database
from modelyard.kit.errors import Failure, Unavailable, reason_of
from modelyard.kit.safe_path import SafePath
from modelyard.kit.work import Kind, Lease, applying, oldest_first

log = structlog.get_logger()

# Segments that one child process turns.
AT_ONCE = 32
# What could not be turned is tried again after this, or with what comes then.
RETRY_SECONDS = 60.0
_TURNING = ".turning-"
_RECORDED_AGAIN = "Calls are recorded again."


class RecordingWork:
    """Turns the segments of this machine's spool; everything may be done twice."""

    def __init__(self, db: Database, storage: Storage, folder: Path) -> None:
        self._db = db
        self._storage = storage
        self._folder = folder
        self._spool = Spool(folder)
        # Versions whose files had no place the last time: of them one segment is tried.
        self._failing: set[str] = set()

    @property
    def kind(self) -> Kind:
        """The kind of work that recording needs; one at a time."""
        return oldest_first(self._db, RECORD, 1, self.record)

    async def record(self, lease: Lease) -> None:
        """Turns all closed segments; those that cannot be now are kept for another try."""
        await asyncio.to_thread(self._clear)
        kept = await self._turn_all(await asyncio.to_thread(self._spool.closed))
        if kept:
            await kit_queries.postpone(self._db, lease.token, RETRY_SECONDS)
            return
        async with applying(self._db, lease, finish=True) as tx:
            # What was closed meanwhile found this work still queued.
            if await asyncio.to_thread(self._spool.closed):
                await work.enqueue(tx, RECORD, SPOOL)

    def _clear(self) -> None:
        """Removes what a try that was killed has left."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self._folder.glob(f"{_TURNING}*"):
            shutil.rmtree(path, ignore_errors=True)

    async def _turn_all(self, segments: list[ClosedSegment]) -> bool:
        """Turns segments, the oldest first; whether some are kept for another try."""
        known = await queries.recorded_among(self._db, sorted({one.version_id for one in segments}))
        places = {version_id: await self._place(version) for version_id, version in known.items()}
        ready, kept, tried = [], False, set[str]()
        for segment in segments:
            version_id = segment.version_id
            if version_id not in known:
                await asyncio.to_thread(self._spool.remove, segment)
            elif places[version_id] is None or (version_id in self._failing and version_id in tried):
                kept = True
            else:
                ready.append(segment)
                tried.add(version_id)
        for start in range(0, len(ready), AT_ONCE):
            kept = not await self._turn(ready[start : start + AT_ONCE], known, places) or kept
        return kept

    async def _place(self, version: Recorded) -> str | None:
        """The dataset of a version, or None when there is none that could be written to."""
        try:
            return await dataset_of(self._db, version)
        except Unavailable:
            raise
        except Failure as failure:
            await self._say_problem(version, failure)
            return None

    async def _turn(
        self, segments: Sequence[ClosedSegment], known: dict[str, Recorded], places: dict[str, str | None]
    ) -> bool:
        """Has some segments turned by one child process; False when one of them is kept."""
        with tempfile.TemporaryDirectory(prefix=_TURNING, dir=self._folder) as folder:
            turns = [_asked(one, known[one.version_id], Path(folder) / one.id) for one in segments]
            try:
                found = await turned(turns)
            except NotTurned as problem:
                if len(segments) > 1:  # one of them is to blame
                    return all([await self._turn([one], known, places) for one in segments])
                log.error("recorded calls could not be turned", segment=segments[0].id, error=str(problem))
                return False
            done = True
            for segment, parts in zip(segments, found, strict=True):
                place = places[segment.version_id]
                if place and not await self._put(segment, known[segment.version_id], place, parts):
                    done = False
        return done

    async def _put(
        self, segment: ClosedSegment, version: Recorded, dataset_id: str, parts: list[Part] | None
    ) -> bool:
        """Puts the files of a segment into its dataset, and forgets it; False when it is kept."""
        if parts:
            below = f"{version.model_api_id}/{version.number}"
            files = {
                SafePath(f"{below}/date={part.day}/{Path(part.path).name}"): Path(part.path) for part in parts
            }
            try:
                await datasets.put_files(
                    self._db, self._storage, dataset_id, files,
                    modelApiId=version.model_api_id, version=version.number,
                )  # fmt: skip
            except (Unavailable, ConnectionError):
                raise
            except (Failure, OSError) as failure:
                self._failing.add(version.version_id)
                await self._say_problem(version, failure)
                return False
        elif segment.path.exists():
            log.error(
                "a segment of recorded calls cannot be read", version=version.version_id, calls=segment.calls
            )
        await asyncio.to_thread(self._spool.remove, segment)
        self._failing.discard(version.version_id)
        if (await queries.last_said(self._db, version.version_id) or _RECORDED_AGAIN) != _RECORDED_AGAIN:
            await queries.say(self._db, version.version_id, _RECORDED_AGAIN)
        return True

    async def _say_problem(self, version: Recorded, failure: Failure | OSError) -> None:
        """Notes in the log of a version why nothing is recorded, once."""
        log.warning("calls cannot be recorded", version=version.version_id, error=str(failure))
        await queries.say(
            self._db,
            version.version_id,
            f"Calls are not put into the dataset, but kept for a while: {reason_of(failure)}",
        )


def _asked(segment: ClosedSegment, version: Recorded, folder: Path) -> Turn:
    return Turn(
        segment=str(segment.path),
        folder=str(folder),
        redacted_fields=version.redacted_fields,
        input_names=version.input_names,
        in_rows=version.is_registry,
        metadata={
            "modelyard.model_api_id": version.model_api_id,
            "modelyard.model_api_name": version.model_api_name,
            "modelyard.segment": segment.id,
        },
    )
