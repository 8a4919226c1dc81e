"""Operations of the registry on what serves its models."""

from modelyard.domains.model_apis.registered import queries
from modelyard.domains.model_apis.registered.wire import PaginatedRegisteredModelVersionModelApiEnvelopeV1
from modelyard.domains.registered_models import ModelVersion, RegisteredModel, model_with, version_with
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Database
from modelyard.kit.operation import operation

TAG = "RegisteredModels"
MODEL = "/api/registeredmodels/v1/{modelName:str}"


@operation("GET", f"{MODEL}/modelapis", guard=model_with(Right.VIEW_JOBS), tag=TAG)
async def get_model_apis_from_registered_model(
    model: RegisteredModel, caller: Caller, db: Database
) -> PaginatedRegisteredModelVersionModelApiEnvelopeV1:
    """The model APIs that have a version of a model, as far as the caller may see them, by name."""
    found = await queries.serving(db, caller, model.id)
    return PaginatedRegisteredModelVersionModelApiEnvelopeV1.of(found)


@operation("GET", f"{MODEL}/versions/{{version:int}}/modelapis", guard=version_with(Right.VIEW_JOBS), tag=TAG)
async def get_model_apis_from_registered_model_version(
    model_version: ModelVersion, caller: Caller, db: Database
) -> PaginatedRegisteredModelVersionModelApiEnvelopeV1:
    """The model APIs that have a version made of this one, as far as the caller may see them, by name."""
    found = await queries.serving(db, caller, model_version.model.id, model_version.version)
    return PaginatedRegisteredModelVersionModelApiEnvelopeV1.of(found)
