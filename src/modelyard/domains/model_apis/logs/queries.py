"""SQL of the logs of versions, and of the replicas that write them."""

import msgspec

from modelyard.kit.db import Executor

# So long after its end a replica's last lines may still be on their way into its log.
_LATE_SECONDS = 5


class PlatformLine(msgspec.Struct, frozen=True):
    """A line of what the platform did for a version; nanoseconds since 1970."""

    time_ns: int
    line: str


class ReplicaLog(msgspec.Struct, frozen=True):
    """A replica whose log may have lines, and whether it may write more."""

    id: str
    is_open: bool


async def oldest_lines(db: Executor, version_id: str, kind: str, after_ns: int, limit: int) -> list[PlatformLine]:
    """Lines of one kind about a version after a cursor, oldest first."""
    return await db.rows(
        PlatformLine,
        "SELECT time_ns, line FROM model_api_log_lines WHERE version_id = $1 AND kind = $2 AND time_ns > $3"
        " ORDER BY time_ns LIMIT $4",
        version_id, kind, after_ns, limit,
    )  # fmt: skip


async def newest_lines(db: Executor, version_id: str, kind: str, limit: int) -> list[PlatformLine]:
    """The newest lines of one kind about a version, oldest first."""
    found = await db.rows(
        PlatformLine,
        "SELECT time_ns, line FROM model_api_log_lines WHERE version_id = $1 AND kind = $2"
        " ORDER BY time_ns DESC LIMIT $3",
        version_id, kind, limit,
    )  # fmt: skip
    return found[::-1]


async def replica_logs(db: Executor, version_id: str, after_ns: int) -> list[ReplicaLog]:
    """The replicas of a version, living and ended, that may have written after a cursor; the first one first."""
    is_open = f"(state <> 'ended' OR ended_at > now() - interval '{_LATE_SECONDS} seconds')"
    return await db.rows(
        ReplicaLog,
        f"SELECT id, {is_open} AS is_open FROM model_replicas WHERE version_id = $1 AND ({is_open}"
        f" OR ended_at > to_timestamp($2::float8 / 1e9) - interval '{_LATE_SECONDS} seconds')"
        " ORDER BY started_at, id",
        version_id, after_ns,
    )  # fmt: skip
