"""The log of a job as the API shows it: one cursor over all streams, before and after the end."""

import asyncio
from datetime import UTC, datetime

from modelyard.domains.jobs import queries
from modelyard.domains.jobs.queries import Job
from modelyard.domains.jobs.wire import (
    JobLogsV1,
    LogContentV1,
    LogsEnvelopeV1,
    LogsMetadataV1,
    LogsPaginationV1,
    LogTypeV1,
)
from modelyard.engines.logs import LogLine, LogStore
from modelyard.kit import context
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.wire import present

STREAMS: dict[LogTypeV1, tuple[str, ...]] = {
    "stdOut": ("stdout",),
    "stdErr": ("stderr",),
    "prepareOutput": ("prepareoutput",),
    "complete": ("stdout", "stderr", "prepareoutput"),
}
_TYPE_OF_STREAM: dict[str, LogTypeV1] = {
    "stdout": "stdOut",
    "stderr": "stdErr",
    "prepareoutput": "prepareOutput",
}

TEXT_LIMIT = 4 * 2**20


def log_type(given: str | None) -> LogTypeV1:
    """A log type in whatever case; raises BadRequest."""
    for known in STREAMS:
        if (given or "complete").lower() == known.lower():
            return known
    raise BadRequest(f"logType: must be one of {', '.join(STREAMS)}.")


async def read(
    db: Database, store: LogStore, job: Job, kind: LogTypeV1, limit: int, cursor: str | None
) -> LogsEnvelopeV1:
    """The lines after the cursor, and the cursor to go on from."""
    after = _position(cursor)
    # A job that was over before its log is read has no more lines to come.
    over = job.is_completed or ((await queries.find_job(db, job.id)) or job).is_completed
    page = await asyncio.to_thread(store.read, job.id, STREAMS[kind], after, limit)
    latest = page.latest_time_ns or after
    return LogsEnvelopeV1(
        logs=JobLogsV1(
            log_content=[_line(line) for line in page.lines],
            is_complete=over and not page.has_more,
            problem=present(job.problem),
        ),
        metadata=LogsMetadataV1(
            request_id=context.request_id.get(),
            notices=[],
            pagination=LogsPaginationV1(limit=limit, latest_time_nano=str(latest)),
        ),
    )


async def text(store: LogStore, job: Job, kind: LogTypeV1) -> str:
    """The end of a log as plain text, at most four million characters of it."""
    return await asyncio.to_thread(store.tail, job.id, STREAMS[kind], TEXT_LIMIT)


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    if not cursor.isdecimal() or len(cursor) > 20:
        raise BadRequest("latestTimeNano: must be the decimal number from an earlier reply.")
    return int(cursor)


def _line(line: LogLine) -> LogContentV1:
    moment = datetime.fromtimestamp(line.time_ns / 1e9, UTC)
    return LogContentV1(
        timestamp=moment, log_type=_TYPE_OF_STREAM[line.stream], log=line.text, size=len(line.text)
    )
