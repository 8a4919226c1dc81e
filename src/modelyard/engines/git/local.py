"""Bare repositories in a folder on this machine's disk."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, Option, SortMode

from modelyard.engines.git import (
    MAIN,
    Author,
    Changes,
    Checkout,
    Commit,
    Entry,
    FileChange,
    FileContent,
    archives,
    copies,
    history,
    objects,
    worktree,
)
from modelyard.engines.git.disk import disk_errors
from modelyard.kit.archives import ArchiveFormat
from modelyard.kit.errors import NotFound
from modelyard.kit.safe_path import SafePath

# Acknowledged commits survive a power loss.
pygit2.option(Option.ENABLE_FSYNC_GITDIR, True)

_Blobs = dict[tuple[str, ...], tuple[pygit2.Oid, FileMode] | None]


class LocalGitStore:
    """Each project is the bare repository `<root>/<projectId>.git`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def exists(self, project_id: str) -> bool:
        """Whether a project has a repository."""
        return self._path(project_id).is_dir()

    def create(self, project_id: str, files: Mapping[SafePath, bytes], author: Author, message: str) -> str:
        """Makes a repository with its first commit, or leaves the one that is there; the head's id."""
        target = self._path(project_id)
        if not target.is_dir():
            with self._building(copies.NEW) as building, disk_errors(self._root):
                repository = pygit2.init_repository(str(building), bare=True, initial_head=MAIN)
                blobs: _Blobs = {
                    tuple(path.split("/")): (objects.store(repository, value), FileMode.BLOB)
                    for path, value in files.items()
                }
                tree = objects.tree_with(repository, None, blobs)
                _write_commit(repository, MAIN, tree, [], author, message)
                with contextlib.suppress(OSError):  # somebody else was faster
                    building.rename(target)
        return self.head(project_id)

    def copy(self, source_id: str, target_id: str) -> str:
        """Makes an unclaimed repository with the history of another's main branch; the head's id.

        Whole or not at all; one that is there is left. Files are shared with the original where the disk
        can. Raises NotFound without an original, OSError when the disk is full.
        """
        target = self._path(target_id)
        if not target.is_dir():
            source, tip = self._open(source_id), pygit2.Oid(hex=self.head(source_id))
            with self._building(copies.COPY) as building, disk_errors(self._root):
                repository = pygit2.init_repository(str(building), bare=True, initial_head=MAIN)
                copies.fill(source, tip, repository)
                repository.references.create(f"refs/heads/{MAIN}", tip)
                (building / copies.UNCLAIMED).touch()
                copies.put_in_place(building, target)
        return self.head(target_id)

    def claim(self, project_id: str) -> None:
        """Says that a copied repository belongs to a project that is there; again or without one, nothing."""
        with contextlib.suppress(FileNotFoundError), self._alone(project_id):
            (self._path(project_id) / copies.UNCLAIMED).unlink(missing_ok=True)

    def unclaimed(self, seconds: float) -> list[str]:
        """The project ids of copies that nobody has claimed for so many seconds."""
        return copies.unclaimed(self._root, seconds)

    def discard(self, project_id: str) -> bool:
        """Removes a copy if it is still unclaimed; whether it was."""
        with contextlib.suppress(FileNotFoundError), self._alone(project_id):
            if (self._path(project_id) / copies.UNCLAIMED).exists():
                copies.remove(self._path(project_id))
                return True
        return False

    def sweep(self, seconds: float) -> list[str]:
        """Removes what killed processes left half-made, once older than so many seconds; its names."""
        return copies.sweep(self._root, seconds)

    def delete(self, project_id: str) -> None:
        """Removes a repository; a crash leaves it whole or gone."""
        copies.remove(self._path(project_id))

    def head(self, project_id: str, branch: str = MAIN) -> str:
        """The newest commit of a branch; raises NotFound."""
        tip = _tip(self._open(project_id), branch)
        if tip is None:
            raise NotFound(f"There is no branch {branch} in this project.")
        return str(tip.id)

    def find_commit(self, project_id: str, commit_id: str) -> Commit | None:
        """The commit with this id (or at least 7 digits of it)."""
        try:
            return objects.described(objects.commit_of(self._open(project_id), commit_id))
        except NotFound:
            return None

    def commits(self, project_id: str, limit: int, offset: int = 0, branch: str = MAIN) -> list[Commit]:
        """The commits of a branch, newest first."""
        repository = self._open(project_id)
        tip = _tip(repository, branch)
        if tip is None:
            return []
        found = []
        for number, commit in enumerate(repository.walk(tip.id, SortMode.TOPOLOGICAL)):
            if number >= offset + limit:
                break
            if number >= offset:
                found.append(objects.described(commit))
        return found

    def history(
        self, project_id: str, path: SafePath, limit: int, offset: int = 0, commit_id: str | None = None
    ) -> list[FileChange]:
        """The commits up to one (else the head of main) that changed a file, newest first.

        Raises NotFound for an unknown commit, and for a path that was no file at any of them.
        """
        repository = self._open(project_id)
        tip = objects.commit_of(repository, commit_id or self.head(project_id))
        found, met = [], False
        for number, change in enumerate(history.changes(repository, tip, path)):
            met = True
            if number >= offset + limit:
                break
            if number >= offset:
                found.append(change)
        if not met:
            raise NotFound(f"There was never a file {path} in this project's history.")
        return found

    def archive(
        self, project_id: str, commit_id: str, folder: SafePath, kind: ArchiveFormat, top: str
    ) -> Iterator[bytes]:
        """A folder at a commit as an archive, in pieces; every path starts with `top`. Raises NotFound.

        The same arguments give the same bytes.
        """
        repository = self._open(project_id)
        return archives.stream(repository, objects.commit_of(repository, commit_id), folder, kind, top)

    def entries(self, project_id: str, commit_id: str, folder: SafePath, *, recursive: bool) -> Sequence[Entry]:
        """What lies in a folder at a commit; raises NotFound."""
        repository = self._open(project_id)
        tree = objects.folder_of(repository, commit_id, folder)
        listing = objects.walk if recursive else objects.children
        return list(listing(repository, tree, folder))

    def open_file(self, project_id: str, commit_id: str, path: SafePath) -> FileContent:
        """A file at a commit; raises NotFound."""
        repository = self._open(project_id)
        return objects.content(repository, objects.blob_of(repository, commit_id, path))

    def open_blob(self, project_id: str, key: str) -> FileContent:
        """A file by its key; raises NotFound."""
        if len(key) != 40 or any(digit not in "0123456789abcdef" for digit in key):
            raise NotFound("A file's key has 40 hexadecimal digits.")
        return objects.content(self._open(project_id), pygit2.Oid(hex=key))

    def commit_files(
        self, project_id: str, changes: Changes, author: Author, message: str, *, branch: str = MAIN,
        base: str | None = None, replace: bool = False,
    ) -> str:  # fmt: skip
        """Commits changes on top of whatever the branch then has; the new commit, or the head if equal.

        A missing branch starts at the commit `base`. With `replace` the tree becomes just these files.
        Raises BadRequest when a path would be a file and a folder at once.
        """
        repository = self._open(project_id)
        blobs: _Blobs = {}
        for path, value in changes.items():
            mode = FileMode.BLOB
            if isinstance(value, Path) and value.stat().st_mode & 0o100:
                mode = FileMode.BLOB_EXECUTABLE
            stored = None if value is None else (objects.store(repository, value), mode)
            blobs[tuple(path.split("/"))] = stored
        return self._apply(project_id, repository, blobs, author, message, branch, base, replace=replace)

    def checkout(self, project_id: str, commit_id: str, folder: Path, *, without: Sequence[str] = ()) -> Checkout:
        """Writes the files of a commit into an empty folder; `without` are paths and patterns, as git ignores."""
        repository = self._open(project_id)
        return worktree.write(repository, objects.commit_of(repository, commit_id), folder, without)

    def commit_results(
        self, project_id: str, checkout: Checkout, folder: Path, author: Author, message: str, branch: str
    ) -> str | None:
        """Commits what has changed in a folder since its checkout; None when nothing has."""
        repository = self._open(project_id)
        base = objects.commit_of(repository, checkout.commit_id)
        blobs = worktree.changes(repository, base, checkout, folder)
        if not blobs:
            return None
        return self._apply(
            project_id, repository, blobs, author, message, branch, checkout.commit_id, replace=False
        )

    def _apply(
        self,
        project_id: str,
        repository: pygit2.Repository,
        blobs: _Blobs,
        author: Author,
        message: str,
        branch: str,
        base: str | None,
        *,
        replace: bool,
    ) -> str:
        """Writes the trees and moves the branch, alone; the blobs are already there."""
        with self._alone(project_id), disk_errors(self._root):
            tip = _tip(repository, branch) or (objects.commit_of(repository, base) if base else None)
            under = tip.tree if tip is not None and not replace else None
            tree = objects.tree_with(repository, under, blobs)
            if tip is not None and tip.tree_id == tree and _tip(repository, branch) is not None:
                return str(tip.id)
            parents = [tip.id] if tip is not None else []
            return _write_commit(repository, branch, tree, parents, author, message)

    @contextlib.contextmanager
    def _building(self, kind: str) -> Iterator[Path]:
        """A folder for a repository in the making; what has not been renamed after the block is removed."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(dir=self._root, prefix=kind))
        try:
            yield building
        finally:
            shutil.rmtree(building, ignore_errors=True)

    @contextlib.contextmanager
    def _alone(self, project_id: str) -> Iterator[None]:
        descriptor = os.open(self._path(project_id) / "modelyard.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _open(self, project_id: str) -> pygit2.Repository:
        path = self._path(project_id)
        try:
            return pygit2.Repository(str(path))
        except pygit2.GitError:
            raise NotFound("The files of this project are not there.") from None

    def _path(self, project_id: str) -> Path:
        return self._root / f"{project_id}.git"


def _tip(repository: pygit2.Repository, branch: str) -> pygit2.Commit | None:
    reference = repository.references.get(f"refs/heads/{branch}")
    if reference is None:
        return None
    commit = reference.peel(pygit2.Commit)
    return commit if isinstance(commit, pygit2.Commit) else None


def _write_commit(
    repository: pygit2.Repository,
    branch: str,
    tree: pygit2.Oid,
    parents: list[pygit2.Oid],
    author: Author,
    message: str,
) -> str:
    signature = pygit2.Signature(author.name or "unknown", author.email or "unknown@localhost")
    reference = f"refs/heads/{branch}"
    made = repository.create_commit(reference, signature, signature, message, tree, list(parents))
    return str(made)
