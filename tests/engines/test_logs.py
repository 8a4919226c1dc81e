"""Logs of runs: one cursor, nothing lost, nothing doubled."""

import itertools
from pathlib import Path

import pytest

from modelyard.engines.logs import STREAMS
from modelyard.engines.logs.local import LocalLogStore
from modelyard.engines.logs.reading import LONGEST_LINE_BYTES

PLENTY = 2**40


@pytest.fixture
def store(tmp_path: Path) -> LocalLogStore:
    return LocalLogStore(tmp_path)


def _write(store: LocalLogStore, stream: str, content: bytes) -> None:
    with (store.folder("r") / stream).open("ab") as file:
        file.write(content)


def _texts(store: LocalLogStore, *streams: str) -> list[str]:
    return [line.text for line in store.read("r", streams or STREAMS, 0, 10_000).lines]


def test_streams_share_one_cursor(store: LocalLogStore) -> None:
    follower = store.follow("r", PLENTY)
    _write(store, "stdout", b"one\ntwo\n")
    follower.advance()
    _write(store, "stderr", b"three\n")
    follower.advance()
    first = store.read("r", STREAMS, 0, 2)
    assert ([line.text for line in first.lines], first.has_more) == (["one", "two"], True)
    rest = store.read("r", STREAMS, first.latest_time_ns, 10)
    assert [(line.stream, line.text) for line in rest.lines] == [("stderr", "three")]
    assert store.read("r", STREAMS, rest.latest_time_ns, 10).lines == []


def test_times_strictly_increase(store: LocalLogStore) -> None:
    follower = store.follow("r", PLENTY)
    for _ in range(50):
        _write(store, "stdout", b"x\n" * 20)
        _write(store, "stderr", b"y\n")
        follower.advance()
    times = [line.time_ns for line in store.read("r", STREAMS, 0, 10_000).lines]
    assert len(times) == 1050
    assert all(earlier < later for earlier, later in itertools.pairwise(times))


def test_an_unfinished_line_waits_for_its_end(store: LocalLogStore) -> None:
    follower = store.follow("r", PLENTY)
    _write(store, "stdout", b"half")
    follower.advance()
    assert _texts(store) == []
    _write(store, "stdout", b" a line\nlast")
    follower.advance()
    assert _texts(store) == ["half a line"]
    follower.finish()
    assert _texts(store) == ["half a line", "last"]


def test_progress_bars_and_windows_line_ends(store: LocalLogStore) -> None:
    follower = store.follow("r", PLENTY)
    _write(store, "stdout", b"10%\r20%\r")
    follower.advance()
    _write(store, "stdout", b"\nwindows\r\n")
    follower.finish()
    assert _texts(store) == ["10%", "20%", "windows"]


def test_bytes_that_are_no_text_and_long_lines(store: LocalLogStore) -> None:
    follower = store.follow("r", PLENTY)
    _write(store, "stdout", b"\xff\xfe\n" + b"x" * (3 * LONGEST_LINE_BYTES) + b"\n")
    follower.finish()
    lines = _texts(store)
    assert lines[0] == "\ufffd\ufffd"
    assert [len(line) for line in lines[1:]] == [LONGEST_LINE_BYTES] * 3


def test_a_later_follower_goes_on_after_a_torn_record(store: LocalLogStore) -> None:
    first = store.follow("r", PLENTY)
    _write(store, "stdout", b"one\n")
    first.advance()
    _write(store, "stdout", b"two\n")
    with (store.folder("r") / "index").open("ab") as index:
        index.write(b"\x01\x02\x03")
    second = store.follow("r", PLENTY)
    second.finish()
    assert _texts(store) == ["one", "two"]


def test_the_end_of_a_log_as_text(store: LocalLogStore) -> None:
    follower = store.follow("r", PLENTY)
    _write(store, "stdout", b"".join(b"line %d\n" % number for number in range(1000)))
    follower.finish()
    assert store.tail("r", ["stdout"], 30).splitlines() == ["line 997", "line 998", "line 999"]


def test_a_log_over_its_limit_says_where_it_was_cut(store: LocalLogStore) -> None:
    follower = store.follow("r", 1000)
    _write(store, "stdout", b"x" * 99 + b"\n")
    for _ in range(20):
        _write(store, "stdout", b"x" * 99 + b"\n")
        follower.advance()
    follower.finish()
    assert "cut" in _texts(store, "prepareoutput")[0]
    assert len(_texts(store, "stdout")) == 10


def test_many_lines_are_read_page_by_page(store: LocalLogStore) -> None:
    follower = store.follow("r", PLENTY)
    _write(store, "stdout", b"".join(b"%d\n" % number for number in range(200_000)))
    follower.finish()
    cursor, count = 0, 0
    while True:
        page = store.read("r", ["stdout"], cursor, 10_000)
        assert page.lines[0].text == str(count)
        count += len(page.lines)
        cursor = page.latest_time_ns
        if not page.has_more:
            break
    assert count == 200_000
