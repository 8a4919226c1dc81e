"""Copies of repositories, and what is left when a process dies over one."""

import errno
import multiprocessing
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pygit2
import pytest

from modelyard.engines.git import Author
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.errors import NotFound
from modelyard.kit.safe_path import SafePath

ADA = Author("Ada", "ada@example.org")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repos"


@pytest.fixture
def store(root: Path, tmp_path: Path) -> LocalGitStore:
    """The project `p` with a large file, and a branch of results beside main."""
    store = LocalGitStore(root)
    first = store.create("p", {SafePath("README.md"): b"hello", SafePath("src/a.py"): b"a = 1"}, ADA, "first")
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2**20) * 9)
    store.commit_files("p", {SafePath("large"): large}, ADA, "second")
    store.commit_files("p", {SafePath("secret"): b"result"}, ADA, "x", branch="results/1", base=first)
    return store


def _fsck(root: Path, project_id: str) -> None:
    folder = str(root / f"{project_id}.git")
    done = subprocess.run(["git", "-C", folder, "fsck", "--full", "--strict"], capture_output=True, check=True)
    assert done.stdout == b""


def _read(store: LocalGitStore, project_id: str, path: str) -> bytes:
    return b"".join(store.open_file(project_id, store.head(project_id), SafePath(path)).chunks)


def _objects(root: Path, project_id: str) -> dict[str, int]:
    files = (root / f"{project_id}.git" / "objects").glob("??/*")
    return {file.name: file.stat().st_ino for file in files}


