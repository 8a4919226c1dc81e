"""Every file of a folder in the order of a tree, while others may be writing there."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from modelyard.engines.folders.opening import Below
from modelyard.engines.folders.queries import Found
from modelyard.engines.trees import Kind
from modelyard.kit.safe_path import link_stays_inside

_DEEPEST = 100
_LONGEST_BYTES = 3500


def walk(opened: Below, path: str, left_out: list[str]) -> Iterator[Found]:
    """Everything at a path and below it, the whole folder for an empty one; nothing where nothing is.

    What no tree can have is added to `left_out`: links that leave the folder, names that are not text, what lies
    too deep or has too long a path, folders that cannot be read, and what is neither file nor folder nor link.
    """
    if path:
        try:
            state = opened.state(path)
        except OSError:
            return
        if not stat.S_ISDIR(state.st_mode):
            yield from _found(opened, path, state, left_out)
            return
    yield from _walk_folder(opened, path, left_out)


def found_at(path: str, state: os.stat_result, size: int | None = None) -> Found:
    """What is noted of a file in this state."""
    kind = Kind.EXECUTABLE if state.st_mode & 0o100 else Kind.FILE
    return (
        path,
        kind.value,
        state.st_size if size is None else size,
        state.st_mtime_ns,
        state.st_ctime_ns,
        state.st_ino,
    )


def _walk_folder(opened: Below, path: str, left_out: list[str]) -> Iterator[Found]:
    prefix = f"{path}/" if path else ""
    try:
        entries = _listed(opened, path)
    except PermissionError:
        left_out.append(path)
        return
    if not entries and path:
        yield prefix, Kind.EMPTY_FOLDER.value, 0, 0, 0, 0
    for name, is_folder, state in entries:
        below = prefix + name.rstrip("/")
        if not _is_text(below) or _is_too_far(below):
            left_out.append(below.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
        elif is_folder:
            yield from _walk_folder(opened, below, left_out)
        elif state is not None:
            yield from _found(opened, below, state, left_out)


def _listed(opened: Below, path: str) -> list[tuple[str, bool, os.stat_result | None]]:
    """The names in a folder, in the order of the paths below them: a folder's ends in a slash."""
    try:
        descriptor = opened.open_folder(path)
    except PermissionError:
        raise
    except OSError:  # it vanished while we walked, or a link took its place
        return []
    found: list[tuple[str, bool, os.stat_result | None]] = []
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.is_dir(follow_symlinks=False):
                        found.append((entry.name + "/", True, None))
                    else:
                        found.append((entry.name, False, entry.stat(follow_symlinks=False)))
    finally:
        os.close(descriptor)
    return sorted(found, key=_name)


def _name(entry: tuple[str, bool, os.stat_result | None]) -> str:
    return entry[0]


def _found(opened: Below, path: str, state: os.stat_result, left_out: list[str]) -> Iterator[Found]:
    if stat.S_ISREG(state.st_mode):
        yield found_at(path, state)
    elif stat.S_ISLNK(state.st_mode):
        with suppress(OSError):
            target = opened.target(path)
            if _is_text(target) and link_stays_inside(path, target):
                size = len(target.encode())
                yield path, Kind.LINK.value, size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino
                return
        left_out.append(path)
    else:
        left_out.append(path)


def _is_too_far(path: str) -> bool:
    """Whether a path could not be made again below every folder of the platform."""
    return path.count("/") > _DEEPEST or len(path.encode()) > _LONGEST_BYTES


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
