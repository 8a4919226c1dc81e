"""Shapes of the operations on a project's files."""

from typing import Literal, Self

from msgspec import UNSET, UnsetType

from modelyard.engines.git import Entry, FileChange
from modelyard.kit.wire import Wire, epoch_ms, present


class ListedFile(Wire):
    """A file at a commit; `key` reads its bytes by themselves, `size` in bytes."""

    path: str
    key: str
    size: int

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """A file of a repository."""
        return cls(path=entry.path, key=entry.key, size=entry.size)


class ListedFiles(Wire):
    """Every file below a folder."""

    data: list[ListedFile]
    object_type: str = "list"


class BrowsedEntry(Wire):
    """A file or folder by its name, with its size in bytes (0 for folders)."""

    name: str
    kind: str
    size: int

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """An entry of a folder."""
        return cls(
            name=entry.path.rpartition("/")[2],
            kind="folder" if entry.is_folder else "file",
            size=entry.size,
        )


class BrowsedFolder(Wire):
    """What lies in one folder at one commit."""

    commit_id: str
    path: str
    entries: list[BrowsedEntry]


class CommittedFiles(Wire):
    """The commit that an upload has become."""

    commit_id: str
    path: str | UnsetType = UNSET


class FileRevision(Wire):
    """A commit that changed a file: `time` in epoch milliseconds, the file's key and size in bytes after it."""

    commit_id: str
    author_name: str
    message: str
    time: int | UnsetType
    change: Literal["added", "changed", "removed"]
    size: int
    key: str | UnsetType = UNSET

    @classmethod
    def of(cls, change: FileChange) -> Self:
        """A commit that changed a file."""
        return cls(
            commit_id=change.commit.id,
            author_name=change.commit.author_name,
            message=change.commit.message,
            time=epoch_ms(change.commit.committed_at),
            change=change.kind,
            size=change.size,
            key=present(change.key),
        )


class FileHistory(Wire):
    """The commits that changed a file, newest first; `hasMore` says whether older ones follow the window."""

    path: str
    offset: int
    limit: int
    has_more: bool
    revisions: list[FileRevision]
