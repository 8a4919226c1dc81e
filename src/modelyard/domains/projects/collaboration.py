"""Private routes by which people come into a project: collaborators, and requests for access."""

from modelyard.domains.projects import queries, service
from modelyard.domains.projects.access import project_named_by, project_with
from modelyard.domains.projects.legacy_wire import (
    AccessRequest,
    NamedCollaborator,
    PrivateCollaborator,
    RequestedAccess,
)
from modelyard.domains.projects.queries import Project
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.wire import DeleteEnvelopeV1, deleted

TAG = "Projects (private)"


@operation(
    "GET",
    "/{ownerName:str}/{projectName:str}/collaborators",
    guard=project_named_by("path", Right.LIST_PROJECT),
    tag=TAG,
)
async def list_collaborators(project: Project, db: Database) -> list[NamedCollaborator]:
    """Who works in a project beside its owner, by name."""
    return [NamedCollaborator.of(one) for one in await queries.collaborators_of(db, project.id)]


@operation(
    "POST",
    "/v4/projects/{projectId:str}/collaborators",
    guard=project_with(Right.MANAGE_COLLABORATORS),
    tag=TAG,
)
async def add_collaborator(
    project: Project, caller: Caller, tx: Transaction, data: PrivateCollaborator
) -> PrivateCollaborator:
    """Give an account a role in a project, or another one."""
    await service.add_collaborator(tx, caller, project, data.collaborator_id, data.project_role)
    return data


@operation(
    "DELETE",
    "/v4/projects/{projectId:str}/collaborators/{collaboratorId:str}",
    guard=project_with(Right.MANAGE_COLLABORATORS),
    tag=TAG,
)
async def remove_collaborator(
    project: Project, caller: Caller, tx: Transaction, collaboratorId: str
) -> DeleteEnvelopeV1:
    """Take an account's role in a project away."""
    await service.remove_collaborator(tx, caller, project, collaboratorId)
    return deleted()


@operation("POST", "/v4/projects/{projectId:str}/accessRequests", guard=project_with(), tag=TAG)
async def request_access(
    project: Project, caller: Caller, tx: Transaction, data: AccessRequest
) -> RequestedAccess:
    """Ask the owner of a project that one has found for a role in it."""
    await service.request_access(tx, caller, project, data.project_role, data.message or "")
    return RequestedAccess(project_id=project.id, requester_id=caller.id, project_role=data.project_role)
