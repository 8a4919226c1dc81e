"""Private routes by which the official client publishes models and the endpoint of a project."""

from typing import Any

from litestar import Request
from litestar.datastructures import State

from modelyard.domains.model_apis import endpoint_calls, publishing, queries
from modelyard.domains.model_apis.access import (
    MAKING,
    ModelApiAccess,
    VersionAccess,
    endpoint_with,
    model_api_by_id,
    model_api_with,
    version_with,
)
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.endpoint_calls import EndpointAnswer
from modelyard.domains.model_apis.legacy_wire import (
    EndpointState,
    ExportImage,
    ExportLogs,
    ExportStatus,
    PublishedModel,
    PublishedModelEnvelope,
    PublishedModels,
    PublishedVersion,
    PublishedVersions,
    PublishModel,
    PublishRelease,
    PublishVersion,
)
from modelyard.domains.model_apis.queries import ModelApi, ModelApiFilter
from modelyard.domains.model_apis.versions import queries as version_queries
from modelyard.domains.projects import Project, project_in_body, project_named_by
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.engines.git import GitStore
from modelyard.kit import context
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.operation import operation
from modelyard.kit.paging import MAX_LIMIT, Page
from modelyard.kit.wire import DeleteEnvelopeV1, deleted

TAG = "Models (private)"

VERSIONS = "/v1/models/{modelApiId:str}/versions"
EXPORTED = "/v4/models/{modelApiId:str}/{modelApiVersionId:str}"
EXPORT = "/v4/models/{modelExportId:str}"
ENDPOINT = "/v1/{ownerName:str}/{projectName:str}/endpoint"


@operation(
    "GET", "/v1/projects/{ownerName:str}/{projectName:str}/models", guard=project_named_by("path"), tag=TAG
)  # fmt: skip
async def list_models(project: Project, caller: Caller, db: Database) -> PublishedModels:
    """The newest thousand model APIs of a project that the caller may see."""
    wanted = ModelApiFilter(page=Page(0, MAX_LIMIT), project_id=project.id)
    found = await queries.list_visible(db, caller, wanted)
    url = f"/v1/projects/{project.owner_name}/{project.name}/models"
    return PublishedModels(object_type="list", url=url, data=[PublishedModel.of(one) for one in found.rows])


@operation("POST", "/v1/models", guard=project_in_body(*MAKING), tag=TAG)
async def publish_model(
    project: Project, caller: Caller, db: Database, git: GitStore, vault: Vault, data: PublishModel
) -> PublishedModelEnvelope:
    """Make a model API of a function in a file."""
    made = await publishing.publish_model(db, git, vault, caller, project, data.version(), name=data.name)
    return PublishedModelEnvelope(data=PublishedModel.of(await model_api_by_id(db, caller, made)))


@operation("GET", VERSIONS, guard=model_api_with(Right.VIEW_MODEL_API), tag=TAG)
async def list_published_versions(access: ModelApiAccess, db: Database) -> PublishedVersions:
    """The versions of a model API, newest first."""
    found = await version_queries.list_versions(db, access.model_api.id)
    url = f"/v1/models/{access.model_api.id}/versions"
    return PublishedVersions(object_type="list", url=url, data=[PublishedVersion.of(one) for one in found])


@operation("POST", VERSIONS, guard=model_api_with(Right.EDIT_MODEL_API), tag=TAG)
async def publish_version(
    access: ModelApiAccess, db: Database, git: GitStore, data: PublishVersion
) -> PublishedVersion:
    """Add a version to a model API, of a function in a file."""
    wanted = data.version()
    return PublishedVersion.of(await publishing.publish_version(db, git, access.caller, access.model_api, wanted))


@operation("POST", f"{EXPORTED}/exportImageToRegistry", guard=version_with(Right.EDIT_MODEL_API), tag=TAG)
async def export_image_to_registry(access: VersionAccess, data: ExportImage) -> ExportStatus:  # noqa: ARG001
    """Refuse to export an image of a version: there is none."""
    raise _no_images(access)


@operation("POST", f"{EXPORTED}/exportImageForSagemaker", guard=version_with(Right.EDIT_MODEL_API), tag=TAG)
async def export_image_for_sagemaker(access: VersionAccess, data: ExportImage) -> ExportStatus:  # noqa: ARG001
    """Refuse to export an image of a version for SageMaker: there is none."""
    raise _no_images(access)


@operation("GET", f"{EXPORT}/getExportImageStatus", guard=authenticated, tag=TAG)
async def get_export_image_status(caller: Caller, modelExportId: str) -> ExportStatus:  # noqa: ARG001
    """How far an export is: there are none."""
    raise _no_export(modelExportId)


@operation("GET", f"{EXPORT}/getExportLogs", guard=authenticated, tag=TAG)
async def get_export_logs(caller: Caller, modelExportId: str) -> ExportLogs:  # noqa: ARG001
    """What an export said: there are none."""
    raise _no_export(modelExportId)


@operation("GET", f"{ENDPOINT}/state", guard=project_named_by("path"), tag=TAG)
async def get_endpoint_state(project: Project, caller: Caller, db: Database) -> EndpointState:
    """How the endpoint of a project is."""
    return await _state(db, await queries.find_project_endpoint(db, caller, project.id))


@operation("POST", f"{ENDPOINT}/publishRelease", guard=project_named_by("path", *MAKING), tag=TAG)
async def publish_endpoint(
    project: Project, caller: Caller, db: Database, git: GitStore, vault: Vault, data: PublishRelease
) -> EndpointState:
    """Publish a function in a file as the endpoint of a project, or as its next version."""
    wanted = data.version(project.id)
    return await _state(db, await publishing.publish_endpoint(db, git, vault, caller, project, wanted))


@operation(
    "POST", ENDPOINT, guard=endpoint_with(Right.CALL_MODEL_API), tag=TAG,
    failures=(400, 401, 403, 404, 429, 500, 502, 503, 504),
)  # fmt: skip
async def call_endpoint(
    access: ModelApiAccess, db: Database, router: Router, request: Request[Any, Any, State]
) -> EndpointAnswer:
    """Call the function that is published, with its arguments in order."""
    body = await request.body()
    return await endpoint_calls.call(db, router, access.model_api, body, context.request_id.get())


@operation("DELETE", ENDPOINT, guard=endpoint_with(Right.EDIT_MODEL_API), tag=TAG)
async def unpublish_endpoint(access: ModelApiAccess, tx: Transaction) -> DeleteEnvelopeV1:
    """Stop the endpoint of a project."""
    await publishing.unpublish_endpoint(tx, access.caller, access.model_api)
    return deleted()


async def _state(db: Database, endpoint: ModelApi | None) -> EndpointState:
    if endpoint is None or endpoint.active_version is None:
        return EndpointState.of(endpoint, None)
    version = await version_queries.find_version(db, endpoint.id, endpoint.active_version.id)
    return EndpointState.of(endpoint, version)


def _no_images(access: VersionAccess) -> BadRequest:
    version = access.version
    source = version.source
    if source.type == "Registry":
        name, number = source.registered_model_name, source.registered_model_version
        instead = (
            f"`mlflow models build-docker -m models:/{name}/{number}` builds an image of the registered model"
        )
    else:
        instead = f"an image can be built elsewhere from the project's files at the commit {version.commit_id}"
    return BadRequest(
        f"Version {version.number} of {access.model_api.name} has no container image: this server runs models in"
        f" virtual environments. Call it where it is served; {instead}."
    )


def _no_export(model_export_id: str) -> NotFound:
    return NotFound(f"There is no export with the id {model_export_id[:100]}; this server exports no images.")
