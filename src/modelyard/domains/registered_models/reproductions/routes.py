"""Operations that make versions of models again, and tell what came of it."""

from modelyard.domains.datasets import Storage
from modelyard.domains.registered_models.access import version_with
from modelyard.domains.registered_models.reproductions import service
from modelyard.domains.registered_models.reproductions.wire import ModelVersionReproduction
from modelyard.domains.registered_models.routes import TAG
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.registered_models.versions.routes import VERSION
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.engines.tracker import Tracker
from modelyard.kit.db import Database
from modelyard.kit.operation import operation

REPRODUCTIONS = f"{VERSION}/reproductions"


@operation(
    "POST",
    REPRODUCTIONS,
    guard=version_with(Right.VIEW_JOBS),
    tag=TAG,
    rights=(Right.VIEW_JOBS, Right.START_JOB),
)
async def reproduce_model_version(
    model_version: ModelVersion, caller: Caller, db: Database, git: GitStore, storage: Storage
) -> ModelVersionReproduction:
    """Do again the job that made a version: with the same code, environment, command, tier and data."""
    return ModelVersionReproduction.of(await service.start(db, git, storage, caller, model_version))


@operation(
    "GET",
    f"{REPRODUCTIONS}/{{jobId:str}}",
    guard=version_with(Right.VIEW_JOBS),
    tag=TAG,
    rights=(Right.VIEW_JOBS, Right.VIEW_FILES),
)
async def get_model_version_reproduction(
    model_version: ModelVersion, caller: Caller, db: Database, git: GitStore, tracker: Tracker, jobId: str
) -> ModelVersionReproduction:
    """How far a reproduction is, and once it is over, which outputs are those of the original."""
    return ModelVersionReproduction.of(await service.result(db, git, tracker, caller, model_version, jobId))
