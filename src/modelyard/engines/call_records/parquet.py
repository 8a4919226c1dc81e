"""The program that turns segments into Parquet files: a list of Turns on stdin, lists of Parts on stdout.

The only place that knows pyarrow.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa
from pyarrow import parquet

from modelyard.engines.call_records.records import CallRecord, read
from modelyard.engines.call_records.redacting import Redaction
from modelyard.engines.call_records.turning import Part, Turn, part_name

# Others are answered on the same machine meanwhile.
_NICENESS = 10
_ROWS_AT_ONCE = 1000
_DAY_NS = 86_400 * 10**9

SCHEMA = pa.schema([
    pa.field("time", pa.timestamp("ns", tz="UTC"), nullable=False),
    pa.field("request_id", pa.string(), nullable=False),
    pa.field("version_number", pa.int32(), nullable=False),
    pa.field("version_id", pa.string(), nullable=False),
    pa.field("status", pa.int16(), nullable=False),
    pa.field("latency_ms", pa.float64(), nullable=False),
    pa.field("model_time_ms", pa.float64()),
    pa.field("caller", pa.string()),
    pa.field("request", pa.string()),
    pa.field("response", pa.string()),
    pa.field("truncated", pa.bool_(), nullable=False),
])  # fmt: skip


def main() -> None:
    """Turns what stdin asks for."""
    os.nice(_NICENESS)
    turns = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Turn])
    sys.stdout.buffer.write(msgspec.json.encode([turn(one) for one in turns]))


def turn(asked: Turn) -> list[Part] | None:
    """The files of one segment, one a day; None when the segment cannot be read."""
    segment, folder = Path(asked.segment), Path(asked.folder)
    try:
        head, records = read(segment)
    except (FileNotFoundError, ValueError):
        return None
    fields = sorted({*head.redacted_fields, *asked.redacted_fields})
    redaction = Redaction(fields, asked.input_names, in_rows=asked.in_rows)
    known = {"version_number": head.version_number, "version_id": head.version_id}
    metadata = asked.metadata | {
        "modelyard.dropped_calls": str(head.dropped),
        "modelyard.redacted_fields": msgspec.json.encode(fields).decode(),
    }
    with _Files(folder, part_name(segment), metadata) as files:
        for few in _batches(records):
            files.add([known | _row(record, redaction) for record in few], [record.time_ns for record in few])
    return files.parts


class _Files:
    """The files of one segment by day."""

    def __init__(self, folder: Path, name: str, metadata: dict[str, str]) -> None:
        self._folder = folder
        self._name = name
        self._schema = SCHEMA.with_metadata(metadata)
        self._writers: dict[str, parquet.ParquetWriter] = {}
        self._counts: dict[str, int] = {}

    def __enter__(self) -> "_Files":
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()

    @property
    def parts(self) -> list[Part]:
        """What was written."""
        return [Part(day, str(self._path(day)), self._counts[day]) for day in self._writers]

    def add(self, rows: list[dict[str, object]], times: list[int]) -> None:
        """Adds rows to the files of their days."""
        days = [time // _DAY_NS for time in times]
        for day in sorted(set(days)):
            table = pa.Table.from_pylist(
                [row for row, own in zip(rows, days, strict=True) if own == day], schema=self._schema
            )
            name = str(pa.scalar(day, pa.int32()).cast(pa.date32()).as_py())
            self._writer(name).write_table(table)
            self._counts[name] = self._counts.get(name, 0) + table.num_rows

    def _writer(self, day: str) -> parquet.ParquetWriter:
        if day not in self._writers:
            self._path(day).parent.mkdir(parents=True, exist_ok=True)
            self._writers[day] = parquet.ParquetWriter(self._path(day), self._schema, compression="zstd")
        return self._writers[day]

    def _path(self, day: str) -> Path:
        return self._folder / day / self._name


def _row(record: CallRecord, redaction: Redaction) -> dict[str, object]:
    return {
        "time": record.time_ns,
        "request_id": record.request_id,
        "status": record.status,
        "latency_ms": record.seconds * 1000,
        "model_time_ms": None if record.model_seconds is None else record.model_seconds * 1000,
        "caller": record.caller,
        "request": redaction.text(record.request),
        "response": redaction.text(record.answer),
        "truncated": record.is_cut,
    }


def _batches(records: Iterable[CallRecord]) -> Iterator[list[CallRecord]]:
    iterator = iter(records)
    while few := list(islice(iterator, _ROWS_AT_ONCE)):
        yield few


if __name__ == "__main__":
    main()
