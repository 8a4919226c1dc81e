"""The past of one file."""

import os
import subprocess
from pathlib import Path

import pygit2
import pytest

from modelyard.engines.git import Author, FileChange
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.errors import NotFound
from modelyard.kit.safe_path import SafePath

ADA = Author("Ada", "ada@example.org")
FILE = SafePath("a/b/data.csv")


@pytest.fixture
def store(tmp_path: Path) -> LocalGitStore:
    store = LocalGitStore(tmp_path)
    store.create("p", {SafePath("README.md"): b"hello"}, ADA, "start")
    return store


def _commit(store: LocalGitStore, path: SafePath, content: "bytes | Path | None", message: str) -> str:
    return store.commit_files("p", {path: content}, ADA, message)


def _said(changes: list[FileChange]) -> list[tuple[str, str, int]]:
    return [(change.commit.message, change.kind, change.size) for change in changes]


def test_a_files_commits_are_told_newest_first(store: LocalGitStore) -> None:
    _commit(store, FILE, b"1", "add")
    _commit(store, SafePath("a/b/other.csv"), b"1", "elsewhere")
    _commit(store, FILE, b"22", "change")
    gone = _commit(store, FILE, None, "remove")
    again = _commit(store, FILE, b"333", "add again")
    told = [("add again", "added", 3), ("remove", "removed", 0), ("change", "changed", 2), ("add", "added", 1)]
    assert _said(store.history("p", FILE, 10)) == told
    assert _said(store.history("p", FILE, 2, offset=1)) == told[1:3]
    assert _said(store.history("p", FILE, 10, commit_id=gone)) == told[1:]
    assert store.history("p", FILE, 10, offset=4) == []
    newest = store.history("p", FILE, 1)[0]
    assert (newest.commit.id, newest.commit.author_name) == (again, "Ada")
    assert newest.key is not None
    assert b"".join(store.open_blob("p", newest.key).chunks) == b"333"


def test_a_program_that_becomes_executable_is_changed(store: LocalGitStore, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_bytes(b"x")
    _commit(store, SafePath("run.sh"), script, "add")
    script.chmod(0o755)
    _commit(store, SafePath("run.sh"), script, "chmod")
    assert _said(store.history("p", SafePath("run.sh"), 10))[0] == ("chmod", "changed", 1)


def test_a_file_that_gives_way_to_a_folder_is_removed(store: LocalGitStore) -> None:
    _commit(store, SafePath("x"), b"1", "file")
    _commit(store, SafePath("x"), None, "gone")
    _commit(store, SafePath("x/y"), b"1", "folder")
    assert _said(store.history("p", SafePath("x"), 10)) == [("gone", "removed", 0), ("file", "added", 1)]


@pytest.mark.parametrize("path", ["never.csv", "a", "a/b/data.csv/below", "README.md/x"])
def test_what_never_was_a_file_has_no_history(store: LocalGitStore, path: str) -> None:
    _commit(store, FILE, b"1", "add")
    with pytest.raises(NotFound, match="never a file"):
        store.history("p", SafePath(path), 10)


def test_a_commit_before_the_file_knows_nothing_of_it(store: LocalGitStore) -> None:
    first = store.head("p")
    _commit(store, FILE, b"1", "add")
    for commit in (first, "0" * 40):
        with pytest.raises(NotFound):
            store.history("p", FILE, 10, commit_id=commit)


def test_merges_are_followed_as_git_does(store: LocalGitStore, tmp_path: Path) -> None:
    """Random branches and merges of three files, each file's history against `git log`."""
    repository = pygit2.Repository(str(tmp_path / "p.git"))
    tips = [repository[store.head("p")].id]
    for number in range(60):
        builder = repository.TreeBuilder(repository[tips[number * 7 % len(tips)]].tree)  # type: ignore[attr-defined]
        name = f"f{number % 3}"
        builder.insert(name, repository.create_blob(b"%d" % (number % 5)), pygit2.enums.FileMode.BLOB)
        parents = {tips[number * 7 % len(tips)], tips[number * 11 % len(tips)]} if number % 4 == 0 else {tips[-1]}
        moment = pygit2.Signature("Ada", "ada@example.org", 1_700_000_000 + number, 0)
        tips.append(
            repository.create_commit(None, moment, moment, str(number), builder.write(), sorted(parents, key=str))
        )
    command = ["git", "-C", str(tmp_path / "p.git"), "log", "--format=%H", str(tips[-1]), "--"]
    for name in ("f0", "f1", "f2"):
        environment = {"PATH": os.environ["PATH"]}
        logged = subprocess.run([*command, name], capture_output=True, text=True, check=True, env=environment)
        ours = [change.commit.id for change in store.history("p", SafePath(name), 1000, commit_id=str(tips[-1]))]
        assert ours == logged.stdout.split()