def _left(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_copy_has_the_history_of_main_and_shares_its_files(store: LocalGitStore, root: Path) -> None:
    assert store.copy("p", "copy") == store.head("p") == store.head("copy")
    assert [commit.message for commit in store.commits("copy", 10)] == ["second", "first"]
    assert _read(store, "copy", "large") == _read(store, "p", "large")
    assert _objects(root, "copy").items() <= _objects(root, "p").items()
    _fsck(root, "copy")
    with pytest.raises(NotFound):
        store.head("copy", "results/1")
    hidden = store.entries("p", store.head("p", "results/1"), SafePath(""), recursive=True)
    key = next(entry.key for entry in hidden if entry.path == "secret")
    with pytest.raises(NotFound):
        store.open_blob("copy", key)


def test_commits_on_one_side_do_not_show_on_the_other(store: LocalGitStore, root: Path, tmp_path: Path) -> None:
    head = store.copy("p", "copy")
    before = {path: path.read_bytes() for path in (root / "p.git" / "objects").glob("??/*")}
    store.commit_files("copy", {SafePath("README.md"): b"copied", SafePath("same"): b"hello"}, ADA, "change")
    store.commit_files("copy", {SafePath("large again"): tmp_path / "large"}, ADA, "the same large file")
    assert store.head("p") == head
    assert _read(store, "p", "README.md") == b"hello"
    assert {path: path.read_bytes() for path in (root / "p.git" / "objects").glob("??/*")} == before
    store.commit_files("p", {SafePath("README.md"): b"original"}, ADA, "change")
    assert _read(store, "copy", "README.md") == b"copied"
    for project in ("p", "copy"):
        _fsck(root, project)


def test_a_copy_outlives_its_original(store: LocalGitStore, root: Path) -> None:
    large = _read(store, "p", "large")
    store.copy("p", "copy")
    store.delete("p")
    assert _read(store, "copy", "large") == large
    _fsck(root, "copy")
    assert _left(root) == ["copy.git"]


@pytest.mark.parametrize("packed", ["everything", "a part"])
def test_a_packed_original_is_copied_too(store: LocalGitStore, root: Path, packed: str) -> None:
    subprocess.run(["git", "-C", str(root / "p.git"), "gc", "-q"], check=True)
    if packed == "a part":
        store.commit_files("p", {SafePath("later"): b"loose"}, ADA, "later")
    assert store.copy("p", "copy") == store.head("p")
    assert _read(store, "copy", "src/a.py") == b"a = 1"
    _fsck(root, "copy")


def test_where_files_cannot_be_shared_they_are_copied(
    store: LocalGitStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EXDEV, "another device")

    monkeypatch.setattr(os, "link", refuse)
    store.copy("p", "copy")
    assert not set(_objects(root, "copy").values()) & set(_objects(root, "p").values())
    assert _read(store, "copy", "large") == _read(store, "p", "large")
    _fsck(root, "copy")


def test_a_full_disk_leaves_nothing_behind(
    store: LocalGitStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="no space") as raised:
        store.copy("p", "copy")
    assert raised.value.errno == errno.ENOSPC
    assert _left(root) == ["p.git"]


def test_a_disk_that_is_full_for_git_is_the_same_failure(
    store: LocalGitStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise pygit2.GitError("cannot extend packfile: No space left on device")

    subprocess.run(["git", "-C", str(root / "p.git"), "gc", "-q"], check=True)
    monkeypatch.setattr(pygit2.PackBuilder, "write", full)
    with pytest.raises(OSError, match="No space left") as raised:
        store.copy("p", "copy")
    assert raised.value.errno == errno.ENOSPC
    assert _left(root) == ["p.git"]


def test_what_is_not_there_cannot_be_copied(store: LocalGitStore, root: Path) -> None:
    with pytest.raises(NotFound):
        store.copy("unknown", "copy")
    assert _left(root) == ["p.git"]


def test_copying_again_leaves_the_copy_that_is_there(store: LocalGitStore) -> None:
    store.copy("p", "copy")
    changed = store.commit_files("copy", {SafePath("x"): b"x"}, ADA, "x")
    assert store.copy("p", "copy") == changed


def test_a_copy_is_unclaimed_until_it_is_claimed(store: LocalGitStore, root: Path) -> None:
    store.copy("p", "copy")
    store.copy("p", "abandoned")
    assert store.unclaimed(3600) == []
    assert sorted(store.unclaimed(-1)) == ["abandoned", "copy"]
    for _ in range(2):
        store.claim("copy")
    store.claim("unknown")
    assert store.unclaimed(-1) == ["abandoned"]
    assert [store.discard(one) for one in ("copy", "abandoned", "abandoned", "p")] == [False, True, False, False]
    assert _left(root) == ["copy.git", "p.git"]


def _copy_and_die(root: Path, after: int) -> None:
    """Copies, and is killed over one of the object files."""
    link, count = os.link, 0

    def linked(*arguments: Any, **options: Any) -> None:
        nonlocal count
        count += 1
        if count > after:
            os.kill(os.getpid(), signal.SIGKILL)
        link(*arguments, **options)

    os.link = linked
    LocalGitStore(root).copy("p", "copy")


@pytest.mark.parametrize("after", [0, 4])
def test_a_copy_that_is_killed_midway_is_never_seen_and_swept(
    store: LocalGitStore, root: Path, after: int
) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_copy_and_die, args=(root, after))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not store.exists("copy")
    assert store.unclaimed(-1) == []
    [left] = [name for name in _left(root) if name.startswith(".copy-")]
    assert store.sweep(3600) == []
    assert store.sweep(-1) == [left]
    assert _left(root) == ["p.git"]
    assert store.copy("p", "copy") == store.head("p")


def test_half_removed_and_half_written_things_are_swept_once_they_are_old(
    store: LocalGitStore, root: Path
) -> None:
    leftovers = [root / ".gone-x.git-1", root / ".new-x", root / ".copy-x"]
    for folder in leftovers:
        (folder / "objects").mkdir(parents=True)
    half = root / "p.git" / "objects" / "tmp_obj_half"
    half.write_bytes(b"x")
    old = time.time() - 7200
    for path in (*leftovers, half):
        os.utime(path, (old, old))
    store.copy("p", "copy")
    assert sorted(store.sweep(3600)) == sorted(folder.name for folder in leftovers)
    assert not half.exists()
    assert _left(root) == ["copy.git", "p.git"]
    _fsck(root, "p")
