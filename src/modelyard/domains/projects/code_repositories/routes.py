"""Operations on the git repositories of a project."""

from modelyard.domains.projects.access import project_with
from modelyard.domains.projects.code_repositories import queries, service
from modelyard.domains.projects.code_repositories.wire import (
    NewProjectGitRepositoryV1,
    PaginatedGitRepositoriesEnvelopeV1,
    ProjectGitRepositoryEnvelopeV1,
    ProjectGitRepositoryV1,
    RepositoryCredential,
    RepositoryReference,
)
from modelyard.domains.projects.queries import Project
from modelyard.domains.users import Caller, Right
from modelyard.engines.git_remotes import AddressRules, GitRemotes
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import DeleteEnvelopeV1, deleted, metadata

TAG = "Projects"


@operation(
    "GET",
    "/api/projects/v1/projects/{projectId:str}/repositories",
    guard=project_with(Right.LIST_PROJECT),
    tag=TAG,
)
async def get_imported_repos(project: Project, db: Database, page: Page) -> PaginatedGitRepositoriesEnvelopeV1:
    """List git repositories imported into a project."""
    found = await queries.list_imported(db, project.id, page)
    return PaginatedGitRepositoriesEnvelopeV1(
        repositories=[ProjectGitRepositoryV1.of(one) for one in found.rows], metadata=paged(page, found.total)
    )


@operation(
    "POST",
    "/api/projects/v1/projects/{projectId:str}/repositories",
    guard=project_with(Right.CHANGE_PROJECT_SETTINGS),
    tag=TAG,
)
async def add_repo_to_project(
    project: Project, caller: Caller, tx: Transaction, address_rules: AddressRules, data: NewProjectGitRepositoryV1
) -> ProjectGitRepositoryEnvelopeV1:
    """Import a git repository into a project; later jobs find it beside the project's files."""
    wanted = await service.checked(tx, address_rules, caller, data)
    repository = await service.attach(tx, caller, project, wanted, is_main=False)
    return _envelope(repository)


@operation(
    "DELETE",
    "/api/projects/v1/projects/{projectId:str}/repositories/{repositoryId:str}",
    guard=project_with(Right.CHANGE_PROJECT_SETTINGS),
    tag=TAG,
)
async def remove_repo_from_project(
    project: Project, caller: Caller, db: Database, remotes: GitRemotes, repositoryId: str
) -> DeleteEnvelopeV1:
    """Remove an imported git repository from a project, and what was fetched of it."""
    async with db.transaction() as tx:
        await service.detach(tx, caller, project, repositoryId)
    await remotes.remove(repositoryId)
    return deleted()


@operation(
    "PUT",
    "/v4/projects/{projectId:str}/repositories/{repositoryId:str}/defaultRef",
    guard=project_with(Right.CHANGE_PROJECT_SETTINGS),
    tag="Projects (private)",
)
async def change_repository_reference(
    project: Project, caller: Caller, tx: Transaction, repositoryId: str, data: RepositoryReference
) -> ProjectGitRepositoryEnvelopeV1:
    """Choose what later jobs take of a repository, the main one too, unless they ask for something else."""
    return _envelope(await service.set_reference(tx, caller, project, repositoryId, data.default_ref))


@operation(
    "PUT",
    "/v4/projects/{projectId:str}/repositories/{repositoryId:str}/credential",
    guard=project_with(Right.START_JOB),
    tag="Projects (private)",
)
async def choose_repository_credential(
    project: Project, caller: Caller, tx: Transaction, repositoryId: str, data: RepositoryCredential
) -> ProjectGitRepositoryEnvelopeV1:
    """Choose with which of one's own git credentials one's jobs fetch a repository."""
    repository = await service.choose_credential(tx, caller, project, repositoryId, data.git_credential_id)
    return _envelope(repository)


def _envelope(repository: queries.CodeRepository) -> ProjectGitRepositoryEnvelopeV1:
    return ProjectGitRepositoryEnvelopeV1(repository=ProjectGitRepositoryV1.of(repository), metadata=metadata())
