"""Operations on registered models."""

from modelyard.domains.projects import CollaboratorRole, Project, request_access
from modelyard.domains.registered_models import queries, service
from modelyard.domains.registered_models.access import found_project, model_with
from modelyard.domains.registered_models.queries import ModelFilter, RegisteredModel
from modelyard.domains.registered_models.serving import model_apis_serving
from modelyard.domains.registered_models.wire import (
    PaginatedRegisteredModelNamesV1,
    PaginatedRegisteredModelsEnvelopeV1,
    PaginatedRegisteredModelsForUIEnvelopeV1,
    PatchRegisteredModelV1,
    RegisteredModelForUIV1,
    RegisteredModelV1,
    token_paged,
)
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.paging import MAX_LIMIT, Limit, Page, offset_of, paged

TAG = "RegisteredModels"
V1 = "/api/registeredmodels/v1"


@operation("GET", V1, guard=authenticated, tag=TAG)
async def get_registered_models(
    caller: Caller,
    db: Database,
    projectId: str | None = None,
    searchPattern: str | None = None,
    pageToken: str | None = None,
    maxResults: Limit = 25,
    orderBy: str | None = None,
) -> PaginatedRegisteredModelsEnvelopeV1:
    """The models that the caller may know of, those that are discoverable too."""
    wanted = ModelFilter(
        offset=offset_of(pageToken),
        limit=min(maxResults, MAX_LIMIT),
        project_id=projectId,
        search=searchPattern,
        order_by=orderBy,
    )
    found = await queries.list_visible(db, caller, wanted, RegisteredModel)
    return PaginatedRegisteredModelsEnvelopeV1(
        items=[RegisteredModelV1.of(model) for model in found[: wanted.limit]],
        metadata=token_paged(wanted, len(found)),
    )


@operation("POST", f"{V1}/access/{{projectId:str}}", guard=found_project, tag=TAG, status=204)
async def request_project_access(project: Project, caller: Caller, tx: Transaction) -> None:
    """Ask the owner of a project, or of a model's, to be let in as one who reads."""
    await request_access(tx, caller, project, CollaboratorRole.RESULTS_CONSUMER, "")


@operation("GET", f"{V1}/names", guard=authenticated, tag=TAG)
async def get_registered_model_names(
    caller: Caller,
    db: Database,
    page: Page,
    search: str | None = None,
    projectId: str | None = None,
) -> PaginatedRegisteredModelNamesV1:
    """The names of the models that the caller may know of, in order."""
    wanted = ModelFilter(offset=page.offset, limit=page.rows, search=search, project_id=projectId)
    found = await queries.list_names(db, caller, wanted)
    return PaginatedRegisteredModelNamesV1(items=found.rows, metadata=paged(page, found.total))


@operation("GET", f"{V1}/ui", guard=authenticated, tag=TAG, operation_id="getRegisteredModelsForUI")
async def get_registered_models_for_ui(
    caller: Caller,
    db: Database,
    projectId: str | None = None,
    searchPattern: str | None = None,
    globallyDiscoverable: bool = False,
    pageToken: str | None = None,
    maxResults: Limit = 25,
    orderBy: str | None = None,
) -> PaginatedRegisteredModelsForUIEnvelopeV1:
    """The models of projects that the caller may look into; on demand those that are discoverable, too."""
    wanted = ModelFilter(
        offset=offset_of(pageToken),
        limit=min(maxResults, MAX_LIMIT),
        project_id=projectId,
        search=searchPattern,
        order_by=orderBy,
        with_discoverable=globallyDiscoverable,
    )
    found = await queries.list_for_ui(db, caller, wanted)
    shown = found[: wanted.limit]
    serving = await model_apis_serving(db, caller, [model.id for model in shown])
    return PaginatedRegisteredModelsForUIEnvelopeV1(
        items=[RegisteredModelForUIV1.of(model, serving.get(model.id, 0)) for model in shown],
        metadata=token_paged(wanted, len(found)),
    )


@operation("GET", f"{V1}/{{modelName:str}}", guard=model_with(), tag=TAG)
async def get_registered_model_by_name(model: RegisteredModel) -> RegisteredModelV1:
    """Read the basic details of a model."""
    return RegisteredModelV1.of(model)


@operation("PATCH", f"{V1}/{{modelName:str}}", guard=model_with(Right.EDIT), tag=TAG)
async def patch_registered_model_by_name(
    model: RegisteredModel, caller: Caller, tx: Transaction, data: PatchRegisteredModelV1
) -> RegisteredModelV1:
    """Describe a model, or let everybody find it."""
    await service.describe(tx, caller, model, data.description, data.discoverable)
    return RegisteredModelV1.of(await service.again(tx, caller, model.name))
