"""Model versions in MLflow's protocol."""

from modelyard.domains.experiments import protocol_operation
from modelyard.domains.registered_models.access import version_by_number
from modelyard.domains.registered_models.protocol.access import HttpRequest, model_asked, version_asked
from modelyard.domains.registered_models.protocol.models import whole
from modelyard.domains.registered_models.protocol.wire import (
    MOST_VERSIONS,
    SOME_VERSIONS,
    DescriptionField,
    NewVersionFields,
    Nothing,
    PlaceReply,
    TagField,
    VersionReply,
    VersionsReply,
    tags_of,
    version_fields,
)
from modelyard.domains.registered_models.queries import PROMPT, RegisteredModel
from modelyard.domains.registered_models.versions import queries, service
from modelyard.domains.registered_models.versions.queries import ModelVersion, VersionFilter
from modelyard.domains.registered_models.versions.sources import PLACEHOLDERS, Source, Sources
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.engines.tracker import Tracker
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.paging import next_token, offset_of

_VERSIONS = "2.0/mlflow/model-versions"


@protocol_operation(
    "POST", f"{_VERSIONS}/create", guard=model_asked(Right.EDIT), operation_id="mlflowCreateModelVersion"
)
async def create_version(
    model: RegisteredModel, caller: Caller, db: Database, tracker: Tracker, data: NewVersionFields
) -> VersionReply:
    """A new version of a model, made of what a run or a logged model of the caller's has."""
    tags = tags_of(data.tags)
    if tags.get(PROMPT, "").lower() == "true":
        source = _of_prompt(model, data.source)
    else:
        source = await Sources(db, tracker, caller).find(data.source, data.run_id or None, data.model_id or None)
    async with db.transaction() as tx:
        number = await service.register(
            tx,
            caller,
            model,
            source,
            description=data.description or "",
            run_link=data.run_link or "",
            tags=tags,
        )
    await service.catch_up(db, tracker, source.run_id)
    return await _reply(db, caller, model.name, number)


@protocol_operation(
    "GET", f"{_VERSIONS}/get", guard=version_asked(Right.VIEW_JOBS), operation_id="mlflowGetModelVersion"
)
async def get_version(model_version: ModelVersion) -> VersionReply:
    """A version by its model's name and its number."""
    return VersionReply(version_fields(model_version.model.name, model_version))


@protocol_operation("GET", f"{_VERSIONS}/search", guard=authenticated, operation_id="mlflowSearchModelVersions")
async def search_versions(caller: Caller, request: HttpRequest, db: Database) -> VersionsReply:
    """The versions of models of the projects that the caller may look into."""
    asked = request.query_params
    limit = whole(asked.get("max_results"), SOME_VERSIONS, MOST_VERSIONS)
    wanted = VersionFilter(
        offset=offset_of(asked.get("page_token")),
        limit=limit,
        filter=asked.get("filter"),
        order_by=asked.getall("order_by", []),
    )
    found = await queries.search_versions(db, caller, wanted)
    shown = [version_fields(version.name, version) for version in found[:limit]]
    return VersionsReply(shown, next_token(wanted.offset, limit, len(found)))


@protocol_operation(
    "GET",
    f"{_VERSIONS}/get-download-uri",
    guard=version_asked(Right.VIEW_JOBS),
    operation_id="mlflowGetModelVersionDownloadUri",
)
async def get_download_uri(model_version: ModelVersion) -> PlaceReply:
    """Where the files of a version are."""
    return PlaceReply(model_version.storage_location)


@protocol_operation(
    "PATCH", f"{_VERSIONS}/update", guard=version_asked(Right.EDIT), operation_id="mlflowUpdateModelVersion"
)
async def update_version(
    model_version: ModelVersion, caller: Caller, tx: Transaction, data: DescriptionField
) -> VersionReply:
    """Other words about a version."""
    if data.description is not None:
        await service.describe(tx, caller, model_version, data.description)
    return await _reply(tx, caller, model_version.model.name, model_version.version)


@protocol_operation(
    "DELETE", f"{_VERSIONS}/delete", guard=version_asked(Right.EDIT), operation_id="mlflowDeleteModelVersion"
)
async def delete_version(model_version: ModelVersion, caller: Caller, tx: Transaction) -> Nothing:
    """Removes a version; its files stay with its run."""
    await service.delete(tx, caller, model_version)
    return Nothing()


@protocol_operation(
    "POST", f"{_VERSIONS}/set-tag", guard=version_asked(Right.EDIT), operation_id="mlflowSetModelVersionTag"
)
async def set_version_tag(model_version: ModelVersion, caller: Caller, tx: Transaction, data: TagField) -> Nothing:
    """Sets a tag of a version."""
    await service.tag(tx, caller, model_version, data.key, data.value)
    return Nothing()


@protocol_operation(
    "DELETE",
    f"{_VERSIONS}/delete-tag",
    guard=version_asked(Right.EDIT),
    operation_id="mlflowDeleteModelVersionTag",
)
async def delete_version_tag(
    model_version: ModelVersion, caller: Caller, tx: Transaction, data: TagField
) -> Nothing:
    """Removes a tag of a version."""
    await service.untag(tx, caller, model_version, data.key)
    return Nothing()


async def _reply(db: Executor, caller: Caller, name: str, number: int) -> VersionReply:
    version = await version_by_number(db, caller, name, number)
    return VersionReply(version_fields(name, version))


def _of_prompt(model: RegisteredModel, source: str) -> Source:
    """What a version of a prompt is made of: its tags alone. Raises BadRequest."""
    if not model.is_prompt:
        raise BadRequest(f"'{model.name}' is a model, and a prompt cannot be a version of it.")
    if source not in PLACEHOLDERS:
        raise BadRequest(f"A prompt has no files; its source is {' or '.join(sorted(PLACEHOLDERS))}.")
    return Source(uri=source, location=source)
