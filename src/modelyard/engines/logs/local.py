"""Logs in the folders of runs on this machine's disk."""

import contextlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from modelyard.engines.logs import STREAMS, LogLine, LogPage, RunLine
from modelyard.engines.logs.index import Index, Record, open_for_append
from modelyard.engines.logs.reading import (
    LONGEST_LINE_BYTES,
    READ_BYTES,
    lines_of,
    newest_together,
    oldest_together,
    texts_of,
)

CHUNK_BYTES = 2**20


class LocalLogStore:
    """Each run's streams and their index lie in `<root>/<runId>/log/`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, run_id: str) -> Path:
        """Where a run's streams are written to."""
        return self._root / run_id / "log"

    def follow(self, run_id: str, max_bytes: int, *, begins_anew: bool = False) -> "LocalFollower":
        """Goes on stamping a run's log from where an earlier follower stopped; see LogStore."""
        return LocalFollower(self.folder(run_id), max_bytes, begins_anew=begins_anew)

    def read(self, run_id: str, streams: Iterable[str], after_ns: int, limit: int) -> LogPage:
        """At most `limit` lines of these streams after a cursor, oldest first."""
        folder, wanted = self.folder(run_id), frozenset(streams)
        index = Index(folder / "index")
        lines: list[LogLine] = []
        latest, size = after_ns, 0
        for record in index.records(index.first_after(after_ns)):
            if len(lines) >= limit or size > READ_BYTES:
                return LogPage(lines, latest, True)
            if record.stream not in wanted:
                latest = max(latest, record.latest_ns)
                continue
            for number, text in enumerate(texts_of(folder, record)):
                moment = record.time_ns + number
                if moment <= after_ns:
                    continue
                if len(lines) >= limit:
                    return LogPage(lines, latest, True)
                lines.append(LogLine(moment, record.stream, text))
                latest, size = moment, size + len(text)
        return LogPage(lines, latest, False)

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
        """At most `limit` lines of several runs after a cursor and until a time, by their times."""
        folders, wanted = {run_id: self.folder(run_id) for run_id in run_ids}, frozenset(streams)
        read = newest_together if newest else oldest_together
        return read(folders, wanted, after_ns, until_ns, limit)

    def tail(self, run_id: str, streams: Iterable[str], max_bytes: int) -> str:
        """The end of these streams as text, from the start of a line on."""
        texts = []
        for stream in streams:
            with contextlib.suppress(FileNotFoundError), (self.folder(run_id) / stream).open("rb") as file:
                start = max(0, file.seek(0, os.SEEK_END) - max_bytes)
                file.seek(start)
                content = file.read(max_bytes)
                texts.append((content.partition(b"\n")[2] if start else content).decode("utf-8", "replace"))
        return "".join(texts)

    def delete(self, run_id: str) -> None:
        """Removes a run's log."""
        folder = self.folder(run_id)
        for name in (*STREAMS, "index"):
            (folder / name).unlink(missing_ok=True)


class LocalFollower:
    """Stamps one run's log while it is written, in records of whole lines."""

    def __init__(self, folder: Path, max_bytes: int, *, begins_anew: bool = False) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._max_bytes = max_bytes
        self._begins_anew = begins_anew
        self._files: dict[str, int] = {}
        self._index, self._ends, self._latest = open_for_append(folder / "index")
        self._said_cut = False

    def advance(self) -> int:
        """Stamps what has arrived, a bounded piece of each stream; the number of bytes."""
        return sum(self._stamp(stream, final=False) for stream in STREAMS)

    def prepare(self, text: str) -> None:
        """Adds lines of the platform itself to the stream `prepareoutput`."""
        with (self._folder / "prepareoutput").open("ab") as file:
            file.write(text.rstrip("\n").encode() + b"\n")
        self._stamp("prepareoutput", final=False)

    def finish(self) -> None:
        """Stamps all that is left, unfinished lines too, and makes it durable."""
        for stream in STREAMS:
            while self._stamp(stream, final=True):
                pass
        for descriptor in (*self._files.values(), self._index):
            os.fsync(descriptor)
        self.close()

    def close(self) -> None:
        """Lets go of the files; another follower can go on."""
        for descriptor in (*self._files.values(), self._index):
            os.close(descriptor)
        self._files.clear()
        self._index = -1

    def _stamp(self, stream: str, *, final: bool) -> int:
        descriptor = self._opened(stream)
        if descriptor is None:
            return 0
        offset = self._ends[stream]
        chunk = os.pread(descriptor, CHUNK_BYTES, offset)
        whole = _whole_lines(chunk, final=final and len(chunk) < CHUNK_BYTES)
        if not whole:
            return 0
        if self._is_over_limit(stream):
            return self._stamp(stream, final=final) if self._begins_anew else 0
        moment = max(time.time_ns(), self._latest + 1)
        count = sum(1 for _ in lines_of(whole))
        record = Record(moment, offset, len(whole), count, stream)
        os.write(self._index, record.packed())
        self._latest = moment + count - 1
        self._ends[stream] = offset + len(whole)
        return len(whole)

    def _is_over_limit(self, stream: str) -> bool:
        if stream == "prepareoutput" or self._ends["stdout"] + self._ends["stderr"] < self._max_bytes:
            return False
        if self._begins_anew:
            self._begin_anew()
            return True
        if not self._said_cut:
            self._said_cut = True
            self.prepare(f"The log is cut here: it is longer than the {self._max_bytes:,} bytes that are kept.")
        # Whoever writes appends, so that what is dropped here takes no room.
        os.truncate(self._folder / stream, self._ends[stream])
        return True

    def _begin_anew(self) -> None:
        """Drops all that is stamped. Times go on, so that cursors of before find what comes."""
        os.ftruncate(self._index, 0)
        os.lseek(self._index, 0, os.SEEK_SET)
        for stream in STREAMS:
            with contextlib.suppress(FileNotFoundError), (self._folder / stream).open("a+b") as file:
                file.seek(self._ends[stream])
                rest = file.read(CHUNK_BYTES)
                file.truncate(0)
                file.write(rest)  # behind what the run may have written just now
        self._ends = dict.fromkeys(STREAMS, 0)
        self.prepare(f"Earlier lines are dropped: the log was over the {self._max_bytes:,} bytes that are kept.")

    def _opened(self, stream: str) -> int | None:
        if stream not in self._files:
            try:
                self._files[stream] = os.open(self._folder / stream, os.O_RDONLY)
            except FileNotFoundError:
                return None
        return self._files[stream]


def _whole_lines(chunk: bytes, *, final: bool) -> bytes:
    """The part of a chunk up to its last line end; all of it at the end or when a line is too long.

    A carriage return that ends the chunk may be half of a line end, and waits.
    """
    end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, -1)) + 1
    if final or (len(chunk) - end) >= LONGEST_LINE_BYTES:
        return chunk
    return chunk[:end]
