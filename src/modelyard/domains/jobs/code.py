"""The git repositories that a job sees: which ones, at which reference, and the commits it really got."""

from typing import Self

import msgspec

from modelyard.domains.projects import CodeRepository
from modelyard.engines.git_remotes import Reference, reference
from modelyard.kit.errors import BadRequest

_KINDS = {
    "head": "Head",
    "branch": "Branch",
    "branches": "Branch",
    "tag": "Tag",
    "tags": "Tag",
    "commit": "Commit",
    "commitid": "Commit",
}
# The words of the API for a job's reference differ from those for a repository's.
_WORDS = {"Head": "head", "Branch": "branches", "Tag": "tags", "Commit": "commitId"}


class MountedRepository(msgspec.Struct, frozen=True, kw_only=True):
    """A repository of a job, as it was when the job was submitted; branch and commit once it is fetched."""

    id: str
    name: str
    uri: str
    host: str | None
    protocol: str
    service_provider: str
    is_main: bool
    ref_type: str
    ref_value: str | None
    branch: str | None = None
    commit_id: str | None = None

    @classmethod
    def of(cls, repository: CodeRepository) -> Self:
        """A repository of the project at its default reference."""
        return cls(
            id=repository.id,
            name=repository.name,
            uri=repository.uri,
            host=repository.host,
            protocol=repository.protocol,
            service_provider=repository.service_provider,
            is_main=repository.is_main,
            ref_type=repository.ref_type,
            ref_value=repository.ref_value,
        )

    @property
    def wanted(self) -> Reference:
        """What is to be fetched: the commit that an earlier try has got, else the asked reference."""
        if self.commit_id:
            return Reference("Commit", self.commit_id)
        return reference(self.ref_type, self.ref_value)

    @property
    def ref(self) -> str:
        """The asked reference in words."""
        return self.ref_value or "HEAD"

    @property
    def ref_word(self) -> str:
        """The kind of reference as jobs name it."""
        return _WORDS[self.ref_type]


def main_reference(ref_type: str, value: str | None) -> Reference:
    """What a job's `mainRepoGitRef` asks for, whatever case and number its type has; raises BadRequest."""
    kind = _KINDS.get(ref_type.lower())
    if kind is None:
        raise BadRequest("mainRepoGitRef: its type is head, branches, tags or commitId.")
    return reference(kind, None if kind == "Head" else value)


def mounted(repositories: list[CodeRepository], main: Reference | None) -> list[MountedRepository]:
    """What a new job will see of its project's repositories; raises BadRequest when a main one is missing."""
    seen = [MountedRepository.of(one) for one in repositories]
    if main is None:
        return seen
    if not any(one.is_main for one in seen):
        raise BadRequest("mainRepoGitRef: this project has no main git repository; leave the field out.")
    return [
        msgspec.structs.replace(one, ref_type=main.kind, ref_value=main.value) if one.is_main else one
        for one in seen
    ]


def pinned(repositories: list[MountedRepository]) -> list[MountedRepository]:
    """The same repositories, asked for at the very commits that they were fetched at."""
    return [
        msgspec.structs.replace(one, ref_type="Commit", ref_value=one.commit_id, branch=None, commit_id=None)
        if one.commit_id
        else one
        for one in repositories
    ]
