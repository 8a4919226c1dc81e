"""Operations on the stages of projects and of model versions."""

from modelyard.domains.projects import Project, project_with
from modelyard.domains.registered_models.access import version_by_number, version_with
from modelyard.domains.registered_models.stages import queries, service
from modelyard.domains.registered_models.stages.wire import (
    RegisteredModelVersionStagesEnvelopeV1,
    RegisteredModelVersionStagesV1,
    RegisteredModelVersionStageValidationResultV1,
    RegisteredModelVersionStageValidationV1,
    UpdatedRegisteredModelVersionV1,
)
from modelyard.domains.registered_models.versions.queries import FIRST_STAGE, ModelVersion
from modelyard.domains.registered_models.versions.service import describe
from modelyard.domains.registered_models.versions.wire import RegisteredModelVersionDetailsV1
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation

TAG = "RegisteredModels"
OF_PROJECT = "/api/registeredmodels/v1/versionstages/{projectId:str}"
VERSION = "/api/registeredmodels/v1/{modelName:str}/versions/{version:int}"


@operation("GET", "/api/registeredmodelstages/v1", guard=authenticated, tag=TAG)
async def get_registered_model_stages(
    caller: Caller,  # noqa: ARG001 - it takes what its guard provides
) -> RegisteredModelVersionStagesEnvelopeV1:
    """List the stages of projects that have not chosen their own."""
    return RegisteredModelVersionStagesEnvelopeV1.of(service.DEFAULT_STAGES)


@operation("GET", OF_PROJECT, guard=project_with(Right.VIEW_JOBS), tag=TAG)
async def get_project_model_version_stages(
    project: Project, db: Database, includeDefaults: bool | None = None
) -> RegisteredModelVersionStagesEnvelopeV1:
    """List the stages that a project has chosen; with `includeDefaults` the defaults when it has chosen none."""
    own = await queries.own_stages(db, project.id)
    return RegisteredModelVersionStagesEnvelopeV1.of(own or (service.DEFAULT_STAGES if includeDefaults else ()))


@operation("PUT", OF_PROJECT, guard=project_with(Right.EDIT), tag=TAG)
async def set_project_model_version_stages(
    project: Project, caller: Caller, tx: Transaction, data: RegisteredModelVersionStagesV1
) -> RegisteredModelVersionStagesEnvelopeV1:
    """Choose the stages of a project, in the order of promotion."""
    stages = await service.set_stages(tx, caller, project, [stage.label for stage in data.items])
    return RegisteredModelVersionStagesEnvelopeV1.of(stages)


@operation("PATCH", VERSION, guard=version_with(Right.EDIT), tag=TAG)
async def update_registered_model_version(
    model_version: ModelVersion,
    caller: Caller,
    tx: Transaction,
    public_url: str,
    data: UpdatedRegisteredModelVersionV1,
) -> RegisteredModelVersionDetailsV1:
    """Describe a version, or move it into another stage without a review."""
    if data.current_stage is None and data.description is None:
        raise BadRequest("Give currentStage, description, or both.")
    model = model_version.model
    if data.description is not None:
        await describe(tx, caller, model_version, data.description)
    if data.current_stage is not None:
        await service.move_to_stage(tx, caller, model, model_version, data.current_stage)
    changed = await version_by_number(tx, caller, model.name, model_version.version)
    return RegisteredModelVersionDetailsV1.of(changed, public_url)


@operation("GET", f"{VERSION}/stages", guard=version_with(), tag=TAG)
async def get_reviewable_model_version_stages(
    model_version: ModelVersion, db: Database
) -> RegisteredModelVersionStagesEnvelopeV1:
    """List the stages that a review of a version may be for: all but the one it is in and the first."""
    stages = await service.stages_of(db, model_version.model.project.id)
    left_out = {FIRST_STAGE, model_version.stage}
    return RegisteredModelVersionStagesEnvelopeV1.of(stage for stage in stages if stage not in left_out)


@operation("POST", f"{VERSION}/stages/validate", guard=version_with(), tag=TAG)
async def validate_model_version_stage_transition(
    model_version: ModelVersion, db: Database, data: RegisteredModelVersionStageValidationV1
) -> RegisteredModelVersionStageValidationResultV1:
    """Say whether a version can move into a stage now, and why not; nothing is changed."""
    errors = await service.obstacles(db, model_version, data.target_stage)
    return RegisteredModelVersionStageValidationResultV1(is_valid=not errors, errors=errors)
