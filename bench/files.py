"""Project files: large ones both ways, and lists, history and archives of many, beside cp and git."""

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pygit2
from pygit2.enums import Option

from bench.serving import Server, modelyard, peak_memory, table
from modelyard.engines.git import Author
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.safe_path import SafePath

LARGE_BYTES, PIECE_BYTES = 2 * 2**30, 2**20
MANY, ROUNDS, LARGE_ROUNDS = 10_000, 15, 3
AUTHOR = Author("bench", "bench@localhost")
WATCHED = SafePath("d5/e5/watched.txt")

Row = tuple[str, ...]


def measure() -> None:
    """Interleaves each measurement with its floor."""
    with modelyard() as server:
        _large(server)
        _many(server)


def _large(server: Server) -> None:
    """One file of 2 GiB in and out, beside `cp` of it; nothing of it stays."""
    project = server.new_project("large")
    times: dict[str, list[float]] = {name: [] for name in ("cp", "cp and sync", "upload", "download")}
    peaks = {"upload": 0, "download": 0}
    with tempfile.TemporaryDirectory(dir=server.home) as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        _write_large(source)
        for _ in range(LARGE_ROUNDS):
            times["cp"].append(_timed(lambda: _run("cp", source, target)))
            times["cp and sync"].append(_timed(lambda: (_run("cp", source, target), _run("sync", target))))
            with peak_memory(server) as peak:
                times["upload"].append(_timed(lambda: _upload(server, source)))
            peaks["upload"] = max(peaks["upload"], peak[0])
            commit = server.json("GET", f"/v4/projects/{project}/files")["commitId"]
            url = f"/api/projects/v1/projects/{project}/files/{commit}/large.bin/content"
            with peak_memory(server) as peak:
                times["download"].append(_timed(lambda url=url: _download(server, url, target)))  # type: ignore[misc]
            peaks["download"] = max(peaks["download"], peak[0])
            _run("cmp", source, target)
    rows: list[Row] = [("what", "throughput", "ratio", "peak memory of the API")]
    for name, seconds in times.items():
        rate = LARGE_BYTES / 2**20 / statistics.median(seconds)
        floor = "cp and sync" if name == "upload" else "cp"
        ratio = statistics.median(seconds) / statistics.median(times[floor])
        memory = f"{peaks[name] / 2**20:.0f} MB" if name in peaks else ""
        compared = f"{ratio:.1f}x the time of {floor}" if name in peaks else ""
        rows.append((name, f"{rate:.0f} MiB/s", compared, memory))
    table("A file of 2 GiB", rows)


def _many(server: Server) -> None:
    """10,000 files and 10,000 commits, beside git's own commands on the same repositories."""
    pygit2.option(Option.ENABLE_FSYNC_GITDIR, False)  # for making them here; the server has its own setting
    store, rows = LocalGitStore(server.home / "repos"), [("what", "median", "git's own", "ratio")]
    for name in ("flat", "nested"):
        project = server.new_project(name)
        commit = store.create(project, _files(nested=name == "nested"), AUTHOR, "many")
        git = ["git", "-C", str(server.home / "repos" / f"{project}.git")]
        listed, browsed = f"/v1/projects/admin/{name}/files/{commit}//", f"/v4/projects/{project}/files"
        tree = [*git, "ls-tree", "-r", "-l", commit]
        rows.append(_beside(server, f"list of 10,000 files, {name}", listed, tree))
        if name == "flat":
            rows.append(_beside(server, "folder of 10,000 files", f"{browsed}?commitId={commit}", tree))
        for kind in ("tar", "zip"):
            command = [*git, "archive", f"--format={kind}", "-1" if kind == "zip" else "--prefix=x/", commit]
            url = f"/v4/projects/{project}/archive?format={kind}"
            rows.append(_beside(server, f"{kind} of 10,000 files, {name}", url, command))
    project = server.new_project("past")
    _make_past(store, project)
    git = ["git", "-C", str(server.home / "repos" / f"{project}.git")]
    for path, about in ((WATCHED, "changed by every hundredth"), (SafePath("d1/e1/f00011.txt"), "never changed")):
        url = f"/v4/projects/{project}/files/history?path={path}&limit=1000"
        command = [*git, "log", "--format=%H", "main", "--", path]
        rows.append(_beside(server, f"history over 10,000 commits, file {about}", url, command))
    table("Many files and commits", rows)


def _beside(server: Server, name: str, url: str, command: list[str]) -> Row:
    ours, floor = [], []
    for _ in range(ROUNDS):
        ours.append(_timed(lambda: server.http.get(url).raise_for_status()))
        floor.append(_timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)))
    one, other = statistics.median(ours), statistics.median(floor)
    return name, f"{one * 1e3:.0f} ms", f"{other * 1e3:.0f} ms", f"{one / other:.2f}x"


def _files(*, nested: bool) -> dict[SafePath, bytes]:
    folder = "d{0}/e{1}/" if nested else ""
    return {SafePath(f"{folder.format(n % 50, n % 7)}f{n:05}.txt"): f"{n}\n".encode() * 100 for n in range(MANY)}


def _make_past(store: LocalGitStore, project: str) -> None:
    files = {SafePath(f"d{n % 10}/e{n % 7}/f{n:05}.txt"): b"x" for n in range(1000)}
    store.create(project, files | {SafePath("d1/e1/f00011.txt"): b"same", WATCHED: b""}, AUTHOR, "start")
    for number in range(MANY):
        path = WATCHED if number % 100 == 0 else SafePath(f"d{number % 10}/e{number % 7}/new.txt")
        store.commit_files(project, {path: str(number).encode()}, AUTHOR, f"commit {number}")


def _write_large(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(LARGE_BYTES // PIECE_BYTES):
            file.write(os.urandom(PIECE_BYTES))


def _upload(server: Server, source: Path) -> None:
    with source.open("rb") as file:
        pieces = iter(lambda: file.read(PIECE_BYTES), b"")
        server.http.put("/v1/projects/admin/large/large.bin", content=pieces, timeout=600).raise_for_status()


def _download(server: Server, url: str, target: Path) -> None:
    with server.http.stream("GET", url) as response, target.open("wb") as file:
        file.writelines(response.iter_raw())


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True)


def _timed(work: Callable[[], object]) -> float:
    """Seconds that something takes when the disk has nothing else to do."""
    os.sync()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
