"""Private operations on the recording of calls."""

from modelyard.domains.model_apis.access import ModelApiAccess, model_api_with
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.recording import service
from modelyard.domains.model_apis.recording.wire import Recording
from modelyard.domains.users import Right
from modelyard.kit.operation import operation

TAG = "Model APIs (private)"
RECORDING = "/v4/models/{modelApiId:str}/recording"


@operation("GET", RECORDING, guard=model_api_with(Right.VIEW_MODEL_API), tag=TAG)
async def get_model_api_recording(access: ModelApiAccess) -> Recording:
    """Which share of the calls is recorded, and which fields are left out of them."""
    model_api = access.model_api
    return Recording(sample_rate=model_api.recorded_share, redacted_fields=model_api.redacted_fields)


@operation("PUT", RECORDING, guard=model_api_with(Right.EDIT_MODEL_API), tag=TAG)
async def set_model_api_recording(access: ModelApiAccess, router: Router, data: Recording) -> Recording:
    """Choose which share of the calls is recorded, and which fields are left out of them."""
    async with router.changing(access.model_api.id) as tx:
        fields = await service.set_recording(
            tx, access.caller, access.model_api, data.sample_rate, data.redacted_fields
        )
    return Recording(sample_rate=data.sample_rate, redacted_fields=fields)
