"""Stages in MLflow's protocol."""

import msgspec

from modelyard.domains.experiments import protocol_operation
from modelyard.domains.registered_models.protocol.access import version_asked
from modelyard.domains.registered_models.protocol.wire import VersionReply, version_fields
from modelyard.domains.registered_models.stages.service import archive_others, move_to_stage
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Transaction


class StageField(msgspec.Struct):
    """The stage that a version is to come into, and whether those that are there are archived."""

    stage: str
    archive_existing_versions: bool | None = None


@protocol_operation(
    "POST",
    "2.0/mlflow/model-versions/transition-stage",
    guard=version_asked(Right.EDIT),
    operation_id="mlflowTransitionModelVersionStage",
)
async def transition_stage(
    model_version: ModelVersion, caller: Caller, tx: Transaction, data: StageField
) -> VersionReply:
    """Moves a version into another stage without a review."""
    model = model_version.model
    moved = await move_to_stage(tx, caller, model, model_version, data.stage)
    if data.archive_existing_versions:
        await archive_others(tx, caller, moved)
    return VersionReply(version_fields(model.name, moved))
