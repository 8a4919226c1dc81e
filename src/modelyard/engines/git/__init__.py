"""Project files: one bare git repository a project, read from its objects, written as commits.

Everything blocks; callers use threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from modelyard.kit.safe_path import SafePath

MAIN = "main"


class Author(msgspec.Struct, frozen=True):
    """Who makes a commit."""

    name: str
    email: str


class Commit(msgspec.Struct, frozen=True):
    """A commit of a project."""

    id: str
    author_name: str
    author_email: str
    message: str
    committed_at: datetime


class Entry(msgspec.Struct, frozen=True):
    """A file or folder at a commit; `key` is the git object's id, `size` in bytes (0 for folders)."""

    path: str
    key: str
    size: int
    is_folder: bool


class FileContent(msgspec.Struct, frozen=True):
    """A file's bytes, in pieces, without ever holding all of them."""

    size: int
    key: str
    chunks: Iterator[bytes]


class FileStat(msgspec.Struct, frozen=True, array_like=True):
    """What tells that a checked-out file was not touched: size, change time in nanoseconds, inode."""

    size: int
    changed_ns: int
    inode: int


class Checkout(msgspec.Struct, frozen=True):
    """A commit's files in a folder: each file's stat, and the paths that were left out."""

    commit_id: str
    stats: dict[str, FileStat]
    skipped: list[str]


# A path's new content: bytes, or a file to take them from; None removes the path.
Changes = Mapping[SafePath, "bytes | Path | None"]


@runtime_checkable
class GitStore(Protocol):
    """Where the files of projects are kept."""

    def exists(self, project_id: str) -> bool:
        """Whether a project has a repository."""
        ...

    def create(self, project_id: str, files: Mapping[SafePath, bytes], author: Author, message: str) -> str:
        """Makes a repository with its first commit, or leaves the one that is there; the head's id."""
        ...

    def delete(self, project_id: str) -> None:
        """Removes a repository."""
        ...

    def head(self, project_id: str, branch: str = MAIN) -> str:
        """The newest commit of a branch; raises NotFound."""
        ...

    def find_commit(self, project_id: str, commit_id: str) -> Commit | None:
        """The commit with this id (or at least 7 digits of it)."""
        ...

    def commits(self, project_id: str, limit: int, offset: int = 0, branch: str = MAIN) -> list[Commit]:
        """The commits of a branch, newest first."""
        ...

    def entries(self, project_id: str, commit_id: str, folder: SafePath, *, recursive: bool) -> Sequence[Entry]:
        """What lies in a folder at a commit; raises NotFound."""
        ...

    def open_file(self, project_id: str, commit_id: str, path: SafePath) -> FileContent:
        """A file at a commit; raises NotFound."""
        ...

    def open_blob(self, project_id: str, key: str) -> FileContent:
        """A file by its key; raises NotFound."""
        ...

    def commit_files(
        self, project_id: str, changes: Changes, author: Author, message: str, *, branch: str = MAIN,
        base: str | None = None, replace: bool = False,
    ) -> str:  # fmt: skip
        """Commits changes on top of whatever the branch then has; the new commit, or the head if equal.

        A missing branch starts at the commit `base`. With `replace` the tree becomes just these files.
        """
        ...

    def checkout(self, project_id: str, commit_id: str, folder: Path) -> Checkout:
        """Writes the files of a commit into an empty folder."""
        ...

    def commit_results(
        self, project_id: str, checkout: Checkout, folder: Path, author: Author, message: str, branch: str
    ) -> str | None:
        """Commits what has changed in a folder since its checkout; None when nothing has."""
        ...
