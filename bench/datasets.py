"""Snapshots of datasets beside DVC and `cp -a`, their disk, pages of a million files, and the same served."""

import os
import random
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from bench import dataset_pages, dvc, served_datasets
from bench.serving import table
from modelyard.engines.blobs import Key
from modelyard.engines.blobs.local import LocalBlobStore
from modelyard.engines.folders.local import LocalFolders
from modelyard.engines.folders.views import LocalViews
from modelyard.engines.trees import PIECE_BYTES, children_of
from modelyard.kit.safe_path import SafePath

FILES, FILE_BYTES, LARGE_BYTES = 10_000, 4096, 2**30
CHANGED, ROUNDS, GROWTHS = 100, 7, 10
LARGE = "large.bin"

Row = tuple[str, ...]
Times = dict[str, list[float]]
Work = Callable[[], object]


def measure() -> None:
    """Everything in turns, in a folder of its own that is gone afterwards."""
    program = dvc.program()
    if program is None:
        print(dvc.MISSING)
    with tempfile.TemporaryDirectory(dir=os.environ.get("MODELYARD_BENCH_FOLDER")) as folder:
        place = Path(folder)
        source = place / "source"
        _write(source)
        times: Times = defaultdict(list)
        for number in range(ROUNDS):
            with tempfile.TemporaryDirectory(dir=place) as inner:
                _Round(Path(inner), source, program, number, times).run()
        _print_times(times)
        with tempfile.TemporaryDirectory(dir=place) as inner:
            _growth(Path(inner), source, program)
    dataset_pages.measure()
    served_datasets.measure()


class Ours:
    """A store, one live folder and its views, without a server."""

    def __init__(self, home: Path, source: Path) -> None:
        self.home = home
        self.store = LocalBlobStore(home / "blobs", children_of)
        self.live = LocalFolders(home / "datasets", self.store).live("d")
        self.views = LocalViews(home / "views", self.store)
        self._taken = 0
        _copy(source, self.live.root)

    def take(self) -> Key:
        """A snapshot of what is known."""
        self._taken += 1
        return self.live.take(f"snapshot:{self._taken}", quiet=True).root

    def look_and_take(self) -> Key:
        """A snapshot of what is there."""
        self.live.look()
        return self.take()

    def note_and_take(self, paths: list[SafePath]) -> Key:
        """A snapshot after some paths were written by way of the platform."""
        with self.live.locked():
            self.live.note(paths)
        return self.take()

    def view(self, *roots: Key) -> None:
        """Views of these roots, of which those that are there already are left alone."""
        self.views.make("d", {root.hex(): root for root in roots}, self.live)


class _Round:
    """One round: a fresh store, a fresh repository of DVC's and fresh copies, each step by all in turn."""

    def __init__(self, place: Path, source: Path, program: Path | None, number: int, times: Times) -> None:
        self._place, self._source, self._number, self._times = place, source, number, times
        self._ours = Ours(place / "ours", source)
        self._dvc = dvc.Repository(program, place / "dvc") if program else None
        if self._dvc:
            _copy(source, self._dvc.data)

    def run(self) -> None:
        ours, roots = self._ours, []
        self._race("first", lambda: roots.append(ours.look_and_take()), *self._added(), *self._copied("first"))
        self._race("not mounted", ours.take)
        looked = [("`dvc status`", self._dvc.status), ("`dvc root`", self._dvc.nothing)] if self._dvc else []
        self._race("unchanged", ours.look_and_take, *self._added(), *looked)
        self._change(0)
        self._race("changed, looked", lambda: roots.append(ours.look_and_take()), *self._added())
        paths = self._change(1)
        self._race("changed, noted", lambda: ours.note_and_take(paths), *self._added())
        first, second = roots
        self._race("view", lambda: ours.view(first), *self._copied("view"))
        self._race("second view", lambda: ours.view(first, second), *self._copied("second"))
        ours.views.remove("d")

    def _added(self) -> list[tuple[str, Work]]:
        return [("`dvc add`", self._dvc.add)] if self._dvc else []

    def _copied(self, name: str) -> list[tuple[str, Work]]:
        plain, synced = self._place / f"{name}-plain", self._place / f"{name}-synced"

        def copy_and_sync() -> None:
            _copy(self._source, synced)
            os.sync()

        return [("`cp -a`", lambda: _copy(self._source, plain)), ("`cp -a` and `sync`", copy_and_sync)]

    def _change(self, seed: int) -> list[SafePath]:
        return change([self._ours.live.root, *([self._dvc.data] if self._dvc else [])], seed)

    def _race(self, step: str, ours: Work, *peers: tuple[str, Work]) -> None:
        """All of them in turn; who begins changes from round to round."""
        runners = [("ours", ours), *peers]
        first = self._number % len(runners)
        for who, work in runners[first:] + runners[:first]:
            self._times[f"{step}: {who}"].append(_timed(work))


