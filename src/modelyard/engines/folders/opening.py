"""Files below a folder that somebody else may change at any moment: no link is ever followed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe without a writer would be waited for.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Below:
    """What lies below a folder, by relative paths, each part opened by itself."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, _FOLDER)
        # The folders down to the last one that was asked for: paths that follow each other share most of them.
        self._parts: list[str] = []
        self._descriptors = [self._root]

    def open_file(self, path: str) -> int:
        """A descriptor of a file; raises OSError, also for links and where a folder on the way is one."""
        folder, name = self._split(path)
        return os.open(name, _FILE, dir_fd=folder)

    def open_folder(self, path: str) -> int:
        """A descriptor of a folder, the root for an empty path; it is the caller's to close."""
        return os.dup(self._folder(path.split("/") if path else []))

    def state(self, path: str) -> os.stat_result:
        """The state of whatever is at a path, links too; raises OSError."""
        folder, name = self._split(path)
        return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def target(self, path: str) -> str:
        """Where a link points to; raises OSError."""
        folder, name = self._split(path)
        return os.readlink(name, dir_fd=folder)

    def rename(self, path: str, target: Path) -> None:
        """Moves whatever is at a path, links too, to a place outside; raises OSError."""
        folder, name = self._split(path)
        os.rename(name, target, src_dir_fd=folder)

    def bring(self, source: Path, path: str) -> None:
        """Moves a file from a place outside to a path, instead of any file there, and has that outlive a crash.

        Folders on the way are made where they are missing. Raises OSError.
        """
        *parts, name = path.split("/")
        for depth, part in enumerate(parts):
            above = self._folder(parts[:depth])
            with suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=above)
                os.fsync(above)
        folder = self._folder(parts)
        os.rename(source, name, dst_dir_fd=folder)
        os.fsync(folder)

    def close(self) -> None:
        """Closes every folder."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors, self._parts = [], []

    def _split(self, path: str) -> tuple[int, str]:
        *parts, name = path.split("/")
        return self._folder(parts), name

    def _folder(self, parts: list[str]) -> int:
        shared = 0
        while shared < min(len(parts), len(self._parts)) and parts[shared] == self._parts[shared]:
            shared += 1
        while len(self._parts) > shared:
            self._parts.pop()
            os.close(self._descriptors.pop())
        for part in parts[shared:]:
            if part in {"", ".", ".."}:
                raise OSError(errno.ENOENT, "not a plain name")
            self._descriptors.append(os.open(part, _FOLDER, dir_fd=self._descriptors[-1]))
            self._parts.append(part)
        return self._descriptors[-1]


@contextmanager
def below(root: Path) -> Iterator[Below]:
    """What lies below a folder, for the time of a block."""
    opened = Below(root)
    try:
        yield opened
    finally:
        opened.close()
