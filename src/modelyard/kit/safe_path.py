"""The one type that every path from outside passes through."""

import os
from pathlib import Path, PurePosixPath

from modelyard.kit.errors import BadRequest

MAX_PATH_BYTES = 4096
MAX_NAME_BYTES = 255


class SafePath(str):
    """A relative POSIX path inside some tree: normal, non-empty segments, none of them able to leave it.

    Slashes at either end and doubled ones are dropped. Raises BadRequest for dot segments, control
    characters, backslashes, `.git` segments and over-long names. The empty path is the tree itself.
    """

    __slots__ = ()

    def __new__(cls, raw: str) -> "SafePath":
        segments = [segment for segment in raw.split("/") if segment]
        for segment in segments:
            _check(segment, raw)
        path = "/".join(segments)
        if len(path.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES:
            raise BadRequest(f"The path is longer than {MAX_PATH_BYTES} bytes.")
        return super().__new__(cls, path)

    def under(self, root: Path) -> Path:
        """The path below `root`; nothing is read, and links in the tree are the caller's to refuse."""
        return root.joinpath(*self.split("/")) if self else root

    @property
    def name(self) -> str:
        """The last segment, empty for the tree itself."""
        return PurePosixPath(self).name


def link_stays_inside(path: str, target: str) -> bool:
    """Whether a link at a path of a tree points to something in that tree."""
    if target.startswith("/"):
        return False
    place = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120 - no file system
    return place != ".." and not place.startswith("../")


def _check(segment: str, raw: str) -> None:
    shown = raw if len(raw) <= 200 else raw[:200] + "..."
    if segment in {".", ".."}:
        raise BadRequest(f"The path {shown!r} has a dot segment; give the path of the file itself.")
    if any(ord(character) < 32 or ord(character) == 127 for character in segment) or "\\" in segment:
        raise BadRequest(f"The path {shown!r} has a control character or a backslash.")
    try:
        size = len(segment.encode())
    except UnicodeEncodeError:
        raise BadRequest(f"The path {shown!r} is not valid Unicode text.") from None
    if size > MAX_NAME_BYTES:
        raise BadRequest(f"A name in the path is longer than {MAX_NAME_BYTES} bytes.")
    if segment.lower() == ".git":
        raise BadRequest("A path may not have a segment named .git.")
