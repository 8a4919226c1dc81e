"""Trees as archives."""

import io
import os
import stat
import subprocess
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pygit2
import pytest

from modelyard.engines.git import Author
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.archives import ArchiveFormat
from modelyard.kit.errors import NotFound
from modelyard.kit.safe_path import SafePath

ADA = Author("Ada", "ada@example.org")
ROOT = SafePath("")
FORMATS: list[ArchiveFormat] = ["tar", "tar.gz", "zip"]


@pytest.fixture
def store(tmp_path: Path) -> LocalGitStore:
    """A project with a plain file, a program, a link and a long name."""
    store = LocalGitStore(tmp_path / "repos")
    store.create("p", {SafePath("README.md"): b"hello", SafePath(f"ü/{'n' * 200}.txt"): b"long"}, ADA, "start")
    checkout = store.checkout("p", store.head("p"), tmp_path / "tree")
    (tmp_path / "tree" / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "tree" / "run.sh").chmod(0o755)
    (tmp_path / "tree" / "ü" / "link").symlink_to("../README.md")
    store.commit_results("p", checkout, tmp_path / "tree", ADA, "more", "main")
    return store


def _archive(store: LocalGitStore, kind: ArchiveFormat, folder: str = "") -> bytes:
    return b"".join(store.archive("p", store.head("p"), SafePath(folder), kind, "top"))


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_tar_holds_files_programs_and_links(store: LocalGitStore, kind: ArchiveFormat) -> None:
    commit = store.find_commit("p", store.head("p"))
    assert commit is not None
    with tarfile.open(fileobj=io.BytesIO(_archive(store, kind))) as tar:
        members = {member.name: member for member in tar}
        long = tar.extractfile(f"top/ü/{'n' * 200}.txt")
        assert long is not None
        assert long.read() == b"long"
    assert set(members) == {"top/README.md", "top/run.sh", "top/ü/link", f"top/ü/{'n' * 200}.txt"}
    assert (members["top/README.md"].mode, members["top/run.sh"].mode) == (0o644, 0o755)
    assert (members["top/ü/link"].issym(), members["top/ü/link"].linkname) == (True, "../README.md")
    assert {member.mtime for member in members.values()} == {commit.committed_at.timestamp()}


def test_a_zip_holds_files_programs_and_links(store: LocalGitStore) -> None:
    with zipfile.ZipFile(io.BytesIO(_archive(store, "zip"))) as archive:
        assert archive.testzip() is None
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
        assert archive.read("top/ü/link") == b"../README.md"
    assert stat.S_ISLNK(modes["top/ü/link"])
    assert (modes["top/README.md"], modes["top/run.sh"]) == (stat.S_IFREG | 0o644, stat.S_IFREG | 0o755)


@pytest.mark.parametrize("kind", FORMATS)
def test_two_archives_of_one_commit_are_the_same_bytes(store: LocalGitStore, kind: ArchiveFormat) -> None:
    assert _archive(store, kind) == _archive(store, kind)


def test_a_folder_is_archived_alone_and_keeps_its_place(store: LocalGitStore) -> None:
    with tarfile.open(fileobj=io.BytesIO(_archive(store, "tar", "ü"))) as tar:
        assert all(name.startswith("top/ü/") for name in tar.getnames())
    with pytest.raises(NotFound):
        store.archive("p", store.head("p"), SafePath("README.md"), "tar", "top")
    with pytest.raises(NotFound):
        store.archive("p", "0" * 40, ROOT, "tar", "top")


@pytest.mark.parametrize("kind", FORMATS)
def test_an_empty_tree_is_an_empty_archive(tmp_path: Path, kind: ArchiveFormat) -> None:
    store = LocalGitStore(tmp_path)
    store.create("p", {}, ADA, "nothing")
    content = io.BytesIO(_archive(store, kind))
    if kind == "zip":
        with zipfile.ZipFile(content) as archive:
            assert archive.namelist() == []
    else:
        with tarfile.open(fileobj=content) as tar:
            assert tar.getnames() == []


@pytest.mark.parametrize("kind", FORMATS)
def test_a_large_file_is_archived_without_being_held(tmp_path: Path, kind: ArchiveFormat) -> None:
    store = LocalGitStore(tmp_path / "repos")
    store.create("p", {}, ADA, "nothing")
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2**20) * 64)
    commit = store.commit_files("p", {SafePath("large"): large}, ADA, "large")
    tracemalloc.start()
    with (tmp_path / "archive").open("wb") as file:
        file.writelines(store.archive("p", commit, ROOT, kind, "top"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20
    if kind == "zip":
        subprocess.run(["python3", "-m", "zipfile", "-e", tmp_path / "archive", tmp_path / "out"], check=True)
    else:
        subprocess.run(["python3", "-m", "tarfile", "-e", tmp_path / "archive", tmp_path / "out"], check=True)
    assert (tmp_path / "out" / "top" / "large").read_bytes() == large.read_bytes()


def test_an_archive_that_is_not_read_to_its_end_leaves_no_file_open(tmp_path: Path) -> None:
    store = LocalGitStore(tmp_path / "repos")
    store.create("p", {}, ADA, "nothing")
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2**20) * 20)
    commit = store.commit_files("p", {SafePath("large"): large}, ADA, "large")
    pieces = store.archive("p", commit, ROOT, "tar.gz", "top")
    next(pieces)
    before = len(list(Path("/dev/fd").iterdir()))
    pieces.close()  # type: ignore[attr-defined]
    assert len(list(Path("/dev/fd").iterdir())) == before - 1


def test_members_of_other_kinds_are_left_out(store: LocalGitStore, tmp_path: Path) -> None:
    repository = pygit2.Repository(str(tmp_path / "repos" / "p.git"))
    builder = repository.TreeBuilder(repository[store.head("p")].tree)  # type: ignore[attr-defined]
    builder.insert("module", pygit2.Oid(hex="1" * 40), pygit2.enums.FileMode.COMMIT)
    signature = pygit2.Signature("Ada", "ada@example.org")
    repository.create_commit("refs/heads/main", signature, signature, "x", builder.write(), [store.head("p")])
    with tarfile.open(fileobj=io.BytesIO(_archive(store, "tar"))) as tar:
        assert "top/module" not in tar.getnames()
