"""Reading the lines behind an index, of one run or of several that write at the same time."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path

from modelyard.engines.logs import LogLine, RunLine
from modelyard.engines.logs.index import Index, Record

LONGEST_LINE_BYTES = 2**16
READ_BYTES = 8 * 2**20

Folders = Mapping[str, Path]


def lines_of(content: bytes) -> Iterator[bytes]:
    """The lines of a record, over-long ones in pieces; a carriage return of a progress bar ends a line."""
    for line in content.splitlines():
        for start in range(0, len(line) or 1, LONGEST_LINE_BYTES):
            yield line[start : start + LONGEST_LINE_BYTES]


def texts_of(folder: Path, record: Record) -> Iterator[str]:
    """The texts of the lines of a record."""
    with (folder / record.stream).open("rb") as file:
        file.seek(record.offset)
        for line in lines_of(file.read(record.length)):
            yield line.decode("utf-8", "replace")


def oldest_together(
    folders: Folders, streams: frozenset[str], after_ns: int, until_ns: int, limit: int
) -> list[RunLine]:
    """The oldest lines of several runs after one time and until another, oldest first."""

    def records(run_id: str) -> Iterator[tuple[str, Record]]:
        index = Index(folders[run_id] / "index")
        for record in index.records(index.first_after(after_ns)):
            if record.time_ns > until_ns:
                return
            if record.stream in streams:
                yield run_id, record

    merged = heapq.merge(*(records(run_id) for run_id in folders), key=lambda one: one[1].time_ns)
    found = _Window(folders, after_ns, until_ns, limit, attrgetter("line.time_ns"))
    for run_id, record in merged:
        if found.is_complete_before(record.time_ns):
            break
        found.add(run_id, record)
    return found.lines()


def newest_together(
    folders: Folders, streams: frozenset[str], after_ns: int, until_ns: int, limit: int
) -> list[RunLine]:
    """The newest lines of several runs after one time and until another, oldest first."""

    def records(run_id: str) -> Iterator[tuple[str, Record]]:
        for record in Index(folders[run_id] / "index").records_backwards():
            if record.latest_ns <= after_ns:
                return
            if record.stream in streams and record.time_ns <= until_ns:
                yield run_id, record

    merged = heapq.merge(*(records(run_id) for run_id in folders), key=lambda one: -one[1].latest_ns)
    found = _Window(folders, after_ns, until_ns, limit, lambda one: -one.line.time_ns)
    for run_id, record in merged:
        if found.is_complete_before(-record.latest_ns):
            break
        found.add(run_id, record)
    return found.lines()[::-1]


class _Window:
    """The first so many lines of records that come in order, while the lines of these may overlap.

    `key` gives the place of a line in that order. A window of many bytes has fewer lines.
    """

    def __init__(
        self, folders: Folders, after_ns: int, until_ns: int, limit: int, key: Callable[[RunLine], int]
    ) -> None:
        self._folders = folders
        self._after, self._until = after_ns, until_ns
        self._limit = limit
        self._key = key
        self._found: list[RunLine] = []
        self._bytes = 0

    def is_complete_before(self, place: int) -> bool:
        """Whether no line at this place or behind it belongs into the window."""
        if len(self._found) < self._limit:
            return False
        self._found.sort(key=self._key)
        return self._limit == 0 or place > self._key(self._found[self._limit - 1])

    def add(self, run_id: str, record: Record) -> None:
        """Reads the lines of a record; none when its log is just being deleted."""
        try:
            texts = list(texts_of(self._folders[run_id], record))
        except FileNotFoundError:
            return
        for moment, text in enumerate(texts, record.time_ns):
            if self._after < moment <= self._until:
                self._found.append(RunLine(run_id, LogLine(moment, record.stream, text)))
                self._bytes += len(text)
        if self._bytes > READ_BYTES:
            self._limit = min(self._limit, len(self._found))

    def lines(self) -> list[RunLine]:
        """The lines of the window in their order, and those at the same place as its last one."""
        self._found.sort(key=self._key)
        end = self._limit
        while 0 < end < len(self._found) and self._key(self._found[end]) == self._key(self._found[end - 1]):
            end += 1
        return self._found[:end]
