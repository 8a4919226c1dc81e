"""Logs of runs: written by the runs themselves into files, stamped by the runner, read by anybody.

A run writes straight into one file a stream, so the kernel keeps every line whatever becomes of the
runner. The runner stamps what arrives with nanosecond times in an index; the times are one cursor over
all streams of the run.
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import msgspec

STREAMS = ("stdout", "stderr", "prepareoutput")


class LogLine(msgspec.Struct, frozen=True):
    """One line: nanoseconds since 1970, its stream, its text without the line end."""

    time_ns: int
    stream: str
    text: str


class LogPage(msgspec.Struct, frozen=True):
    """Lines after a cursor, the cursor behind the last one looked at, and whether more are stored."""

    lines: list[LogLine]
    latest_time_ns: int
    has_more: bool


class RunLine(msgspec.Struct, frozen=True):
    """A line of one of several runs."""

    run_id: str
    line: LogLine


class Follower(Protocol):
    """Stamps the log of one run while it is written."""

    def advance(self) -> int:
        """Stamps what has arrived; the number of bytes. Blocks for at most a few milliseconds."""
        ...

    def prepare(self, text: str) -> None:
        """Adds lines of the platform itself to the stream `prepareoutput`."""
        ...

    def finish(self) -> None:
        """Stamps all that is left, unfinished lines too, and makes it durable."""
        ...


@runtime_checkable
class LogStore(Protocol):
    """Where the logs of runs are kept."""

    def follow(self, run_id: str, max_bytes: int, *, begins_anew: bool = False) -> Follower:
        """Goes on stamping a run's log from where an earlier follower stopped.

        A log that is over the limit is cut there; one that `begins_anew` loses what it had, and goes on.
        """
        ...

    def read(self, run_id: str, streams: Iterable[str], after_ns: int, limit: int) -> LogPage:
        """At most `limit` lines of these streams after a cursor, oldest first."""
        ...

    def read_together(
        self,
        run_ids: Iterable[str],
        streams: Iterable[str],
        after_ns: int,
        until_ns: int,
        limit: int,
        *,
        newest: bool = False,
    ) -> list[RunLine]:
        """At most `limit` lines of several runs after a cursor and until a time, by their times.

        The oldest of them, or the newest. The time of the last one is a cursor behind which nothing is lost that
        has been stamped by now: lines of the same nanosecond are not torn apart, and may be more than `limit`.
        """
        ...

    def tail(self, run_id: str, streams: Iterable[str], max_bytes: int) -> str:
        """The end of these streams as text."""
        ...

    def delete(self, run_id: str) -> None:
        """Removes a run's log."""
        ...
