"""Publishing versions, and as the first generation of the API has it: models of files, a project's endpoint."""

from modelyard.domains import environments
from modelyard.domains.model_apis import queries, service
from modelyard.domains.model_apis.access import MAKING, model_api_by_id
from modelyard.domains.model_apis.queries import ModelApi
from modelyard.domains.model_apis.versions import queries as version_queries
from modelyard.domains.model_apis.versions import service as versions
from modelyard.domains.model_apis.versions.queries import Version
from modelyard.domains.model_apis.versions.wire import ModelApiVersionCreationRequest
from modelyard.domains.model_apis.wire import ModelApiCreationRequest
from modelyard.domains.projects import Project, project_by_id
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import NotFound

MAX_NAME_OF_ENDPOINT = 150


async def publish_model(
    db: Database,
    git: GitStore,
    vault: Vault,
    caller: Caller,
    project: Project,
    wanted: ModelApiVersionCreationRequest,
    *,
    name: str,
    is_project_endpoint: bool = False,
) -> str:
    """Makes a model API with one replica on the default tier; its id.

    Without an environment it is in the project's default one, else in the platform's. Raises BadRequest.
    """
    chosen = wanted.environment_id or project.default_environment_id
    environment = await environments.environment_for_job(
        db, caller, chosen, None, restricted=project.is_restricted
    )
    new = ModelApiCreationRequest(
        name=name,
        description=wanted.description or "",
        environment_id=environment.environment_id,
        is_async=False,
        strict_node_anti_affinity=False,
        environment_variables=[],
        version=wanted,
    )
    return await service.create(db, git, vault, caller, project, new, is_project_endpoint=is_project_endpoint)


async def publish_version(
    db: Database, git: GitStore, caller: Caller, model_api: ModelApi, wanted: ModelApiVersionCreationRequest
) -> Version:
    """Adds a version to a model API, in the model API's environment unless it names one.

    Raises BadRequest, NotFound and Forbidden for a project that cannot be used.
    """
    project = await project_by_id(db, caller, wanted.project_id, *MAKING)
    new = await versions.prepare(
        db, git, caller, project, wanted, model_api_id=model_api.id, environment_id=model_api.environment_id
    )
    async with db.transaction() as tx:
        return await versions.add(tx, caller, new)


async def publish_endpoint(
    db: Database,
    git: GitStore,
    vault: Vault,
    caller: Caller,
    project: Project,
    wanted: ModelApiVersionCreationRequest,
) -> ModelApi:
    """Makes the endpoint of a project, or adds a version to the one that is there.

    Raises BadRequest, and Forbidden for an endpoint that the caller may not edit.
    """
    endpoint = await queries.find_project_endpoint(db, caller, project.id)
    if endpoint is None:
        name = f"Endpoint of {project.name[:MAX_NAME_OF_ENDPOINT]}"
        made = await publish_model(db, git, vault, caller, project, wanted, name=name, is_project_endpoint=True)
        return await model_api_by_id(db, caller, made)
    editable = await model_api_by_id(db, caller, endpoint.id, Right.EDIT_MODEL_API)
    await publish_version(db, git, caller, editable, wanted)
    return await model_api_by_id(db, caller, endpoint.id)


async def unpublish_endpoint(tx: Transaction, caller: Caller, endpoint: ModelApi) -> None:
    """Stops all versions of a project's endpoint; publishing it again goes on with the next version.

    Raises NotFound when none is meant to run: it is not published.
    """
    wanted = [one for one in await version_queries.list_versions(tx, endpoint.id) if one.is_wanted]
    if not wanted:
        raise NotFound("The endpoint of this project is not published.")
    for version in wanted:
        await versions.set_running(tx, caller, endpoint, version, False)
