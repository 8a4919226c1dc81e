"""Operations on the collaborators of a model API."""

from modelyard.domains.model_apis.access import ModelApiAccess, model_api_with
from modelyard.domains.model_apis.collaborators import service
from modelyard.domains.model_apis.collaborators.access import CollaboratorAccess, collaborator_with
from modelyard.domains.model_apis.routes import MODEL_API, TAG
from modelyard.domains.model_apis.wire import ModelApiCollaboratorRole
from modelyard.domains.users import Right
from modelyard.kit.db import Transaction
from modelyard.kit.operation import operation

COLLABORATORS = f"{MODEL_API}/collaborators"
COLLABORATOR = f"{COLLABORATORS}/{{collaborator:str}}"


@operation("GET", COLLABORATORS, guard=model_api_with(Right.VIEW_MODEL_API), tag=TAG)
async def list_model_api_collaborators(access: ModelApiAccess) -> list[ModelApiCollaboratorRole]:
    """Who has a role of their own in a model API; roles in its project come on top."""
    return [ModelApiCollaboratorRole.of(one) for one in access.model_api.collaborators]


@operation("POST", COLLABORATORS, guard=model_api_with(Right.MANAGE_MODEL_API), tag=TAG, status=201)
async def add_model_api_collaborator(
    access: ModelApiAccess, tx: Transaction, data: ModelApiCollaboratorRole
) -> ModelApiCollaboratorRole:
    """Give a person or an organization, by id or name, a role in a model API."""
    return ModelApiCollaboratorRole.of(await service.add(tx, access.caller, access.model_api, data))


@operation("GET", COLLABORATOR, guard=collaborator_with(Right.VIEW_MODEL_API), tag=TAG)
async def get_model_api_collaborator(access: CollaboratorAccess) -> ModelApiCollaboratorRole:
    """Read the role of one collaborator."""
    return ModelApiCollaboratorRole.of(access.collaborator)


@operation("PUT", COLLABORATOR, guard=collaborator_with(Right.MANAGE_MODEL_API), tag=TAG)
async def update_model_api_collaborator(
    access: CollaboratorAccess, tx: Transaction, data: ModelApiCollaboratorRole
) -> ModelApiCollaboratorRole:
    """Give a collaborator another role; path and body name the same account."""
    return ModelApiCollaboratorRole.of(await service.change(tx, access, data))


@operation(
    "DELETE",
    COLLABORATOR,
    guard=collaborator_with(Right.MANAGE_MODEL_API, or_oneself=True),
    tag=TAG,
    status=204,
)
async def remove_model_api_collaborator(access: CollaboratorAccess, tx: Transaction) -> None:
    """Take a collaborator's role away; everybody may do so with their own."""
    await service.remove(tx, access)
