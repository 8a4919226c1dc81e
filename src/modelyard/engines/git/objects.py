"""Reading and making git objects through pygit2."""

import contextlib
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pygit2
from pygit2.enums import FileMode, ObjectType

from modelyard.engines.git import Commit, Entry, FileContent, loose
from modelyard.engines.git.disk import disk_errors
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.safe_path import SafePath

# Up to this size a file is read and written in one piece.
LARGE_BYTES = 2**23
_EMPTY_TREE = pygit2.Oid(hex="4b825dc642cb6eb9a060e54bf8d69288fbee4904")


def commit_of(repository: pygit2.Repository, commit_id: str) -> pygit2.Commit:
    """The commit with this id, or at least 7 digits of it; raises NotFound."""
    found = None
    if 7 <= len(commit_id) <= 40 and all(digit in "0123456789abcdef" for digit in commit_id):
        with contextlib.suppress(KeyError, ValueError):
            found = repository.get(commit_id)
    if not isinstance(found, pygit2.Commit):
        raise NotFound(f"There is no commit {commit_id[:80]} in this project.")
    return found


def described(commit: pygit2.Commit) -> Commit:
    """A commit as the platform shows it."""
    return Commit(
        parent_id=str(commit.parent_ids[0]) if commit.parent_ids else None,
        id=str(commit.id),
        author_name=commit.author.name,
        author_email=commit.author.email,
        message=commit.message,
        committed_at=datetime.fromtimestamp(commit.commit_time, UTC),
    )


def folder_of(repository: pygit2.Repository, commit_id: str, folder: SafePath) -> pygit2.Tree:
    """The tree of a folder at a commit; raises NotFound."""
    tree = commit_of(repository, commit_id).tree
    if not folder:
        return tree
    found = _at(tree, folder)
    if not isinstance(found, pygit2.Tree):
        raise NotFound(f"There is no folder {folder} at commit {commit_id}.")
    return found


def blob_of(repository: pygit2.Repository, commit_id: str, path: SafePath) -> pygit2.Oid:
    """The blob of a file at a commit; raises NotFound."""
    tree = commit_of(repository, commit_id).tree
    folder, _, name = path.rpartition("/")
    parent = _at(tree, folder) if folder else tree
    if isinstance(parent, pygit2.Tree) and name:
        for entry in parent:
            if entry.name == name and isinstance(entry, pygit2.Blob):
                return entry.id
    raise NotFound(f"There is no file {path} at commit {commit_id}.")


def content(repository: pygit2.Repository, oid: pygit2.Oid) -> FileContent:
    """A blob's bytes, streamed when they are many; raises NotFound when there is no such blob."""
    try:
        kind, size = repository.odb.read_header(oid)
    except KeyError:
        kind, size = None, 0
    if kind != ObjectType.BLOB:
        raise NotFound(f"There is no file with the key {oid} in this project.")
    return FileContent(size=size, key=str(oid), chunks=_chunks(repository, oid, size))


def walk(repository: pygit2.Repository, tree: pygit2.Tree, prefix: str) -> Iterator[Entry]:
    """Every file below a tree, with its path below the commit's root."""
    for entry in tree:
        path = f"{prefix}/{entry.name}" if prefix else str(entry.name)
        if isinstance(entry, pygit2.Tree):
            yield from walk(repository, entry, path)
        elif isinstance(entry, pygit2.Blob):
            yield Entry(path, str(entry.id), size_of(repository, entry.id), is_folder=False)


def children(repository: pygit2.Repository, tree: pygit2.Tree, prefix: str) -> Iterator[Entry]:
    """What lies directly in a tree: folders first, then files."""
    entries = sorted(tree, key=lambda entry: (not isinstance(entry, pygit2.Tree), str(entry.name)))
    for entry in entries:
        path = f"{prefix}/{entry.name}" if prefix else str(entry.name)
        is_folder = isinstance(entry, pygit2.Tree)
        yield Entry(path, str(entry.id), 0 if is_folder else size_of(repository, entry.id), is_folder)


def tree_with(
    repository: pygit2.Repository,
    base: pygit2.Tree | None,
    changes: dict[tuple[str, ...], tuple[pygit2.Oid, FileMode] | None],
) -> pygit2.Oid:
    """A tree like `base` but for the changed paths (None removes); folders left empty vanish.

    Raises BadRequest when a path would have to be a file and a folder at once.
    """
    builder = repository.TreeBuilder(base) if base is not None else repository.TreeBuilder()
    below: dict[str, dict[tuple[str, ...], tuple[pygit2.Oid, FileMode] | None]] = {}
    for path, change in changes.items():
        if len(path) > 1:
            below.setdefault(path[0], {})[path[1:]] = change
    for path, change in changes.items():
        if len(path) == 1:
            _put(builder, path[0], change, clash=_adds(below.get(path[0], {})))
    for name, inner in below.items():
        present = builder.get(name)
        folder = present if isinstance(present, pygit2.Tree) else None
        if present is not None and folder is None and (name,) not in changes:
            if not _adds(inner):
                continue
            raise BadRequest(f"{name} is a file; it cannot have files below it.")
        oid = tree_with(repository, folder, inner)
        if oid != _EMPTY_TREE:
            builder.insert(name, oid, FileMode.TREE)
        elif present is not None:
            builder.remove(name)
    return builder.write()


def store(repository: pygit2.Repository, value: bytes | Path) -> pygit2.Oid:
    """A blob of these bytes, or of a file's, read in pieces; raises OSError when they find no room."""
    folder = Path(repository.path)
    size = len(value) if isinstance(value, bytes) else value.stat().st_size
    if isinstance(value, Path) and size > LARGE_BYTES:
        return pygit2.Oid(hex=loose.write_blob(folder, value))
    with disk_errors(folder, size):
        return repository.create_blob(value if isinstance(value, bytes) else value.read_bytes())


def _put(
    builder: pygit2.TreeBuilder, name: str, change: tuple[pygit2.Oid, FileMode] | None, *, clash: bool
) -> None:
    present = builder.get(name)
    if change is None:
        if present is not None:
            builder.remove(name)
        return
    if clash or isinstance(present, pygit2.Tree):
        raise BadRequest(f"{name} is a folder; it cannot be a file as well.")
    builder.insert(name, *change)


def _adds(changes: dict[tuple[str, ...], tuple[pygit2.Oid, FileMode] | None]) -> bool:
    return any(change is not None for change in changes.values())


def _at(tree: pygit2.Tree, path: str) -> pygit2.Object | None:
    try:
        return tree[path]
    except KeyError:
        return None


def size_of(repository: pygit2.Repository, oid: pygit2.Oid) -> int:
    """The size of an object in bytes."""
    return int(repository.odb.read_header(oid)[1])


def _chunks(repository: pygit2.Repository, oid: pygit2.Oid, size: int) -> Generator[bytes, None, None]:
    pieces = loose.read_blob(Path(repository.path), str(oid)) if size > LARGE_BYTES else None
    if pieces is not None:
        yield from pieces
    else:
        yield bytes(repository.odb.read(oid)[1])
