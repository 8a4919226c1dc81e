"""Records of calls: what is flushed outlives its writer, and becomes Parquet files without certain fields."""

import asyncio
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from modelyard.engines.call_records import CallRecord, Head, NotTurned, Spool, Turn, turned
from modelyard.engines.call_records.redacting import REDACTED, Redaction
from modelyard.kit.ids import new_id

NOON = int(datetime(2025, 3, 1, 12, tzinfo=UTC).timestamp()) * 10**9
HOUR = 3600 * 10**9


def head(version_id: str, *redacted: str, dropped: int = 0) -> Head:
    return Head(version_id=version_id, version_number=2, redacted_fields=redacted, dropped=dropped)


def call(
    request: bytes = b'{"data":{"x":1}}', answer: bytes = b"2", time_ns: int = NOON, **more: Any
) -> CallRecord:
    known: dict[str, Any] = {
        "request_id": "one", "status": 200, "seconds": 0.25, "model_seconds": 0.125, "caller": None,
        "is_cut": False,
    }  # fmt: skip
    return CallRecord(time_ns=time_ns, request=request, answer=answer, **(known | more))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


async def read_back(spool: Spool, folder: Path, **asked: Any) -> list[dict[str, Any]]:
    """The rows that the only closed segment becomes."""
    [segment] = spool.closed()
    [parts] = await turned([Turn(segment=str(segment.path), folder=str(folder), **asked)])
    assert parts is not None
    return [row for part in parts for row in parquet.ParquetFile(part.path).read().to_pylist()]


async def test_a_segment_becomes_a_file_for_each_day(spool: Spool, tmp_path: Path) -> None:
    version = new_id()
    segment = spool.open(head(version, dropped=7))
    segment.append([call(request_id="a"), call(request_id="b", time_ns=NOON + 13 * HOUR, caller="someone")])
    segment.append([call(request_id="c", status=500, answer=b'"no"', is_cut=True)])
    assert spool.closed() == []
    segment.close()
    [closed] = spool.closed()
    assert (closed.version_id, closed.calls) == (version, 3)
    asked = Turn(segment=str(closed.path), folder=str(tmp_path / "out"), metadata={"modelyard.segment": closed.id})
    [parts] = await turned([asked])
    assert parts is not None
    assert [(part.day, part.calls) for part in parts] == [("2025-03-01", 2), ("2025-03-02", 1)]
    assert {Path(part.path).name for part in parts} == {f"part-{closed.id}.parquet"}
    file = parquet.ParquetFile(parts[0].path)
    assert str(file.schema_arrow.field("time").type) == "timestamp[ns, tz=UTC]"
    known = file.schema_arrow.metadata
    assert (known[b"modelyard.dropped_calls"], known[b"modelyard.segment"]) == (b"7", closed.id.encode())
    first, last = file.read().to_pylist()
    assert first | {"time": None} == {
        "time": None, "request_id": "a", "version_number": 2, "version_id": version, "status": 200,
        "latency_ms": 250.0, "model_time_ms": 125.0, "caller": None, "request": '{"data":{"x":1}}',
        "response": "2", "truncated": False,
    }  # fmt: skip
    assert (last["request_id"], last["status"], last["truncated"]) == ("c", 500, True)


async def test_what_was_flushed_outlives_a_killed_writer(spool: Spool, tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from modelyard.engines.call_records import CallRecord, Head, Spool
segment = Spool(Path({str(tmp_path / "spool")!r})).open(
    Head(version_id={new_id()!r}, version_number=1, redacted_fields=(), dropped=0))
segment.append([CallRecord({NOON}, "one", 200, 0.1, 0.1, None, b"1", b"2", False)] * 5)
print("flushed", flush=True)
sys.stdin.read()
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "flushed\n"
    assert spool.closed() == []  # it is still being written
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert [one.calls for one in spool.closed()] == [5]
    assert len(await read_back(spool, tmp_path)) == 5


async def test_half_a_record_is_passed_over(spool: Spool, tmp_path: Path) -> None:
    segment = spool.open(head(new_id()))
    segment.append([call(), call()])
    segment.close()
    [closed] = spool.closed()
    closed.path.write_bytes(closed.path.read_bytes()[:-3])
    assert len(await read_back(spool, tmp_path)) == 1


async def test_what_is_no_segment_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "noise").write_bytes(b"\x05\0\0\0noise")
    asked = [Turn(segment=str(tmp_path / name), folder=str(tmp_path)) for name in ("empty", "noise", "missing")]
    assert await turned(asked) == [None, None, None]


async def test_a_child_that_fails_says_why(spool: Spool, tmp_path: Path) -> None:
    segment = spool.open(head(new_id()))
    segment.append([call()])
    segment.close()
    (tmp_path / "file").touch()
    with pytest.raises(NotTurned, match=r"NotADirectoryError|FileExistsError"):
        await read_back(spool, tmp_path / "file")


