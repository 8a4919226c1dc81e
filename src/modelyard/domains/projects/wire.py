"""Shapes of projects on the wire."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.projects.code_repositories.wire import (
    NewProjectGitRepositoryV1,
    ProjectGitRepositoryV1,
    RepoToCreateV1,
)
from modelyard.domains.projects.queries import Project
from modelyard.domains.users import Right
from modelyard.kit.wire import AnyCase, MetadataV1, PaginatedMetadataV1, Wire

Description = Annotated[str, Meta(max_length=20_000)]


class ProjectVisibilityV1(AnyCase):
    """Who sees a project without a role in it."""

    PUBLIC = "Public"
    SEARCHABLE = "Searchable"
    PRIVATE = "Private"


class ResultsBranch(AnyCase):
    """Where results of jobs are committed: a branch of their own each, or the main one."""

    ISOLATED = "isolated"
    MAIN = "main"


class CollaboratorRole(AnyCase):
    """The roles that can be given away."""

    CONTRIBUTOR = "contributor"
    LAUNCHER_USER = "launcherUser"
    RESULTS_CONSUMER = "resultsConsumer"
    PROJECT_IMPORTER = "projectImporter"


class ProjectState(AnyCase):
    """Whether work on a project goes on."""

    ACTIVE = "active"
    COMPLETE = "complete"


class BillingTagV1(Wire):
    """What a project's costs are booked on."""

    tag: Annotated[str, Meta(min_length=1, max_length=100)]


class ProjectCollaboratorV1(Wire):
    """A person or organization with a role in a project."""

    id: str
    role: CollaboratorRole


class ProjectTemplateDetailsV1(Wire):
    """A template to make a project from."""

    name: str
    template_id: str
    force_import: bool | None = None
    import_to_main_repo: bool | None = None
    template_revision_id: str | None = None
    template_type: str | None = None


class NewProjectV1(Wire):
    """Body of createProject."""

    name: str
    description: Description
    visibility: ProjectVisibilityV1
    billing_tag: BillingTagV1 | None = None
    is_restricted: bool | None = None
    main_repository: NewProjectGitRepositoryV1 | None = None
    owner_id: str | None = None
    repo_to_create: RepoToCreateV1 | None = None
    template_details: ProjectTemplateDetailsV1 | None = None


class ProjectV1(Wire):
    """A project; who works in it is shown to those who may read it."""

    id: str
    name: str
    description: str
    owner_id: str
    owner_username: str
    visibility: ProjectVisibilityV1
    is_restricted: bool
    collaborators: list[ProjectCollaboratorV1]
    billing_tag: BillingTagV1 | UnsetType = UNSET
    internal_tags: list[str] | UnsetType = UNSET
    main_repository: ProjectGitRepositoryV1 | UnsetType = UNSET

    @classmethod
    def of(cls, project: Project) -> Self:
        """A project as its caller may see it."""
        readable = Right.LIST_PROJECT in project.rights
        main = project.main_repository if readable else None
        return cls(
            id=project.id,
            name=project.name,
            description=project.description,
            owner_id=project.owner_id,
            owner_username=project.owner_name,
            visibility=ProjectVisibilityV1(project.visibility),
            is_restricted=project.is_restricted,
            collaborators=[
                ProjectCollaboratorV1(id=one["id"], role=CollaboratorRole(one["role"]))
                for one in project.collaborators
                if readable
            ],
            billing_tag=BillingTagV1(tag=project.billing_tag) if project.billing_tag and readable else UNSET,
            internal_tags=["restricted"] if project.is_restricted else UNSET,
            main_repository=ProjectGitRepositoryV1.of(main) if main else UNSET,
        )


class ProjectEnvelopeV1(Wire):
    """One project."""

    project: ProjectV1
    metadata: MetadataV1


class PaginatedProjectsEnvelopeV1(Wire):
    """A page of projects."""

    projects: list[ProjectV1]
    metadata: PaginatedMetadataV1


class ProjectResultsSettingsV1(Wire):
    """Where results of jobs are committed."""

    branch: ResultsBranch


class ProjectResultsSettingsEnvelopeV1(Wire):
    """The result settings of one project."""

    results_settings: ProjectResultsSettingsV1
    metadata: MetadataV1


class ProjectCollaboratorEnvelopeV1(Wire):
    """One collaborator."""

    collaborator: ProjectCollaboratorV1
    metadata: MetadataV1


class ProjectStatusV1(Wire):
    """Whether work goes on, and an independent block that wins in display; a PUT replaces all."""

    status: ProjectState
    is_blocked: bool
    blocked_reason: Description | UnsetType | None = UNSET
    completed_message: Description | UnsetType | None = UNSET


class ProjectStatusEnvelopeV1(Wire):
    """The status of one project."""

    status: ProjectStatusV1
    metadata: MetadataV1
