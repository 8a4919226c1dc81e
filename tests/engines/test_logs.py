"""Logs of runs: one cursor, nothing lost, nothing doubled; also over several runs at once."""

import itertools
from pathlib import Path

import pytest

from modelyard.engines.logs import STREAMS, RunLine, reading
from modelyard.engines.logs.index import Record
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
    assert (store.folder("r") / "stdout").stat().st_size == 1000


def test_a_log_without_an_end_begins_anew_and_takes_bounded_room(store: LocalLogStore) -> None:
    follower = store.follow("r", 1000, begins_anew=True)
    cursor = 0
    for number in range(500):
        _write(store, "stdout", b"%099d\n" % number)
        follower.advance()
        page = store.read("r", ["stdout"], cursor, 10)
        assert [int(line.text) for line in page.lines] == [number]
        cursor = page.latest_time_ns
    follower.finish()
    assert "dropped" in _texts(store, "prepareoutput")[0]
    assert sum(path.stat().st_size for path in store.folder("r").iterdir()) < 5000


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


class Several:
    """Runs whose lines arrive at chosen moments."""

    def __init__(self, store: LocalLogStore) -> None:
        self.store = store

    def write(self, run_id: str, time_ns: int, *lines: str, stream: str = "stdout") -> None:
        """Lines that arrive together, the first one at a moment and each a nanosecond after the one before."""
        folder = self.store.folder(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        content = "".join(f"{line}\n" for line in lines).encode()
        with (folder / stream).open("ab") as file:
            offset = file.tell()
            file.write(content)
        with (folder / "index").open("ab") as index:
            index.write(Record(time_ns, offset, len(content), len(lines), stream).packed())

    def read(
        self, after: int = 0, limit: int = 10_000, until: int = 10**18, *, newest: bool = False, runs: str = "abc"
    ) -> list[RunLine]:
        """The lines of the runs `a`, `b` and `c`."""
        return self.store.read_together(runs, STREAMS, after, until, limit, newest=newest)

    def texts(
        self, after: int = 0, limit: int = 10_000, until: int = 10**18, *, newest: bool = False
    ) -> list[str]:
        """As `read`, the texts alone."""
        return [one.line.text for one in self.read(after, limit, until, newest=newest)]

    def paged(self, limit: int) -> list[str]:
        """All lines, page by page."""
        found: list[str] = []
        after = 0
        while page := self.read(after, limit):
            found += [one.line.text for one in page]
            after = page[-1].line.time_ns
        return found


@pytest.fixture
def several(store: LocalLogStore) -> Several:
    """Three runs: `a` and `b` take turns and overlap, `c` has never written."""
    several = Several(store)
    several.write("a", 100, "100", "101", "102")
    several.write("b", 101, "101b", stream="stderr")
    several.write("b", 200, "200")
    several.write("a", 300, *(str(300 + number) for number in range(50)))
    several.write("b", 320, *(f"{320 + number}b" for number in range(50)))
    several.write("a", 1000, "1000")
    return several


EXPECTED = [
    *("100", "101", "101b", "102", "200"),
    *sorted([*(str(300 + n) for n in range(50)), *(f"{320 + n}b" for n in range(50))]),
    "1000",
]


def test_lines_of_several_runs_stand_in_the_order_of_their_times(several: Several) -> None:
    found = several.read()
    assert [one.line.text for one in found] == EXPECTED
    assert [(one.run_id, one.line.stream) for one in found[:4]] == [
        ("a", "stdout"), ("a", "stdout"), ("b", "stderr"), ("a", "stdout")
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 60, 1000])
def test_the_time_of_the_last_line_is_a_cursor_that_loses_and_doubles_nothing(
    several: Several, limit: int
) -> None:
    assert several.paged(limit) == EXPECTED


def test_lines_of_the_same_moment_are_not_torn_apart(several: Several) -> None:
    assert several.texts(limit=2) == ["100", "101", "101b"]
    assert several.texts(after=101, limit=1) == ["102"]


@pytest.mark.parametrize("count", [1, 5, 60, 1000])
def test_the_newest_lines_of_several_runs(several: Several, count: int) -> None:
    found = several.read(limit=count, newest=True)
    times = [one.line.time_ns for one in found]
    assert times == sorted(times)
    assert len(found) - count <= 1
    assert sorted(one.line.text for one in found) == sorted(EXPECTED[-len(found) :])
    assert several.texts(after=369, limit=count, newest=True) == ["1000"]


def test_what_is_asked_for_ends_where_it_is_told_to(several: Several) -> None:
    assert several.texts(until=102) == ["100", "101", "101b", "102"]
    assert several.texts(until=102, limit=1, newest=True) == ["102"]
    assert several.texts(limit=0) == several.texts(limit=0, newest=True) == []
    assert [one.line.text for one in several.read(runs="b", limit=2)] == ["101b", "200"]


def test_a_window_of_many_bytes_has_fewer_lines_and_loses_none(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_BYTES", 40)
    assert len(several.texts()) < 60
    assert several.paged(10_000) == EXPECTED
    assert several.texts(newest=True)[-1] == "1000"


def test_a_log_that_is_gone_or_torn_hides_no_other(several: Several) -> None:
    with (several.store.folder("a") / "index").open("ab") as index:
        index.write(b"\x01\x02\x03")
    assert several.texts() == EXPECTED
    assert several.texts(limit=1, newest=True) == ["1000"]
    (several.store.folder("a") / "stdout").unlink()
    assert [one.run_id for one in several.read(limit=3)] == ["b", "b", "b"]
    several.store.delete("b")
    assert several.texts() == several.texts(newest=True) == []


def test_long_logs_are_read_at_their_end_alone(store: LocalLogStore) -> None:
    several = Several(store)
    for number in range(5000):
        several.write("a", 1000 * number, *(f"{number}.{line}" for line in range(3)))
    assert several.texts(limit=4, newest=True) == ["4998.2", "4999.0", "4999.1", "4999.2"]
    assert several.texts(after=4_999_000, limit=5) == ["4999.1", "4999.2"]
