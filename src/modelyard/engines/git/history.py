"""Which commits changed one file: entries are compared down its path, whole trees never."""

import heapq
from collections.abc import Iterator

import pygit2
from pygit2.enums import FileMode

from modelyard.engines.git import FileChange, objects
from modelyard.kit.safe_path import SafePath

_Found = tuple[pygit2.Oid, FileMode] | None


def changes(repository: pygit2.Repository, tip: pygit2.Commit, path: SafePath) -> Iterator[FileChange]:
    """The commits among the tip and its ancestors that changed a file, newest first.

    As `git log` has it: where a merge has the file as one of its parents has it, that parent's line is
    followed alone.
    """
    finder = _Finder(repository, path)
    waiting = [(-tip.commit_time, 0, tip, finder.at(tip.tree_id))]
    met, number = {tip.id}, 0
    while waiting:
        _, _, commit, found = heapq.heappop(waiting)
        before = [(parent, finder.at(parent.tree_id)) for parent in commit.parents]
        same = [(parent, there) for parent, there in before if there == found][:1]
        if not same and (found is not None or before):
            yield _change(repository, commit, found, [there for _, there in before])
        for parent, there in same or before:
            if parent.id not in met:
                met.add(parent.id)
                number += 1
                heapq.heappush(waiting, (-parent.commit_time, number, parent, there))


def _change(
    repository: pygit2.Repository, commit: pygit2.Commit, found: _Found, before: list[_Found]
) -> FileChange:
    about = objects.described(commit)
    if found is None:
        return FileChange(about, None, 0, "removed")
    was_there = any(there is not None for there in before)
    size = objects.size_of(repository, found[0])
    return FileChange(about, str(found[0]), size, "changed" if was_there else "added")


class _Finder:
    """Finds one path in many trees; what lies below a folder that stayed the same is not read again."""

    def __init__(self, repository: pygit2.Repository, path: SafePath) -> None:
        self._repository = repository
        self._names = path.split("/")
        self._last: list[tuple[pygit2.Oid, _Found] | None] = [None] * len(self._names)

    def at(self, tree_id: pygit2.Oid, level: int = 0) -> _Found:
        """The file's blob and mode in a tree, or None when there is no such file."""
        last = self._last[level]
        if last is not None and last[0] == tree_id:
            return last[1]
        found = self._below(tree_id, level)
        self._last[level] = (tree_id, found)
        return found

    def _below(self, tree_id: pygit2.Oid, level: int) -> _Found:
        tree = self._repository[tree_id]
        try:
            entry = tree / self._names[level]  # type: ignore[operator]
        except KeyError:
            return None
        if level == len(self._names) - 1:
            return (entry.id, FileMode(entry.filemode)) if isinstance(entry, pygit2.Blob) else None
        return self.at(entry.id, level + 1) if isinstance(entry, pygit2.Tree) else None
