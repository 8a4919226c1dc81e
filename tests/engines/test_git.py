"""Project files: commits, reads, working trees and results."""

import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from modelyard.engines.git import Author
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.safe_path import SafePath

ADA = Author("Ada", "ada@example.org")


@pytest.fixture
def store(tmp_path: Path) -> LocalGitStore:
    store = LocalGitStore(tmp_path / "repos")
    store.create("p", {SafePath("README.md"): b"hello", SafePath("src/a.py"): b"a = 1"}, ADA, "first")
    return store


def _read(store: LocalGitStore, commit: str, path: str) -> bytes:
    return b"".join(store.open_file("p", commit, SafePath(path)).chunks)


def _paths(store: LocalGitStore, commit: str) -> list[str]:
    return [entry.path for entry in store.entries("p", commit, SafePath(""), recursive=True)]


def test_a_commit_keeps_what_was_there(store: LocalGitStore) -> None:
    commit = store.commit_files("p", {SafePath("ü/neu.txt"): b"", SafePath("src/a.py"): None}, ADA, "change")
    assert _paths(store, commit) == ["README.md", "ü/neu.txt"]
    assert _read(store, commit, "README.md") == b"hello"
    assert [made.message for made in store.commits("p", 10)] == ["change", "first"]


def test_creating_again_leaves_what_is_there(store: LocalGitStore) -> None:
    assert store.create("p", {}, ADA, "again") == store.head("p")


def test_replacing_leaves_just_the_new_files(store: LocalGitStore) -> None:
    commit = store.commit_files("p", {SafePath("only.txt"): b"1"}, ADA, "replace", replace=True)
    assert _paths(store, commit) == ["only.txt"]


def test_a_checkout_without_some_files(store: LocalGitStore, tmp_path: Path) -> None:
    more = {SafePath(path): b"1" for path in ("data/a.bin", "data/deep/b.bin", "b.csv", "src/c.csv", "src/b.py")}
    commit = store.commit_files("p", more, ADA, "more")
    store.checkout("p", commit, tmp_path / "tree", without=["data/", "*.csv", "src/b.py"])
    files = [path for path in (tmp_path / "tree").rglob("*") if path.is_file()]
    assert sorted(path.relative_to(tmp_path / "tree").as_posix() for path in files) == ["README.md", "src/a.py"]


@pytest.mark.parametrize("path", ["missing.txt", "src", "src/a.py/below"])
def test_what_is_no_file_is_not_found(store: LocalGitStore, path: str) -> None:
    with pytest.raises(NotFound):
        store.open_file("p", store.head("p"), SafePath(path))


@pytest.mark.parametrize("commit", ["", "zz", "0" * 40, "HEAD", "main"])
def test_what_is_no_commit_is_not_found(store: LocalGitStore, commit: str) -> None:
    with pytest.raises(NotFound):
        store.entries("p", commit, SafePath(""), recursive=False)


def test_a_file_cannot_be_a_folder(store: LocalGitStore) -> None:
    with pytest.raises(BadRequest, match=r"README\.md is a file"):
        store.commit_files("p", {SafePath("README.md/x"): b""}, ADA, "clash")
    with pytest.raises(BadRequest, match="src is a folder"):
        store.commit_files("p", {SafePath("src"): b""}, ADA, "clash")


def test_large_files_go_in_and_out_in_pieces(store: LocalGitStore, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2**20) * 20)
    commit = store.commit_files("p", {SafePath("large"): large}, ADA, "large")
    content = store.open_file("p", commit, SafePath("large"))
    pieces = list(content.chunks)
    assert max(map(len, pieces)) <= 2**20
    assert b"".join(pieces) == large.read_bytes()
    assert os.system(f"git -C {tmp_path}/repos/p.git fsck --strict >/dev/null 2>&1") == 0


def test_concurrent_commits_of_threads_all_survive(store: LocalGitStore) -> None:
    def commit(name: str) -> None:
        for number in range(5):
            store.commit_files("p", {SafePath(f"{name}/{number}"): b"x"}, ADA, name)

    threads = [threading.Thread(target=commit, args=(f"t{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([path for path in _paths(store, store.head("p")) if path.startswith("t")]) == 30


def _commit_many(root: Path, name: str) -> None:
    for number in range(5):
        LocalGitStore(root).commit_files("p", {SafePath(f"{name}/{number}"): b"x"}, ADA, name)


def test_concurrent_commits_of_processes_all_survive(store: LocalGitStore, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_commit_many, args=(tmp_path / "repos", f"t{n}")) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len([path for path in _paths(store, store.head("p")) if path.startswith("t")]) == 10


def test_results_are_what_has_changed(store: LocalGitStore, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    checkout = store.checkout("p", store.head("p"), tree)
    assert store.commit_results("p", checkout, tree, ADA, "nothing", "main") is None
    (tree / "README.md").unlink()
    (tree / "src" / "a.py").write_text("a = 2")
    (tree / "out").mkdir()
    (tree / "out" / "run.sh").write_text("#!/bin/sh")
    (tree / "out" / "run.sh").chmod(0o755)
    (tree / "secret").symlink_to("/etc/passwd")
    os.mkfifo(tree / "pipe")
    (tree / ".git").mkdir()
    (tree / ".git" / "config").write_text("x")
    commit = store.commit_results("p", checkout, tree, ADA, "results", "results/1")
    assert commit is not None
    assert _paths(store, commit) == ["out/run.sh", "src/a.py"]
    assert store.head("p", "results/1") == commit != store.head("p")
    again = store.checkout("p", commit, tmp_path / "again")
    assert os.access(tmp_path / "again" / "out" / "run.sh", os.X_OK)
    assert again.skipped == []


def test_results_go_on_top_of_what_others_committed(store: LocalGitStore, tmp_path: Path) -> None:
    checkout = store.checkout("p", store.head("p"), tmp_path / "tree")
    store.commit_files("p", {SafePath("other.txt"): b"by Bob"}, ADA, "meanwhile")
    (tmp_path / "tree" / "mine.txt").write_text("by Ada")
    commit = store.commit_results("p", checkout, tmp_path / "tree", ADA, "results", "main")
    assert commit is not None
    assert {"mine.txt", "other.txt"} <= set(_paths(store, commit))
    assert store.commit_results("p", checkout, tmp_path / "tree", ADA, "results", "main") == commit


def test_ignored_files_are_no_results(store: LocalGitStore, tmp_path: Path) -> None:
    base = store.commit_files("p", {SafePath(".dominoignore"): b"cache/\n*.tmp\n"}, ADA, "ignore")
    checkout = store.checkout("p", base, tmp_path / "tree")
    (tmp_path / "tree" / "cache").mkdir()
    (tmp_path / "tree" / "cache" / "x").write_text("x")
    (tmp_path / "tree" / "y.tmp").write_text("x")
    assert store.commit_results("p", checkout, tmp_path / "tree", ADA, "results", "main") is None
