"""Public operations on projects."""

from modelyard.domains.projects import queries, service
from modelyard.domains.projects.access import project_with
from modelyard.domains.projects.code_repositories import service as code_repositories
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.service import ProjectRequest
from modelyard.domains.projects.wire import (
    NewProjectV1,
    PaginatedProjectsEnvelopeV1,
    ProjectCollaboratorEnvelopeV1,
    ProjectCollaboratorV1,
    ProjectEnvelopeV1,
    ProjectResultsSettingsEnvelopeV1,
    ProjectResultsSettingsV1,
    ProjectStatusEnvelopeV1,
    ProjectStatusV1,
    ProjectV1,
    ResultsBranch,
)
from modelyard.domains.users import Caller, Right, authenticated, authenticated_with
from modelyard.engines.git_remotes import AddressRules, GitHost, GitRemotes
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import DeleteEnvelopeV1, deleted, metadata, present

TAG = "Projects"


@operation(
    "GET", "/api/projects/beta/projects", guard=authenticated, rights=(Right.LIST_PROJECT,), tag=TAG
)  # fmt: skip
async def get_projects(caller: Caller, db: Database, page: Page) -> PaginatedProjectsEnvelopeV1:
    """The projects that the caller may know of, newest first."""
    found = await queries.list_visible(db, caller, page)
    return PaginatedProjectsEnvelopeV1(
        projects=[ProjectV1.of(project) for project in found.rows], metadata=paged(page, found.total)
    )


@operation(
    "POST",
    "/api/projects/beta/projects",
    guard=authenticated_with(Right.CREATE_PROJECT, Right.USE_FILE_STORAGE),
    tag=TAG,
)
async def create_project(
    caller: Caller,
    db: Database,
    vault: Vault,
    git_host: GitHost,
    address_rules: AddressRules,
    data: NewProjectV1,
) -> ProjectEnvelopeV1:
    """Create a project, with its own file store, and on a git repository where one is named."""
    if data.template_details:
        raise BadRequest("templateDetails: this server has no project templates; leave the field out.")
    wanted = ProjectRequest(
        name=data.name,
        description=data.description,
        visibility=data.visibility.value,
        owner_id=data.owner_id or None,
        organization_may_own=False,
        is_restricted=bool(data.is_restricted),
        billing_tag=data.billing_tag.tag if data.billing_tag else None,
    )
    await service.check(db, caller, wanted)
    code = await code_repositories.main_code(db, vault, git_host, address_rules, caller, data)
    async with db.transaction() as tx:
        project = await service.create(tx, caller, wanted)
        if code is not None:
            await code_repositories.attach(tx, caller, project, code, is_main=True)
            project = await queries.find_visible(tx, caller, project.id) or project
    return ProjectEnvelopeV1(project=ProjectV1.of(project), metadata=metadata())


@operation(
    "DELETE",
    "/api/projects/beta/projects/{projectId:str}",
    guard=project_with(Right.ARCHIVE_PROJECT),
    tag=TAG,
)
async def archive_project(project: Project, caller: Caller, db: Database, remotes: GitRemotes) -> DeleteEnvelopeV1:
    """Archive a project; its name is free again, its id stays valid for old runs."""
    await service.archive(db, remotes, caller, project)
    return deleted()


@operation(
    "GET",
    "/api/projects/beta/projects/{projectId:str}/results-settings",
    guard=project_with(Right.LIST_PROJECT),
    tag=TAG,
)
async def get_project_result_settings(project: Project) -> ProjectResultsSettingsEnvelopeV1:
    """Where results of jobs are committed."""
    settings = ProjectResultsSettingsV1(branch=ResultsBranch(project.results_branch))
    return ProjectResultsSettingsEnvelopeV1(results_settings=settings, metadata=metadata())


@operation(
    "PUT",
    "/api/projects/beta/projects/{projectId:str}/results-settings",
    guard=project_with(Right.CHANGE_PROJECT_SETTINGS),
    tag=TAG,
)
async def update_project_result_settings(
    project: Project, caller: Caller, tx: Transaction, data: ProjectResultsSettingsV1
) -> ProjectResultsSettingsEnvelopeV1:
    """Choose where results of later jobs are committed."""
    await service.set_results_branch(tx, caller, project, data.branch.value)
    return ProjectResultsSettingsEnvelopeV1(results_settings=data, metadata=metadata())


@operation("GET", "/api/projects/v1/projects/{projectId:str}", guard=project_with(Right.LIST_PROJECT), tag=TAG)
async def get_project_by_id(project: Project) -> ProjectEnvelopeV1:
    """Read one project."""
    return ProjectEnvelopeV1(project=ProjectV1.of(project), metadata=metadata())


@operation(
    "POST",
    "/api/projects/v1/projects/{projectId:str}/collaborators",
    guard=project_with(Right.MANAGE_COLLABORATORS),
    tag=TAG,
)
async def add_collaborator_to_project(
    project: Project, caller: Caller, tx: Transaction, data: ProjectCollaboratorV1
) -> ProjectCollaboratorEnvelopeV1:
    """Give an account a role in a project, or another one."""
    await service.add_collaborator(tx, caller, project, data.id, data.role)
    return ProjectCollaboratorEnvelopeV1(collaborator=data, metadata=metadata())


@operation(
    "DELETE",
    "/api/projects/v1/projects/{projectId:str}/collaborators/{collaboratorId:str}",
    guard=project_with(Right.MANAGE_COLLABORATORS),
    tag=TAG,
)
async def remove_collaborator_from_project(
    project: Project, caller: Caller, tx: Transaction, collaboratorId: str
) -> DeleteEnvelopeV1:
    """Take an account's role in a project away."""
    await service.remove_collaborator(tx, caller, project, collaboratorId)
    return deleted()


@operation("PUT", "/api/projects/v1/projects/{projectId:str}/status", guard=project_with(Right.EDIT), tag=TAG)
async def update_project_status(
    project: Project, caller: Caller, tx: Transaction, data: ProjectStatusV1
) -> ProjectStatusEnvelopeV1:
    """Replace the status of a project: whether work goes on, and whether it is blocked."""
    await service.set_status(tx, caller, project, data)
    status = ProjectStatusV1(
        status=data.status,
        is_blocked=data.is_blocked,
        blocked_reason=present(data.blocked_reason or None),
        completed_message=present(data.completed_message or None),
    )
    return ProjectStatusEnvelopeV1(status=status, metadata=metadata())
