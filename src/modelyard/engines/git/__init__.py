"""Project files: one bare git repository a project, read from its objects, written as commits.

Everything blocks; callers use threads.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import msgspec

from modelyard.kit.archives import ArchiveFormat
from modelyard.kit.safe_path import SafePath

MAIN = "main"


class Author(msgspec.Struct, frozen=True):
    """Who makes a commit."""

    name: str
    email: str


class Commit(msgspec.Struct, frozen=True):
    """A commit of a project, and the one before it; None for the first one."""

    id: str
    parent_id: str | None
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


class FileChange(msgspec.Struct, frozen=True):
    """A commit that changed a file: the file's key and size in bytes after it (None and 0 when removed)."""

    commit: Commit
    key: str | None
    size: int
    kind: Literal["added", "changed", "removed"]


class FileContent(msgspec.Struct, frozen=True):
    """A file's bytes, in pieces, without ever holding all of them."""

    size: int
    key: str
    chunks: Generator[bytes, None, None]


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

    def copy(self, source_id: str, target_id: str) -> str:
        """Makes an unclaimed repository with the history of another's main branch; the head's id.

        Whole or not at all; one that is there is left. Files are shared with the original where the disk
        can. Raises NotFound without an original, OSError when the disk is full.
        """
        ...

    def claim(self, project_id: str) -> None:
        """Says that a copied repository belongs to a project that is there; again or without one, nothing."""
        ...

    def unclaimed(self, seconds: float) -> list[str]:
        """The project ids of copies that nobody has claimed for so many seconds."""
        ...

    def discard(self, project_id: str) -> bool:
        """Removes a copy if it is still unclaimed; whether it was."""
        ...

    def sweep(self, seconds: float) -> list[str]:
        """Removes what killed processes left half-made, once older than so many seconds; its names."""
        ...

    def delete(self, project_id: str) -> None:
        """Removes a repository; a crash leaves it whole or gone."""
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

    def history(
        self, project_id: str, path: SafePath, limit: int, offset: int = 0, commit_id: str | None = None
    ) -> list[FileChange]:
        """The commits up to one (else the head of main) that changed a file, newest first.

        Raises NotFound for an unknown commit, and for a path that was no file at any of them.
        """
        ...

    def archive(
        self, project_id: str, commit_id: str, folder: SafePath, kind: ArchiveFormat, top: str
    ) -> Iterator[bytes]:
        """A folder at a commit as an archive, in pieces; every path starts with `top`. Raises NotFound.

        The same arguments give the same bytes.
        """
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

    def checkout(self, project_id: str, commit_id: str, folder: Path, *, without: Sequence[str] = ()) -> Checkout:
        """Writes the files of a commit into an empty folder; `without` are paths and patterns, as git ignores."""
        ...

    def commit_results(
        self, project_id: str, checkout: Checkout, folder: Path, author: Author, message: str, branch: str
    ) -> str | None:
        """Commits what has changed in a folder since its checkout; None when nothing has."""
        ...
