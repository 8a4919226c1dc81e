"""What the logs of versions say: merged in the order of time, with a cursor behind which no line is lost.

Several writers stamp their lines by one clock, but what one of them stamps a moment earlier may be there to be
read a moment later. As long as more than one may write, the newest moments are therefore held back.
"""

import asyncio
import time

import msgspec

from modelyard.domains.environments import build_lines
from modelyard.domains.model_apis.logs import queries
from modelyard.domains.model_apis.logs.wire import ModelApiVersionLogLine
from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Version
from modelyard.engines.logs import STREAMS, LogStore, RunLine
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest

MOST_LINES = 10_000
# The one container of a replica, for clients that know of several.
CONTAINER = "model"

# Lines of builds are stored a moment after they are said, those of replicas as they are stamped.
_BUILD_SETTLES_NS, _REPLICAS_SETTLE_NS = 2_000_000_000, 500_000_000


class InstanceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines of the replicas of a version are asked for."""

    replica_id: str | None
    container: str | None
    after_ns: int
    newest: bool
    limit: int


def cursor(given: str | None) -> int:
    """The moment that `sinceTimeNano` says, 0 without it; raises BadRequest."""
    if not given:
        return 0
    if len(given) > 19 or not (given.isascii() and given.isdecimal()) or int(given) >= 2**63:
        raise BadRequest("sinceTimeNano: must be epoch nanoseconds as a decimal number, the `timeNano` of a line.")
    return int(given)


def build_id(version: Version) -> str:
    """What was built for a version: its environment's revision, or an environment of its own."""
    return version.environment_revision_id if version.source.type == "File" else version.id


def build_status(version: Version) -> str:
    """How far the build of a version is, in the contract's words."""
    if version.built_at is not None:
        return "complete"
    return {lifecycle.PREPARING: "preparing", lifecycle.BUILDING: "building"}.get(version.status, "failed")


async def build_log(db: Database, version: Version, after_ns: int) -> list[ModelApiVersionLogLine]:
    """Lines about the build of a version, and of the build of its environment, after a cursor."""
    over = build_status(version) in {"complete", "failed"}
    until = time.time_ns() - (0 if over else _BUILD_SETTLES_NS)
    own = await queries.oldest_lines(db, version.id, "build", after_ns, MOST_LINES)
    lines = [ModelApiVersionLogLine.of(one.time_ns, one.line, "stdout", source="version") for one in own]
    if version.source.type == "File":
        lines += [
            ModelApiVersionLogLine.of(one.time_ns, one.line, "stdout", source="environment")
            for one in await build_lines(db, version.environment_revision_id, after_ns, MOST_LINES)
        ]
    return _first([line for line in lines if line.time_nano <= until])


async def deployment_log(db: Database, version: Version) -> list[ModelApiVersionLogLine]:
    """The newest lines about how a version was started, served and stopped."""
    found = await queries.newest_lines(db, version.id, "deployment", MOST_LINES)
    return [ModelApiVersionLogLine.of(one.time_ns, one.line, "stdout", source="platform") for one in found]


async def instance_log(
    db: Database, store: LogStore, version: Version, asked: InstanceRequest
) -> list[ModelApiVersionLogLine]:
    """What the replicas of a version have printed, living and ended ones."""
    if asked.container not in {None, CONTAINER}:
        return []
    now = time.time_ns()
    replicas = await queries.replica_logs(db, version.id, asked.after_ns)
    wanted = [one.id for one in replicas if asked.replica_id in {None, one.id}]
    writers = sum(one.is_open for one in replicas if asked.replica_id is None)
    found = await asyncio.to_thread(
        store.read_together,
        wanted,
        STREAMS,
        asked.after_ns,
        now - (_REPLICAS_SETTLE_NS if writers > 1 else 0),
        asked.limit,
        newest=asked.newest,
    )
    return [_of_replica(one) for one in found]


def _of_replica(found: RunLine) -> ModelApiVersionLogLine:
    line = found.line
    return ModelApiVersionLogLine.of(
        line.time_ns, line.text, line.stream, podName=found.run_id, containerName=CONTAINER
    )


def _first(lines: list[ModelApiVersionLogLine]) -> list[ModelApiVersionLogLine]:
    """The first lines by their times; those of one nanosecond stay together, as a cursor cannot part them."""
    lines.sort(key=lambda line: line.time_nano)
    end = MOST_LINES
    while end < len(lines) and lines[end].time_nano == lines[end - 1].time_nano:
        end += 1
    return lines[:end]