def test_an_empty_segment_is_none(spool: Spool, tmp_path: Path) -> None:
    version = new_id()
    empty = spool.open(head(version))
    left = next((tmp_path / "spool" / version).iterdir())
    content = left.read_bytes()
    empty.close()
    assert not left.exists()
    left.write_bytes(content)  # as a killed writer leaves it
    assert spool.closed() == []
    assert not left.exists()


def test_the_folder_of_a_version_goes_with_its_last_segment(spool: Spool, tmp_path: Path) -> None:
    version = new_id()
    for _ in range(2):
        segment = spool.open(head(version))
        segment.append([call()])
        segment.close()
    first, last = spool.closed()
    spool.remove(first)
    assert (tmp_path / "spool" / version).exists()
    spool.remove(last)
    assert not (tmp_path / "spool" / version).exists()


def test_a_full_spool_drops_what_has_waited_for_longest(spool: Spool) -> None:
    for _ in range(4):
        segment = spool.open(head(new_id()))
        segment.append([call(answer=b"x" * 1000)] * 3)
        segment.close()
    oldest = spool.closed()[:2]
    assert [one.id for one in spool.trim(spool.size_bytes // 2)] == [one.id for one in oldest]
    assert len(spool.closed()) == 2


@pytest.mark.parametrize(
    ("body", "redacted"),
    [
        ({"data": {"age": 3, "iban": "DE1"}}, {"data": {"age": 3, "iban": REDACTED}}),
        ({"data": [{"iban": {"a": 1}}, {"b": [{"iban": 2}]}]},
         {"data": [{"iban": REDACTED}, {"b": [{"iban": REDACTED}]}]}),
        (
            {"dataframe_split": {"columns": ["age", "iban"], "data": [[1, "x"], [2, "y"]]}},
            {"dataframe_split": {"columns": ["age", "iban"], "data": [[1, REDACTED], [2, REDACTED]]}},
        ),
        ({"inputs": {"iban": ["x", "y"], "age": [1, 2]}}, {"inputs": {"iban": REDACTED, "age": [1, 2]}}),
        ({"iban": 1, "result": "iban"}, {"iban": REDACTED, "result": "iban"}),
        (["iban", 1], ["iban", 1]),
    ],
)  # fmt: skip
def test_fields_are_left_out_wherever_they_have_their_name(body: Any, redacted: Any) -> None:
    text = Redaction(["iban"]).text(json.dumps(body).encode())
    assert text is not None
    assert json.loads(text) == redacted


def test_values_by_position_are_known_by_the_names_of_the_inputs() -> None:
    by_name = Redaction(["iban"], ["age", "iban"])
    rows = Redaction(["iban"], ["age", "iban"], in_rows=True)
    unknown = Redaction(["iban"])
    assert by_name.text(b'{"parameters":[1,[2,3]]}') == '{"parameters":[1,"[redacted]"]}'
    assert by_name.text(b'{"data":[[1,2],[3,4]]}') == '{"data":[[1,2],"[redacted]"]}'
    assert rows.text(b'{"data":[[1,2],[3,4]]}') == '{"data":[[1,"[redacted]"],[3,"[redacted]"]]}'
    assert rows.text(b'{"instances":[1,2]}') == '{"instances":[1,"[redacted]"]}'
    assert unknown.text(b'{"data":[1,2]}') == '{"data":"[redacted]"}'
    assert unknown.text(b'{"data":{"age":[1,2]}}') == '{"data":{"age":[1,2]}}'


@pytest.mark.parametrize("body", [b'{"iban": "DE1', b"\xff", b"", b"[" * 100_000])
def test_a_body_in_which_fields_cannot_be_found_is_left_out(body: bytes) -> None:
    assert Redaction(["iban"]).text(body) is None
    assert Redaction([]).text(body) is not None


async def test_fields_are_left_out_that_were_to_be_when_the_call_was_made(spool: Spool, tmp_path: Path) -> None:
    segment = spool.open(head(new_id(), "iban"))
    segment.append([call(b'{"data":{"iban":1,"name":2,"age":3}}', b'{"name":4}')])
    segment.close()
    [row] = await read_back(spool, tmp_path, redacted_fields=["name"])
    assert json.loads(row["request"]) == {"data": {"iban": REDACTED, "name": REDACTED, "age": 3}}
    assert json.loads(row["response"]) == {"name": REDACTED}


async def test_the_library_stays_out_of_this_process(spool: Spool, tmp_path: Path) -> None:
    program = "import modelyard.app, modelyard.runner, sys; print('pyarrow' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0].strip() == b"False"
