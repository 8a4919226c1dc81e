"""Working trees of runs: written from a commit, and what a run has changed in them.

What a run leaves behind is not trusted: links are never followed, special files and `.git` are passed over.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import pathspec
import pygit2
from pygit2.enums import FileMode

from modelyard.engines.git import Checkout, FileStat, loose, objects
from modelyard.kit.safe_path import link_stays_inside

IGNORE_FILE = ".dominoignore"

Change = tuple[pygit2.Oid, FileMode] | None


def write(
    repository: pygit2.Repository, commit: pygit2.Commit, folder: Path, without: Sequence[str] = ()
) -> Checkout:
    """Writes the files of a commit into an empty folder; links that leave it are left out."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stats: dict[str, FileStat] = {}
    skipped: list[str] = []
    left_out = pathspec.GitIgnoreSpec.from_lines(without)
    _write_tree(repository, commit.tree, folder, "", stats, skipped, left_out)
    return Checkout(commit_id=str(commit.id), stats=stats, skipped=skipped)


def changes(
    repository: pygit2.Repository, base: pygit2.Commit, checkout: Checkout, folder: Path
) -> dict[tuple[str, ...], Change]:
    """What differs between a folder and the commit it was written from; new contents are stored as blobs."""
    found: dict[tuple[str, ...], Change] = {}
    left = set(checkout.stats)
    ignored = _ignored(folder)
    for path, entry in _files(folder, "", ignored):
        left.discard(path)
        status = entry.stat(follow_symlinks=False)
        if checkout.stats.get(path) == _stat(status):
            continue
        change = _stored(repository, path, Path(entry.path), status)
        if change is not None and change != _at(base, path):
            found[tuple(path.split("/"))] = change
    for path in left - set(checkout.skipped):
        if not os.path.lexists(folder / path):
            found[tuple(path.split("/"))] = None
    return found


def _write_tree(
    repository: pygit2.Repository,
    tree: pygit2.Tree,
    folder: Path,
    prefix: str,
    stats: dict[str, FileStat],
    skipped: list[str],
    left_out: pathspec.GitIgnoreSpec,
) -> None:
    for entry in tree:
        path, target = f"{prefix}{entry.name}", folder / str(entry.name)
        if left_out.match_file(f"{path}/" if isinstance(entry, pygit2.Tree) else path):
            skipped.append(path)
        elif isinstance(entry, pygit2.Tree):
            target.mkdir(mode=0o755)
            _write_tree(repository, entry, target, f"{path}/", stats, skipped, left_out)
        elif entry.filemode == FileMode.LINK:
            link = bytes(repository.odb.read(entry.id)[1]).decode("utf-8", "surrogateescape")
            if link_stays_inside(path, link):
                target.symlink_to(link)
                stats[path] = _stat(target.lstat())
            else:
                skipped.append(path)
        elif entry.filemode in {FileMode.BLOB, FileMode.BLOB_EXECUTABLE}:
            mode = 0o755 if entry.filemode == FileMode.BLOB_EXECUTABLE else 0o644
            stats[path] = _write_blob(repository, entry.id, target, mode)
        else:
            skipped.append(path)


def _write_blob(repository: pygit2.Repository, oid: pygit2.Oid, target: Path, mode: int) -> FileStat:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        for piece in objects.content(repository, oid).chunks:
            file.write(piece)
        file.flush()
        return _stat(os.fstat(file.fileno()))


def _files(folder: Path, prefix: str, ignored: pathspec.GitIgnoreSpec) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = prefix + entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name.lower() == ".git" or not _is_storable(entry.name):
            continue
        if ignored.match_file(path + "/" if is_folder else path):
            continue
        if is_folder:
            yield from _files(folder / entry.name, path + "/", ignored)
        else:
            with contextlib.suppress(FileNotFoundError):  # it vanished while we walked
                yield path, entry


def _stored(repository: pygit2.Repository, name: str, path: Path, status: os.stat_result) -> Change:
    """The blob of a file that a run has made or changed; None for special files and links that leave."""
    try:
        if stat.S_ISLNK(status.st_mode):
            link = os.fsencode(path.readlink())
            stays = link_stays_inside(name, os.fsdecode(link))
            return (objects.store(repository, link), FileMode.LINK) if stays else None
        if not stat.S_ISREG(status.st_mode):
            return None
        mode = FileMode.BLOB_EXECUTABLE if status.st_mode & 0o100 else FileMode.BLOB
        if status.st_size > objects.LARGE_BYTES:
            return pygit2.Oid(hex=loose.write_blob(Path(repository.path), path)), mode
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            return objects.store(repository, file.read()), mode
    except (FileNotFoundError, PermissionError):
        return None


def _at(base: pygit2.Commit, path: str) -> Change:
    try:
        found = base.tree[path]
    except KeyError:
        return None
    return found.id, FileMode(found.filemode)


def _ignored(folder: Path) -> pathspec.GitIgnoreSpec:
    path = folder / IGNORE_FILE
    lines: list[str] = []
    if path.is_file() and not path.is_symlink():
        lines = path.read_text(errors="replace").splitlines()[:10_000]
    return pathspec.GitIgnoreSpec.from_lines(lines)


def _is_storable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\\" not in name and not any(ord(character) < 32 for character in name)


def _stat(status: os.stat_result) -> FileStat:
    return FileStat(status.st_size, status.st_mtime_ns, status.st_ino)
