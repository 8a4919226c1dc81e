"""Private routes by which clients find, list, make, change and archive projects."""

from typing import Annotated

from litestar.enums import RequestEncodingType
from litestar.params import Body

from modelyard.domains.projects import queries, service
from modelyard.domains.projects.access import project_by_name, project_with
from modelyard.domains.projects.code_repositories import service as code_repositories
from modelyard.domains.projects.legacy_wire import (
    NewDescription,
    NewPrivateProject,
    NewVisibility,
    PrivateProject,
    ProjectForm,
)
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.service import ProjectRequest
from modelyard.domains.projects.tags.queries import Tag, tags_of
from modelyard.domains.projects.tags.service import add_tags
from modelyard.domains.users import Caller, Right, authenticated, authenticated_with
from modelyard.engines.git_remotes import AddressRules, GitRemotes
from modelyard.kit.access import Guard
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.wire import DeleteEnvelopeV1, deleted

TAG = "Projects (private)"


async def _load_by_name(caller: Caller, db: Database, ownerName: str, projectName: str) -> Project:
    return await project_by_name(db, caller, ownerName, projectName)


# Whoever may know of a project finds it; what they may then read of it is for the other operations to say.
_found_by_name = Guard("project", _load_by_name, scope="project")


@operation("GET", "/v4/gateway/projects/findProjectByOwnerAndName", guard=_found_by_name, tag=TAG)
async def find_project_by_owner_and_name(project: Project, db: Database) -> PrivateProject:
    """The project of an owner by its name, whatever their case."""
    return PrivateProject.of(project, await tags_of(db, [project.id]))


@operation("GET", "/v4/gateway/projects", guard=authenticated, rights=(Right.LIST_PROJECT,), tag=TAG)
async def list_related_projects(
    caller: Caller, db: Database, relationship: str = "Owned", showCompleted: bool = False
) -> list[PrivateProject]:
    """The caller's projects by relationship: `Owned`, `Collaborating`, `Suggesting` or `Popular`."""
    if relationship.lower() not in queries.RELATIONSHIPS:
        raise BadRequest("relationship: give Owned, Collaborating, Suggesting or Popular.")
    found = await queries.list_related(db, caller, relationship.lower(), show_completed=showCompleted)
    tags = await tags_of(db, [project.id for project in found])
    of_project: dict[str, list[Tag]] = {}
    for tag in tags:
        of_project.setdefault(tag.project_id, []).append(tag)
    return [PrivateProject.of(project, of_project.get(project.id, [])) for project in found]


@operation(
    "POST",
    "/v4/projects",
    guard=authenticated_with(Right.CREATE_PROJECT, Right.USE_FILE_STORAGE),
    tag=TAG,
)
async def add_project(
    caller: Caller, tx: Transaction, address_rules: AddressRules, data: NewPrivateProject
) -> PrivateProject:
    """Make a project with its collaborators, tags and main repository, for oneself or an organization."""
    wanted = ProjectRequest(
        name=data.name,
        description=data.description or "",
        visibility=data.visibility.value,
        owner_id=data.owner_id or None,
        billing_tag=data.billing_tag.tag if data.billing_tag else None,
    )
    project = await service.create(tx, caller, wanted)
    for one in data.collaborators or []:
        await service.add_collaborator(tx, caller, project, one.collaborator_id, one.project_role)
    tags = await add_tags(tx, caller, project, data.tags.tag_names if data.tags else [])
    if data.main_repository:
        code = await code_repositories.checked(tx, address_rules, caller, data.main_repository)
        await code_repositories.attach(tx, caller, project, code, is_main=True)
    made = await queries.find_visible(tx, caller, project.id)
    return PrivateProject.of(made or project, tags)


@operation(
    "POST",
    "/project",
    guard=authenticated_with(Right.CREATE_PROJECT, Right.USE_FILE_STORAGE),
    tag=TAG,
)
async def add_project_by_form(
    caller: Caller,
    tx: Transaction,
    data: Annotated[ProjectForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> PrivateProject:
    """Make a project by a form."""
    wanted = ProjectRequest(
        name=data.project_name,
        description=data.description or "",
        visibility=data.visibility.value,
        owner_name=data.owner_override_username or None,
    )
    return PrivateProject.of(await service.create(tx, caller, wanted), [])


@operation("GET", "/v4/projects/{projectId:str}", guard=project_with(Right.LIST_PROJECT), tag=TAG)
async def read_project(project: Project, db: Database) -> PrivateProject:
    """One project with its tags."""
    return PrivateProject.of(project, await tags_of(db, [project.id]))


@operation("DELETE", "/v4/projects/{projectId:str}", guard=project_with(Right.ARCHIVE_PROJECT), tag=TAG)
async def remove_project(project: Project, caller: Caller, db: Database, remotes: GitRemotes) -> DeleteEnvelopeV1:
    """Archive a project."""
    await service.archive(db, remotes, caller, project)
    return deleted()


@operation(
    "PUT",
    "/v4/projects/{projectId:str}/visibility",
    guard=project_with(Right.CHANGE_PROJECT_VISIBILITY),
    tag=TAG,
)
async def change_visibility(
    project: Project, caller: Caller, tx: Transaction, data: NewVisibility
) -> PrivateProject:
    """Choose who sees a project without a role in it."""
    await service.set_visibility(tx, caller, project, data.visibility.value)
    return await _current(tx, caller, project)


@operation(
    "PUT",
    "/v4/projects/{projectId:str}/description",
    guard=project_with(Right.CHANGE_PROJECT_SETTINGS),
    tag=TAG,
)
async def change_description(
    project: Project, caller: Caller, tx: Transaction, data: NewDescription
) -> PrivateProject:
    """Replace the words about a project."""
    await service.set_description(tx, caller, project, data.description)
    return await _current(tx, caller, project)


async def _current(tx: Transaction, caller: Caller, project: Project) -> PrivateProject:
    found = await queries.find_visible(tx, caller, project.id)
    return PrivateProject.of(found or project, await tags_of(tx, [project.id]))
