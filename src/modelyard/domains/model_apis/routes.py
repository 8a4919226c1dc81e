"""Public operations on model APIs."""

import re

from modelyard.domains.model_apis import queries, service
from modelyard.domains.model_apis.access import (
    ModelApiAccess,
    model_api_by_id,
    model_api_with,
    project_of_first_version,
)
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.queries import ModelApiFilter
from modelyard.domains.model_apis.wire import (
    ModelApi,
    ModelApiCreationRequest,
    ModelApiPaginatedList,
    ModelApiUpdateRequest,
)
from modelyard.domains.projects import Project
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.engines.git import GitStore
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.paging import Limit, Offset, Page, paged

TAG = "ModelAPI"
MODEL_APIS = "/api/modelServing/v1/modelApis"
MODEL_API = f"{MODEL_APIS}/{{modelApiId:str}}"

_ORDER = re.compile(r"(\w+)(?: (asc|desc))?", re.IGNORECASE)
_FIELDS = {
    "name": "lower(a.name)",
    "created": "a.created_at",
    "lastmodified": "a.modified_at",
    "replicas": "a.replicas",
    "id": "a.id",
}


@operation("GET", MODEL_APIS, guard=authenticated, tag=TAG, operation_id="listModelAPIs")
async def list_model_apis(
    caller: Caller,
    db: Database,
    environmentId: str | None = None,
    projectId: str | None = None,
    name: str | None = None,
    registeredModelName: str | None = None,
    registeredModelVersion: int | None = None,
    limit: Limit = 25,
    offset: Offset = 0,
    orderBy: str | None = None,
) -> ModelApiPaginatedList:
    """The model APIs that the caller may see, the newest first unless asked otherwise."""
    if registeredModelVersion is not None and not registeredModelName:
        raise BadRequest("registeredModelVersion: give registeredModelName with it.")
    order_by, descending = _ordered(orderBy)
    page = Page(offset, limit)
    wanted = ModelApiFilter(
        page=page,
        environment_id=environmentId,
        project_id=projectId,
        name=name,
        registered_model_name=registeredModelName,
        registered_model_version=registeredModelVersion,
        order_by=order_by,
        descending=descending,
    )
    found = await queries.list_visible(db, caller, wanted)
    return ModelApiPaginatedList(items=[ModelApi.of(one) for one in found.rows], metadata=paged(page, found.total))


@operation("POST", MODEL_APIS, guard=project_of_first_version, tag=TAG, status=201)
async def create_model_api(
    project: Project, caller: Caller, db: Database, git: GitStore, vault: Vault, data: ModelApiCreationRequest
) -> ModelApi:
    """Make a model API and its first version, which is built and, unless it should not be, started."""
    model_api_id = await service.create(db, git, vault, caller, project, data)
    return ModelApi.of(await model_api_by_id(db, caller, model_api_id))


@operation("GET", MODEL_API, guard=model_api_with(Right.VIEW_MODEL_API), tag=TAG)
async def get_model_api(access: ModelApiAccess) -> ModelApi:
    """Read one model API."""
    return ModelApi.of(access.model_api)


@operation("PUT", MODEL_API, guard=model_api_with(Right.EDIT_MODEL_API), tag=TAG)
async def update_model_api(
    access: ModelApiAccess, db: Database, router: Router, data: ModelApiUpdateRequest
) -> ModelApi:
    """Replace the settings of a model API; what its versions serve stays."""
    await service.update(db, access.caller, access.model_api, data)
    router.forget(access.model_api.id)
    return ModelApi.of(await model_api_by_id(db, access.caller, access.model_api.id))


@operation("DELETE", MODEL_API, guard=model_api_with(Right.MANAGE_MODEL_API), tag=TAG, status=204)
async def delete_model_api(access: ModelApiAccess, router: Router) -> None:
    """Archive a model API: all its versions stop, and its calls are refused."""
    async with router.changing(access.model_api.id) as tx:
        await service.archive(tx, access.caller, access.model_api)


def _ordered(order_by: str | None) -> tuple[str, bool]:
    """The SQL that a list is ordered by, and whether descending; raises BadRequest."""
    if not order_by:
        return _FIELDS["created"], True
    found = _ORDER.fullmatch(order_by.strip())
    field = _FIELDS.get(found[1].lower()) if found else None
    if found is None or field is None:
        raise BadRequest("orderBy: give name, created, lastModified, replicas or id, with ASC or DESC behind it.")
    return field, (found[2] or "asc").lower() == "desc"
