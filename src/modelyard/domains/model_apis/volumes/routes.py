"""Operations on the volumes of a model API."""

from modelyard.domains.model_apis.access import ModelApiAccess, model_api_with
from modelyard.domains.model_apis.routes import MODEL_API, TAG
from modelyard.domains.model_apis.volumes import service
from modelyard.domains.model_apis.wire import ModelApiVolume
from modelyard.domains.users import Right
from modelyard.kit.db import Transaction
from modelyard.kit.edge import decoded
from modelyard.kit.operation import operation

VOLUMES = f"{MODEL_API}/volumes"


@operation("GET", VOLUMES, guard=model_api_with(Right.VIEW_MODEL_API), tag=TAG)
async def list_model_api_volumes(access: ModelApiAccess) -> list[ModelApiVolume]:
    """What versions of a model API see of datasets, by name."""
    return [ModelApiVolume.of(volume) for volume in access.model_api.volumes]


@operation("POST", VOLUMES, guard=model_api_with(Right.EDIT_MODEL_API), tag=TAG, status=201)
async def create_model_api_volume(access: ModelApiAccess, tx: Transaction, data: ModelApiVolume) -> ModelApiVolume:
    """Have versions that start from now on see a dataset, or a snapshot, at a path."""
    return ModelApiVolume.of(await service.attach(tx, access.caller, access.model_api, data))


@operation(
    "DELETE", f"{VOLUMES}/{{volumeName:str}}", guard=model_api_with(Right.EDIT_MODEL_API), tag=TAG, status=204
)
async def delete_model_api_volume(access: ModelApiAccess, tx: Transaction, volumeName: str) -> None:
    """Detach a volume; versions that run see it until they start anew."""
    await service.detach(tx, access.caller, access.model_api, decoded(volumeName))
