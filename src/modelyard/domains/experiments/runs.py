"""The beginning of a run: what it is tagged with, and where it belongs."""

from typing import Any

import msgspec
from litestar import MediaType, Response

from modelyard.domains.datasets import mounts_of
from modelyard.domains.experiments import queries
from modelyard.domains.experiments.access import ExperimentAccess
from modelyard.domains.experiments.reserved_tags import job_tags, origin_tags, refuse_reserved
from modelyard.domains.jobs import find_job
from modelyard.engines.tracker import Tracker
from modelyard.kit import events
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest


async def begin_run(
    db: Database, tracker: Tracker, access: ExperimentAccess, body: dict[str, Any]
) -> Response[Any]:
    """Makes a run of an experiment; the tracker's reply. Raises BadRequest for tags of the platform."""
    caller, experiment = access.caller, access.experiment
    given = _tags(body)
    refuse_reserved(given)
    tags = given | {"mlflow.user": caller.user_name} | await _origin(db, access)
    asked = body | {
        "experiment_id": experiment.id,
        "user_id": caller.user_name,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
    reply = await tracker.call("POST", "/api/2.0/mlflow/runs/create", body=asked)
    info = reply["run"]["info"]
    async with db.transaction() as tx:
        await queries.add_run(tx, info["run_id"], experiment.id, caller.run_id, caller.id)
        await events.record(
            tx, caller, "run.created", "run", info["run_id"],
            project_id=access.project.id, experimentId=experiment.id, name=info.get("run_name", ""),
        )  # fmt: skip
    return Response(msgspec.json.encode(reply), media_type=MediaType.JSON)


async def _origin(db: Database, access: ExperimentAccess) -> dict[str, str]:
    caller = access.caller
    tags = origin_tags(access.project, caller.id, caller.user_name)
    job = await find_job(db, caller.run_id) if caller.run_id else None
    if job is None:
        return tags
    mounts = await mounts_of(db, [job.id])
    return tags | dict(
        job_tags(
            job_id=job.id,
            number=job.number,
            commit_id=job.input_commit_id,
            environment_id=job.environment_id,
            environment_revision_id=job.environment_revision_id,
            hardware_tier_id=job.hardware_tier_id,
            snapshots=[(one.dataset_id, one.snapshot_id) for one in mounts if one.snapshot_id],
        )
    )


def _tags(body: dict[str, Any]) -> dict[str, str]:
    tags = body.get("tags") or []
    if not isinstance(tags, list) or not all(
        isinstance(one, dict) and isinstance(one.get("key"), str) for one in tags
    ):
        raise BadRequest("The tags of a run are a list of objects with key and value.")
    return {one["key"]: str(one.get("value", "")) for one in tags}
