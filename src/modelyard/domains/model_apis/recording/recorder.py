"""Takes note of calls where they are answered, and writes them to the spool from time to time."""

import asyncio
import contextlib
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import prometheus_client
import structlog

from modelyard.domains.model_apis.calls.queries import Routes, Served
from modelyard.domains.model_apis.calls.recorded import RecordedCall, Recorder
from modelyard.engines.call_records import CallRecord, Head, OpenSegment, Spool
from modelyard.kit import work
from modelyard.kit.db import Database
from modelyard.kit.errors import Unavailable

log = structlog.get_logger()

# Durable work: what is in the spool becomes files.
RECORD, SPOOL = "model_apis.record", "spool"

# How long calls gather before they are written: so much is lost when the process is killed.
FLUSH_SECONDS = 0.25
# What waits to be written is held in memory.
PENDING_BYTES = 8 * 2**20
SEGMENT_BYTES = 8 * 2**20
RETRY_SECONDS = 5.0
_OVERHEAD_BYTES = 500

RECORDED = prometheus_client.Counter("modelyard_model_calls_recorded_total", "Calls of model APIs put on record.")
DROPPED = prometheus_client.Counter(
    "modelyard_model_calls_dropped_total",
    "Calls that should have been put on record, for which there was no room.",
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes kept of a body, seconds until a segment is turned, bytes that the whole spool may have."""

    body_bytes: int
    seconds: float
    spool_bytes: int


class _Noted(msgspec.Struct, frozen=True):
    """A call that is to be written, and what is true of its version."""

    version_id: str
    version_number: int
    redacted_fields: tuple[str, ...]
    record: CallRecord


class CallRecorder(Recorder):
    """The recorder of one process; `run` must run beside it, and `close` writes what is left."""

    def __init__(self, db: Database, folder: Path, limits: Limits) -> None:
        self._db = db
        self._spool = Spool(folder)
        self._limits = limits
        self._pending: list[_Noted] = []
        self._pending_bytes = 0
        self._wake = asyncio.Event()
        self._segments: dict[str, OpenSegment] = {}
        self._spooled_bytes: int | None = None
        self._close_at = 0.0
        self._has_untold = False
        self._refused: Counter[str] = Counter()
        # Of this thread alone are the segments, and what is not said yet of calls that were dropped.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._dropped: Counter[str] = Counter()

    def record(self, routes: Routes, served: Served, call: RecordedCall) -> None:
        """Takes note of a call, unless it is left out of the sample or there is no room; never waits."""
        if not is_sampled(call.request_id, routes.recorded_share):
            return
        if self._pending_bytes >= PENDING_BYTES:
            self._refused[served.version_id] += 1
            return
        longest = self._limits.body_bytes
        record = CallRecord(
            call.at_ns,
            call.request_id,
            call.status,
            call.seconds,
            call.model_seconds,
            call.caller,
            call.request[:longest],
            call.answer[:longest],
            len(call.request) > longest or len(call.answer) > longest,
        )
        self._pending.append(_Noted(served.version_id, served.number, tuple(routes.redacted_fields), record))
        self._pending_bytes += len(record.request) + len(record.answer) + _OVERHEAD_BYTES
        self._wake.set()

    async def run(self) -> None:
        """Writes until it is cancelled; what an earlier life has left is turned first."""
        self._has_untold = bool(await asyncio.to_thread(self._spool.closed))
        while True:
            try:
                if self._has_untold:
                    await self._tell()
                await self._rest()
                await self._flush()
            except Exception:
                log.exception("calls could not be recorded")
                await asyncio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Writes what is left, and lets it be turned."""
        await self._apart(self._write, *self._taken())
        await self._apart(self._close_all)
        self._thread.shutdown()
        if self._has_untold:
            await self._tell()

    async def _rest(self) -> None:
        """Waits for calls to have gathered, or for the time at which segments are closed."""
        seconds = max(0.0, self._close_at - time.monotonic()) if self._segments else None
        if self._has_untold:
            seconds = RETRY_SECONDS if seconds is None else min(seconds, RETRY_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
            await asyncio.sleep(FLUSH_SECONDS)

    async def _flush(self) -> None:
        noted, refused = self._taken()
        if noted:
            await self._apart(self._write, noted, refused)
        if self._segments and time.monotonic() >= self._close_at:
            await self._apart(self._close_all)

    def _taken(self) -> tuple[list[_Noted], Counter[str]]:
        self._wake.clear()
        noted, self._pending, self._pending_bytes = self._pending, [], 0
        refused, self._refused = self._refused, Counter()
        return noted, refused

    async def _apart(self, write: Callable[..., None], *arguments: object) -> None:
        """Writes in the one thread that does; in order, also when who waits for it is gone."""
        await asyncio.get_running_loop().run_in_executor(self._thread, write, *arguments)

    async def _tell(self) -> None:
        """Has a runner turn what is closed."""
        try:
            async with self._db.transaction() as tx:
                await work.enqueue(tx, RECORD, SPOOL)
            self._has_untold = False
        except Unavailable:
            self._has_untold = True

    def _write(self, noted: list[_Noted], refused: Counter[str]) -> None:
        for version_id, calls in refused.items():
            self._drop(version_id, calls)
        groups: dict[tuple[str, int, tuple[str, ...]], list[CallRecord]] = {}
        for one in noted:
            groups.setdefault((one.version_id, one.version_number, one.redacted_fields), []).append(one.record)
        if self._spooled_bytes is None or self._spooled_bytes > self._limits.spool_bytes:
            self._trim()
        for (version_id, number, fields), records in groups.items():
            try:
                if (self._spooled_bytes or 0) > self._limits.spool_bytes:
                    self._drop(version_id, len(records))
                    continue
                written = self._append(version_id, number, fields, records)
                self._spooled_bytes = (self._spooled_bytes or 0) + written
                RECORDED.inc(len(records))
            except OSError as error:
                log.warning("calls could not be written to the spool", version=version_id, error=str(error))
                self._drop(version_id, len(records))

    def _append(self, version_id: str, number: int, fields: tuple[str, ...], records: list[CallRecord]) -> int:
        """Adds calls to the segment of their version; how many bytes that took."""
        segment = self._segments.get(version_id)
        if segment is not None and segment.head.redacted_fields != fields:
            self._close(version_id)
            segment = None
        if segment is None:
            if not self._segments:
                self._close_at = time.monotonic() + self._limits.seconds
            head = Head(
                version_id=version_id,
                version_number=number,
                redacted_fields=fields,
                dropped=self._dropped.pop(version_id, 0),
            )
            segment = self._segments[version_id] = self._spool.open(head)
        before = segment.bytes
        segment.append(records)
        if segment.bytes >= SEGMENT_BYTES:
            self._close(version_id)
        return segment.bytes - before

    def _close_all(self) -> None:
        for version_id in list(self._segments):
            self._close(version_id)
        self._spooled_bytes = self._spool.size_bytes

    def _close(self, version_id: str) -> None:
        segment = self._segments.pop(version_id)
        segment.close()
        if segment.calls:
            self._has_untold = True
        else:
            self._dropped[version_id] += segment.head.dropped  # is still to be said

    def _trim(self) -> None:
        """Looks how much there is, and drops what has waited for longest to be turned when that is too much."""
        self._spooled_bytes = self._spool.size_bytes
        if self._spooled_bytes <= self._limits.spool_bytes:
            return
        for segment in self._spool.trim(max(0, self._limits.spool_bytes - SEGMENT_BYTES)):
            log.warning("the spool is full: calls dropped", version=segment.version_id, calls=segment.calls)
            self._drop(segment.version_id, segment.calls)
        self._spooled_bytes = self._spool.size_bytes

    def _drop(self, version_id: str, calls: int) -> None:
        self._dropped[version_id] += calls
        DROPPED.inc(calls)


def is_sampled(request_id: str, share: float) -> bool:
    """Whether a call is in the sample: the same for the same id, wherever it is asked."""
    return zlib.crc32(request_id.encode()) < share * 2**32
