"""Registered models in MLflow's protocol."""

from modelyard.domains.experiments import PROJECT_TAG, protocol_operation
from modelyard.domains.projects import Project
from modelyard.domains.registered_models import service
from modelyard.domains.registered_models.protocol.access import (
    HttpRequest,
    model_asked,
    new_model,
    version_asked,
    version_by_alias_asked,
)
from modelyard.domains.registered_models.protocol.queries import latest_versions, list_with_latest
from modelyard.domains.registered_models.protocol.wire import (
    MOST_MODELS,
    SOME_MODELS,
    AliasName,
    DescriptionField,
    ModelReply,
    ModelsReply,
    NewModelFields,
    NewNameField,
    Nothing,
    StagesField,
    TagField,
    VersionReply,
    VersionsReply,
    model_fields,
    tags_of,
    version_fields,
)
from modelyard.domains.registered_models.queries import ModelFilter, RegisteredModel
from modelyard.domains.registered_models.versions import service as versions
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.paging import next_token, offset_of

_MODELS = "2.0/mlflow/registered-models"


@protocol_operation("POST", f"{_MODELS}/create", guard=new_model, operation_id="mlflowCreateRegisteredModel")
async def create_model(project: Project, caller: Caller, tx: Transaction, data: NewModelFields) -> ModelReply:
    """A new model without versions."""
    tags = {key: value for key, value in tags_of(data.tags).items() if key != PROJECT_TAG}
    made = await service.create(tx, caller, project, data.name, description=data.description or "", tags=tags)
    return ModelReply(model_fields(made, []))


@protocol_operation(
    "GET", f"{_MODELS}/get", guard=model_asked(Right.VIEW_JOBS), operation_id="mlflowGetRegisteredModel"
)
async def get_model(model: RegisteredModel, db: Database) -> ModelReply:
    """A model by its name."""
    return await _reply(db, model)


@protocol_operation("GET", f"{_MODELS}/search", guard=authenticated, operation_id="mlflowSearchRegisteredModels")
async def search_models(caller: Caller, request: HttpRequest, db: Database) -> ModelsReply:
    """The models of the projects that the caller may look into."""
    asked = request.query_params
    limit = whole(asked.get("max_results"), SOME_MODELS, MOST_MODELS)
    wanted = ModelFilter(
        offset=offset_of(asked.get("page_token")),
        limit=limit,
        filter=asked.get("filter"),
        order_by=asked.getall("order_by", []),
        with_discoverable=False,
    )
    found = await list_with_latest(db, caller, wanted)
    shown = [model_fields(model, model.latest) for model in found[:limit]]
    return ModelsReply(shown, next_token(wanted.offset, limit, len(found)))


@protocol_operation(
    "PATCH", f"{_MODELS}/update", guard=model_asked(Right.EDIT), operation_id="mlflowUpdateRegisteredModel"
)
async def update_model(
    model: RegisteredModel, caller: Caller, tx: Transaction, data: DescriptionField
) -> ModelReply:
    """Other words about a model."""
    await service.describe(tx, caller, model, data.description, None)
    return await _reply(tx, await service.again(tx, caller, model.name))


@protocol_operation(
    "POST", f"{_MODELS}/rename", guard=model_asked(Right.EDIT), operation_id="mlflowRenameRegisteredModel"
)
async def rename_model(model: RegisteredModel, caller: Caller, tx: Transaction, data: NewNameField) -> ModelReply:
    """Another name for a model."""
    await service.rename(tx, caller, model, data.new_name)
    return await _reply(tx, await service.again(tx, caller, data.new_name))


@protocol_operation(
    "DELETE", f"{_MODELS}/delete", guard=model_asked(Right.EDIT), operation_id="mlflowDeleteRegisteredModel"
)
async def delete_model(model: RegisteredModel, caller: Caller, tx: Transaction) -> Nothing:
    """Removes a model with its versions; the files stay with the runs."""
    await service.delete(tx, caller, model)
    return Nothing()


@protocol_operation(
    "POST", f"{_MODELS}/set-tag", guard=model_asked(Right.EDIT), operation_id="mlflowSetRegisteredModelTag"
)
async def set_model_tag(model: RegisteredModel, caller: Caller, tx: Transaction, data: TagField) -> Nothing:
    """Sets a tag of a model."""
    await service.tag(tx, caller, model, data.key, data.value)
    return Nothing()


@protocol_operation(
    "DELETE", f"{_MODELS}/delete-tag", guard=model_asked(Right.EDIT), operation_id="mlflowDeleteRegisteredModelTag"
)
async def delete_model_tag(model: RegisteredModel, caller: Caller, tx: Transaction, data: TagField) -> Nothing:
    """Removes a tag of a model."""
    await service.untag(tx, caller, model, data.key)
    return Nothing()


@protocol_operation(
    "POST", f"{_MODELS}/alias", guard=version_asked(Right.EDIT), operation_id="mlflowSetRegisteredModelAlias"
)
async def set_alias(model_version: ModelVersion, caller: Caller, tx: Transaction, data: AliasName) -> Nothing:
    """Points an alias at a version."""
    await versions.set_alias(tx, caller, model_version, data.alias)
    return Nothing()


@protocol_operation(
    "GET", f"{_MODELS}/alias", guard=version_by_alias_asked, operation_id="mlflowGetModelVersionByAlias"
)
async def get_version_by_alias(model_version: ModelVersion) -> VersionReply:
    """The version that an alias points at."""
    return VersionReply(version_fields(model_version.model.name, model_version))


@protocol_operation(
    "DELETE", f"{_MODELS}/alias", guard=model_asked(Right.EDIT), operation_id="mlflowDeleteRegisteredModelAlias"
)
async def delete_alias(model: RegisteredModel, caller: Caller, tx: Transaction, data: AliasName) -> Nothing:
    """Removes an alias of a model."""
    await versions.delete_alias(tx, caller, model, data.alias)
    return Nothing()


@protocol_operation(
    "GET",
    f"{_MODELS}/get-latest-versions",
    guard=model_asked(Right.VIEW_JOBS),
    operation_id="mlflowListLatestVersions",
)
async def list_latest_versions(model: RegisteredModel, request: HttpRequest, db: Database) -> VersionsReply:
    """The latest version of each stage, or of those that the query names."""
    return await _latest(db, model, request.query_params.getall("stages", []))


@protocol_operation(
    "POST",
    f"{_MODELS}/get-latest-versions",
    guard=model_asked(Right.VIEW_JOBS),
    operation_id="mlflowGetLatestVersions",
)
async def get_latest_versions(model: RegisteredModel, db: Database, data: StagesField) -> VersionsReply:
    """The latest version of each stage, or of those that the body names."""
    return await _latest(db, model, data.stages or [])


async def _reply(db: Executor, model: RegisteredModel) -> ModelReply:
    return ModelReply(model_fields(model, await latest_versions(db, model.id)))


async def _latest(db: Database, model: RegisteredModel, stages: list[str]) -> VersionsReply:
    wanted = {stage.lower() for stage in stages}
    found = await latest_versions(db, model.id)
    return VersionsReply(
        [version_fields(model.name, version) for version in found if not wanted or version.stage.lower() in wanted]
    )


def whole(text: str | None, default: int, most: int) -> int:
    """How many are asked for; raises BadRequest."""
    if text is None:
        return default
    if not text.isdecimal() or not 0 < int(text[:10]) <= most:
        raise BadRequest(f"max_results is a whole number from 1 to {most:,}.")
    return int(text[:10])
