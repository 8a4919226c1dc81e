"""The recorder where calls are answered: cheap, bounded in memory and on disk, and honest about what it drops."""

from pathlib import Path
from typing import Any

import pytest

from modelyard.domains.model_apis.calls.queries import Routes, Served
from modelyard.domains.model_apis.calls.recorded import RecordedCall, Recorder
from modelyard.domains.model_apis.recording.recorder import PENDING_BYTES, CallRecorder, Limits, is_sampled
from modelyard.domains.model_apis.versions.queries import VersionSource
from modelyard.engines.call_records import Spool
from modelyard.engines.call_records.records import read
from modelyard.kit.db import Database
from modelyard.kit.ids import new_id
from tests.disks import small_disk

LIMITS = {"body_bytes": 100_000, "seconds": 60.0, "spool_bytes": 2**30}
QUEUED = "SELECT count(*) FROM work WHERE kind = 'model_apis.record'"


def served(number: int = 1) -> Served:
    return Served(
        version_id=new_id(), number=number, status="Running", is_wanted=True, is_production=False,
        source=VersionSource(type="File"), log_http_request_response=True, monitoring_enabled=False,
        record_invocation=False, addresses=[], interface=None,
    )  # fmt: skip


def routes(share: float = 1.0, *redacted: str) -> Routes:
    return Routes(
        model_api_id=new_id(), name="adder", description="", project_id=new_id(), is_public=False, is_async=False,
        request_timeout_seconds=None, recorded_share=share, redacted_fields=list(redacted),
        production_version_id=None, token_digests={}, versions=[],
    )  # fmt: skip


def call(size: int = 10, request_id: str = "") -> RecordedCall:
    return RecordedCall(
        at_ns=1, request_id=request_id or new_id(), status=200, seconds=0.1, model_seconds=0.1,
        request=b"x" * size, answer=b"1", caller=None,
    )  # fmt: skip


def recorder(db: Database, folder: Path, **limits: Any) -> CallRecorder:
    made = CallRecorder(db, folder, Limits(**(LIMITS | limits)))
    assert isinstance(made, Recorder)
    return made


def contents(folder: Path) -> list[tuple[int, list[bytes], int, tuple[str, ...]]]:
    """Of each closed segment its version's number, the requests, the calls dropped before, fields left out."""
    found = []
    for segment in Spool(folder).closed():
        head, records = read(segment.path)
        found.append((head.version_number, [one.request for one in records], head.dropped, head.redacted_fields))
    return found


async def test_what_was_noted_is_written_when_it_is_closed(db: Database, tmp_path: Path) -> None:
    here, one, other = recorder(db, tmp_path), served(1), served(2)
    for version in (one, other, one):
        here.record(routes(), version, call())
    await here.close()
    assert [(number, len(requests)) for number, requests, _, _ in contents(tmp_path)] == [(1, 2), (2, 1)]
    assert await db.value(QUEUED) == 1


async def test_other_fields_to_be_left_out_begin_another_segment(db: Database, tmp_path: Path) -> None:
    here, version = recorder(db, tmp_path), served()
    here.record(routes(1.0, "iban"), version, call())
    here.record(routes(1.0, "iban", "age"), version, call())
    await here.close()
    assert [fields for _, _, _, fields in contents(tmp_path)] == [("iban",), ("iban", "age")]


async def test_memory_is_bounded_and_what_is_dropped_is_said_in_the_next_segment(
    db: Database, tmp_path: Path
) -> None:
    here, version = recorder(db, tmp_path), served()
    fit = -(-PENDING_BYTES // 100_501)
    for _ in range(fit + 5):
        here.record(routes(), version, call(200_000))
    await here.close()
    [(_, requests, dropped, _)] = contents(tmp_path)
    assert (len(requests), dropped) == (fit, 5)
    assert {len(one) for one in requests} == {100_000}


async def test_a_full_spool_drops_what_has_waited_for_longest(db: Database, tmp_path: Path) -> None:
    version = served()
    for _ in range(3):
        here = recorder(db, tmp_path, spool_bytes=9 * 2**20)
        for _ in range(60):
            here.record(routes(), version, call(100_000))
        await here.close()
    last = recorder(db, tmp_path, spool_bytes=9 * 2**20)
    last.record(routes(), version, call())
    await last.close()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.closed")) < 9 * 2**20
    assert [(len(requests), dropped) for _, requests, dropped, _ in contents(tmp_path)] == [(60, 120), (1, 0)]


async def test_a_full_disk_drops_calls_and_nothing_else(db: Database, tmp_path: Path) -> None:
    version = served()
    with small_disk(tmp_path / "spool", 1) as disk:
        here = recorder(db, disk)
        for _ in range(20):
            here.record(routes(), version, call(100_000))
        await here.close()
        assert contents(disk) == []
        again = recorder(db, disk)
        again.record(routes(), version, call())
        await again.close()
        assert [len(requests) for _, requests, _, _ in contents(disk)] == [1]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_sample_is_the_same_for_the_same_ids_and_as_large_as_asked(share: float) -> None:
    ids = [new_id() for _ in range(10_000)]
    sample = [one for one in ids if is_sampled(one, share)]
    assert sample == [one for one in ids if is_sampled(one, share)]
    assert abs(len(sample) / len(ids) - share) < 0.03
