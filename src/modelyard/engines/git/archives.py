"""A folder at a commit as an archive, with the commit's time."""

from collections.abc import Iterator

import pygit2
from pygit2.enums import FileMode

from modelyard.engines.git import objects
from modelyard.kit.archives import EXECUTABLE, FILE, LINK, ArchiveFormat, Member, archive
from modelyard.kit.safe_path import SafePath

_MODES = {FileMode.BLOB: FILE, FileMode.BLOB_EXECUTABLE: EXECUTABLE, FileMode.LINK: LINK}


def stream(
    repository: pygit2.Repository, commit: pygit2.Commit, folder: SafePath, kind: ArchiveFormat, top: str
) -> Iterator[bytes]:
    """The archive of a folder, every path below `top`; raises NotFound at once."""
    tree = objects.folder_of(repository, str(commit.id), folder)
    return archive(_members(repository, tree, f"{top}/{folder}" if folder else top), kind, commit.commit_time)


def _members(repository: pygit2.Repository, tree: pygit2.Tree, prefix: str) -> Iterator[Member]:
    for entry in tree:
        path = f"{prefix}/{entry.name}"
        if isinstance(entry, pygit2.Tree):
            yield from _members(repository, entry, path)
        elif isinstance(entry, pygit2.Blob):
            content = objects.content(repository, entry.id)
            mode = _MODES.get(FileMode(entry.filemode), FILE)
            yield Member(path, mode, content.size, content.chunks)
