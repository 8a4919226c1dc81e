"""Operations on versions of model APIs."""

from modelyard.domains.model_apis import publishing
from modelyard.domains.model_apis.access import (
    ModelApiAccess,
    VersionAccess,
    model_api_with,
    version_with,
)
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.routes import MODEL_API, TAG
from modelyard.domains.model_apis.versions import queries, service
from modelyard.domains.model_apis.versions.wire import (
    ModelApiVersion,
    ModelApiVersionCreationRequest,
    ModelApiVersionProductionLabel,
    ModelApiVersionTargetState,
)
from modelyard.domains.users import Right
from modelyard.engines.git import GitStore
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation

VERSIONS = f"{MODEL_API}/versions"
VERSION = f"{VERSIONS}/{{modelApiVersionId:str}}"


@operation("GET", VERSIONS, guard=model_api_with(Right.VIEW_MODEL_API), tag=TAG)
async def list_model_api_versions(access: ModelApiAccess, db: Database) -> list[ModelApiVersion]:
    """All versions of a model API, newest first."""
    found = await queries.list_versions(db, access.model_api.id)
    return [ModelApiVersion.of(version) for version in found]


@operation("POST", VERSIONS, guard=model_api_with(Right.EDIT_MODEL_API), tag=TAG, status=201)
async def create_model_api_version(
    access: ModelApiAccess, db: Database, git: GitStore, data: ModelApiVersionCreationRequest
) -> ModelApiVersion:
    """Add a version; it takes over the calls of the newest one when it runs, and not before."""
    return ModelApiVersion.of(await publishing.publish_version(db, git, access.caller, access.model_api, data))


@operation("GET", VERSION, guard=version_with(Right.VIEW_MODEL_API), tag=TAG)
async def get_model_api_version(access: VersionAccess) -> ModelApiVersion:
    """Read one version."""
    return ModelApiVersion.of(access.version)


@operation("PUT", f"{VERSION}/productionLabel", guard=version_with(Right.EDIT_MODEL_API), tag=TAG)
async def update_model_api_version_production_label(
    access: VersionAccess, router: Router, data: ModelApiVersionProductionLabel
) -> ModelApiVersionProductionLabel:
    """Make a running version the one in production, or take it out of production."""
    async with router.changing(access.model_api.id) as tx:
        await service.set_production(tx, access.caller, access.model_api, access.version, data.is_prod)
    return data


@operation("PUT", f"{VERSION}/targetState", guard=version_with(Right.EDIT_MODEL_API), tag=TAG)
async def update_model_api_version_target_state(
    access: VersionAccess, tx: Transaction, data: ModelApiVersionTargetState
) -> ModelApiVersionTargetState:
    """Ask for a version to be started or stopped; its status follows."""
    await service.set_running(tx, access.caller, access.model_api, access.version, data.is_running)
    return data