# What is shown, the step that it is, who else does it, and how much of their time is the budget.
_COMPARED = [
    ("first snapshot", "first", "`dvc add`", "0.5x"),
    ("first snapshot", "first", "`cp -a`", "1.5x"),
    ("first snapshot", "first", "`cp -a` and `sync`", ""),
    ("snapshot, nobody mounted it", "not mounted", "", "50 ms"),
    ("looked through, nothing changed", "unchanged", "`dvc status`", "0.1x"),
    ("looked through, nothing changed", "unchanged", "`dvc add`", ""),
    ("looked through, nothing changed", "unchanged", "`dvc root`", ""),
    ("looked through, 1 % changed", "changed, looked", "`dvc add`", "0.125x"),
    ("paths noted, 1 % changed", "changed, noted", "`dvc add`", "0.05x"),
    ("first view", "view", "`cp -a`", ""),
    ("first view", "view", "`cp -a` and `sync`", ""),
    ("view of another snapshot, 1 % changed", "second view", "`cp -a`", ""),
    ("view of another snapshot, 1 % changed", "second view", "`cp -a` and `sync`", ""),
]


def _print_times(times: Times) -> None:
    rows: list[Row] = [("what", "median (least)", "beside", "median (least)", "ratio", "budget")]
    rows += [_row(times, *compared) for compared in _COMPARED]
    table(f"Snapshots of 10,000 files of 4 KiB and one of 1 GiB ({ROUNDS} rounds)", rows)


def _row(times: Times, what: str, step: str, peer: str, budget: str) -> Row:
    ours, theirs = times[f"{step}: ours"], times.get(f"{step}: {peer}")
    if not peer:
        return what, _shown(ours), "", "", "", budget
    if theirs is None:
        return what, _shown(ours), peer, "skipped", "", budget
    return what, _shown(ours), peer, _shown(theirs), f"{_ratio(ours, theirs):.3g}x", budget


def _shown(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:,.0f} ms ({min(seconds) * 1e3:,.0f})"


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(ours) / statistics.median(theirs)


def _growth(place: Path, source: Path, program: Path | None) -> None:
    """Ten snapshots, each with 1 % of the files changed and one byte of the large one."""
    ours = Ours(place / "ours", source)
    repository = dvc.Repository(program, place / "dvc") if program else None
    if repository:
        _copy(source, repository.data)
    unique = FILES * FILE_BYTES + LARGE_BYTES + GROWTHS * (CHANGED * FILE_BYTES + 1)
    for number in range(GROWTHS + 1):
        if number:
            roots = [ours.live.root, *([repository.data] if repository else [])]
            change(roots, number)
            for root in roots:
                _flip(root / LARGE, number)
        ours.look_and_take()
        if repository:
            repository.add()
    rows: list[Row] = [("what", "disk", "ratio", "budget")]
    rows.append(("unique bytes", f"{unique / 2**20:,.1f} MiB", "1", ""))
    rows.append(_disk_row("store, with its index", ours.home / "blobs", unique, "1.05x"))
    if repository:
        rows.append(_disk_row("DVC's cache", repository.cache, unique, ""))
    table("Disk of ten more snapshots, each with 1 % and one byte of the large file changed", rows)


def _disk_row(what: str, folder: Path, unique: int, budget: str) -> Row:
    taken = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    return what, f"{taken / 2**20:,.1f} MiB", f"{taken / unique:.3f}x", budget


def change(roots: list[Path], seed: int) -> list[SafePath]:
    """Writes other contents of the same size to 1 % of the files, the same in all folders; their paths."""
    chance = random.Random(seed)
    paths = [_path(number) for number in chance.sample(range(FILES), CHANGED)]
    for path in paths:
        content = chance.randbytes(FILE_BYTES)
        for root in roots:
            (root / path).write_bytes(content)
    return [SafePath(path) for path in paths]


def _flip(path: Path, number: int) -> None:
    with path.open("r+b") as file:
        file.seek(number * 37 * PIECE_BYTES + number)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def _path(number: int) -> str:
    return f"d{number % 100:02}/f{number:05}.bin"


def _write(source: Path) -> None:
    chance = random.Random(0)
    for number in range(FILES):
        path = source / _path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(FILE_BYTES))
    with (source / LARGE).open("wb") as file:
        for _ in range(LARGE_BYTES // PIECE_BYTES):
            file.write(chance.randbytes(PIECE_BYTES))


def _copy(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", f"{source}/.", target], check=True)


def _timed(work: Work) -> float:
    """Seconds that something takes when the disk has nothing else to do."""
    os.sync()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
