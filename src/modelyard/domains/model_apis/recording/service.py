"""Rules of recording: what is chosen of it, and the dataset that the records of a version go to."""

from modelyard.domains import datasets
from modelyard.domains.model_apis import queries as model_apis
from modelyard.domains.model_apis.queries import ModelApi
from modelyard.domains.model_apis.recording import queries
from modelyard.domains.model_apis.recording.queries import Recorded
from modelyard.domains.users import Caller, DatasetRole, Right, find_user
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import NotFound

DATASET = "prediction_data"
_ABOUT = "Recorded calls of this project's model APIs: Parquet files by model API, version number and day in UTC."


async def set_recording(
    tx: Transaction, caller: Caller, model_api: ModelApi, share: float, fields: list[str]
) -> list[str]:
    """Chooses what is recorded of the calls from now on; the fields that are left out, each once."""
    chosen = list(dict.fromkeys(fields))
    await queries.set_recording(tx, model_api.id, share, chosen)
    await model_apis.touch(tx, model_api.id)
    await events.record(
        tx, caller, "modelApi.recordingChanged", "modelApi", model_api.id,
        project_id=model_api.project_id, sampleRate=share, redactedFields=chosen,
        before={"sampleRate": model_api.recorded_share, "redactedFields": model_api.redacted_fields},
    )  # fmt: skip
    return chosen


async def dataset_of(db: Database, version: Recorded) -> str:
    """The dataset that the records of a version go to: the one that was named for it, else one of its project.

    Raises NotFound and Forbidden when whoever named it may not write there any more.
    """
    if version.dataset_id is None:
        owner_role = DatasetRole.EDITOR if version.project_is_of_organization else DatasetRole.OWNER
        return await datasets.ensure_dataset(
            db, version.created_by_id, version.project_id, DATASET, _ABOUT, {version.project_owner_id: owner_role}
        )
    user = await find_user(db, version.named_by_id)
    if user is None:
        raise NotFound("Whoever named the dataset is gone.")
    caller = Caller(user.id, user.user_name, user.is_admin)
    dataset = await datasets.dataset_by_id(db, caller, version.dataset_id, Right.UPDATE_DATASET_RW_V2)
    return dataset.id
