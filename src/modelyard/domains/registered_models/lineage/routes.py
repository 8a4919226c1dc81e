"""The operation that tells what a version of a model comes from."""

from modelyard.domains.registered_models.access import version_with
from modelyard.domains.registered_models.lineage.service import lineage_of
from modelyard.domains.registered_models.lineage.wire import ModelVersionLineage
from modelyard.domains.registered_models.routes import TAG
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.registered_models.versions.routes import VERSION
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import Tracker
from modelyard.kit.db import Database
from modelyard.kit.operation import operation


@operation("GET", f"{VERSION}/lineage", guard=version_with(Right.VIEW_JOBS), tag=TAG)
async def get_model_version_lineage(
    model_version: ModelVersion, caller: Caller, db: Database, tracker: Tracker
) -> ModelVersionLineage:
    """All that a version comes from: its run, job, code, environment, data, and upstream models."""
    return ModelVersionLineage.of(await lineage_of(db, tracker, caller, model_version))
