"""Shapes of git repositories on the wire."""

from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.projects.code_repositories.queries import CodeRepository
from modelyard.kit.wire import AnyCase, MetadataV1, PaginatedMetadataV1, Wire, present


class GitServiceProviderV1(AnyCase):
    """Who serves a git repository."""

    BITBUCKET = "Bitbucket"
    BITBUCKET_SERVER = "BitbucketServer"
    GITHUB = "Github"
    GITHUB_ENTERPRISE = "GithubEnterprise"
    GITLAB = "GitLab"
    GITLAB_ENTERPRISE = "GitLabEnterprise"
    UNKNOWN = "Unknown"


class GitReferenceTypeV1(AnyCase):
    """What a reference into a git repository names."""

    HEAD = "Head"
    BRANCH = "Branch"
    TAG = "Tag"
    COMMIT = "Commit"


class ProviderRepoVisibilityV1(AnyCase):
    """Who sees a repository at its provider."""

    PUBLIC = "public"
    PRIVATE = "private"
    INTERNAL = "internal"


class ProjectRepositoryReferenceV1(Wire):
    """A reference into a git repository."""

    ref_type: GitReferenceTypeV1
    value: str | UnsetType | None = UNSET


class NewProjectGitRepositoryV1(Wire):
    """A git repository to build a project on, or to import."""

    uri: str
    default_ref: ProjectRepositoryReferenceV1 | None = None
    git_credential_id: str | None = None
    name: str | None = None
    service_provider: GitServiceProviderV1 | None = None


class RepoToCreateV1(Wire):
    """A git repository to make at its provider."""

    credential_id: str
    owner: str
    repository_to_create_name: str
    visibility: ProviderRepoVisibilityV1
    repository_template_name: str | None = None
    service_provider: GitServiceProviderV1 | None = None


class ProjectGitRepositoryV1(Wire):
    """The main repository of a git-backed project, or an imported one."""

    id: str
    uri: str
    service_provider: GitServiceProviderV1
    default_ref: ProjectRepositoryReferenceV1
    name: str | UnsetType = UNSET

    @classmethod
    def of(cls, repository: CodeRepository) -> Self:
        """A stored repository; with which credentials it is reached is nobody's to see."""
        return cls(
            id=repository.id,
            uri=repository.uri,
            name=repository.name,
            service_provider=GitServiceProviderV1(repository.service_provider),
            default_ref=ProjectRepositoryReferenceV1(
                ref_type=GitReferenceTypeV1(repository.ref_type), value=present(repository.ref_value)
            ),
        )


class ProjectGitRepositoryEnvelopeV1(Wire):
    """One git repository of a project."""

    repository: ProjectGitRepositoryV1
    metadata: MetadataV1


class PaginatedGitRepositoriesEnvelopeV1(Wire):
    """A page of the git repositories that a project imports."""

    repositories: list[ProjectGitRepositoryV1]
    metadata: PaginatedMetadataV1


class RepositoryCredential(Wire):
    """With which of the caller's git credentials a repository is reached."""

    git_credential_id: str


class RepositoryReference(Wire):
    """What later jobs take of a repository unless told otherwise."""

    default_ref: ProjectRepositoryReferenceV1
