"""Shapes of the private routes on projects and their files."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.projects.code_repositories.wire import (
    NewProjectGitRepositoryV1,
    ProjectGitRepositoryV1,
)
from modelyard.domains.projects.queries import NamedCollaborator as NamedCollaboratorRow
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.tags.queries import Tag
from modelyard.domains.projects.tags.wire import ProjectTag, TagNames
from modelyard.domains.projects.wire import (
    BillingTagV1,
    CollaboratorRole,
    Description,
    ProjectVisibilityV1,
)
from modelyard.domains.users import Right
from modelyard.kit.wire import Wire, epoch_ms, present


class NewPrivateProject(Wire):
    """Body of POST /v4/projects."""

    name: str
    visibility: ProjectVisibilityV1 = ProjectVisibilityV1.PRIVATE
    owner_id: str | None = None
    description: Description | None = None
    collaborators: list["PrivateCollaborator"] | None = None
    tags: TagNames | None = None
    billing_tag: BillingTagV1 | None = None
    main_repository: NewProjectGitRepositoryV1 | None = None


class PrivateCollaborator(Wire):
    """A collaborator: `Contributor`, `LauncherUser`, `ResultsConsumer` or `ProjectImporter`."""

    collaborator_id: str
    project_role: CollaboratorRole


class NewVisibility(Wire):
    """Body of the change of a project's visibility."""

    visibility: ProjectVisibilityV1


class NewDescription(Wire):
    """Body of the change of a project's description."""

    description: Description


class NamedCollaborator(Wire):
    """A collaborator by the names of the account; `kind` is individual or organization."""

    id: str
    username: str
    full_name: str
    kind: str
    project_role: CollaboratorRole

    @classmethod
    def of(cls, one: NamedCollaboratorRow) -> Self:
        """A stored collaborator."""
        return cls(
            id=one.id,
            username=one.user_name,
            full_name=f"{one.first_name} {one.last_name}".strip() or one.user_name,
            kind=one.kind,
            project_role=CollaboratorRole(one.role),
        )


class AccessRequest(Wire):
    """Body of a request for access: the role that is wished for, and a word to the owner."""

    project_role: CollaboratorRole = CollaboratorRole.CONTRIBUTOR
    message: Annotated[str, Meta(max_length=2_000)] | None = None


class RequestedAccess(Wire):
    """A request for access, which the project's owner finds among its events."""

    project_id: str
    requester_id: str
    project_role: CollaboratorRole


class ProjectForm(Wire):
    """Fields of the form POST /project."""

    project_name: str
    owner_override_username: str | None = None
    description: Description | None = None
    visibility: ProjectVisibilityV1 = ProjectVisibilityV1.PRIVATE


class PrivateStatus(Wire):
    """Whether work on a project goes on, and an independent block."""

    status: str
    is_blocked: bool
    blocked_reason: str | UnsetType = UNSET
    completed_message: str | UnsetType = UNSET


class PrivateProject(Wire):
    """A project as the private routes have it; `created` in epoch milliseconds."""

    id: str
    name: str
    description: str
    owner_id: str
    owner_username: str
    visibility: str
    collaborators: list[PrivateCollaborator]
    tags: list[ProjectTag]
    status: PrivateStatus
    is_restricted: bool
    created: int | UnsetType
    billing_tag: BillingTagV1 | UnsetType = UNSET
    main_repository: ProjectGitRepositoryV1 | UnsetType = UNSET

    @classmethod
    def of(cls, project: Project, tags: list[Tag]) -> Self:
        """A project as its caller may see it, with those of the tags that are its own."""
        readable = Right.LIST_PROJECT in project.rights
        main = project.main_repository if readable else None
        return cls(
            id=project.id,
            name=project.name,
            description=project.description,
            owner_id=project.owner_id,
            owner_username=project.owner_name,
            visibility=project.visibility,
            collaborators=[
                PrivateCollaborator(collaborator_id=one["id"], project_role=CollaboratorRole(one["role"]))
                for one in project.collaborators
                if readable
            ],
            tags=[ProjectTag.of(tag) for tag in tags if tag.project_id == project.id],
            status=PrivateStatus(
                status=project.status,
                is_blocked=project.is_blocked,
                blocked_reason=present(project.blocked_reason),
                completed_message=present(project.completed_message),
            ),
            is_restricted=project.is_restricted,
            created=epoch_ms(project.created_at),
            billing_tag=BillingTagV1(tag=project.billing_tag) if project.billing_tag and readable else UNSET,
            main_repository=ProjectGitRepositoryV1.of(main) if main else UNSET,
        )
