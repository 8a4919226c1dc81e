"""All that a version of a model comes from, put together from what was recorded of its run and job."""

import asyncio

import msgspec

from modelyard.domains import environments
from modelyard.domains.datasets import Mount, mounts_of, readable_among
from modelyard.domains.environments import RevisionIdentity
from modelyard.domains.experiments import runs_of_job, visible_run
from modelyard.domains.jobs import Job, find_job
from modelyard.domains.registered_models.lineage.upstream import Upstream, upstream_of
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import TrackedRun, Tracker
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden, NotFound

# So many runs of a version's job are asked which models they have used.
MOST_RUNS = 50


class Lineage(msgspec.Struct, kw_only=True):
    """What a version comes from.

    `hidden` has how much of which part its reader may not see, `missing` why a part is not there.
    """

    version: ModelVersion
    run: TrackedRun | None = None
    job: Job | None = None
    revision: RevisionIdentity | None = None
    mounts: list[Mount] = []
    upstream: list[Upstream] = []
    hidden: dict[str, int] = {}
    missing: dict[str, str] = {}


async def lineage_of(db: Database, tracker: Tracker, caller: Caller, version: ModelVersion) -> Lineage:
    """All that a version comes from, as far as the caller may see it; raises Unavailable without the tracker."""
    lineage = Lineage(version=version, hidden={}, missing={})
    runs = await _add_run(db, tracker, caller, lineage)
    if "run" not in lineage.hidden:
        await _add_job(db, caller, lineage)
        if version.job_id is not None:
            runs += await _other_runs(db, tracker, version)
    found = await upstream_of(db, tracker, caller, version, runs)
    lineage.upstream = found.models
    if found.hidden:
        lineage.hidden["upstreamModels"] = found.hidden
    if found.gone:
        lineage.missing["upstreamModels"] = f"The tracker has no logged model {', '.join(found.gone)} any more."
    return lineage


async def _add_run(db: Database, tracker: Tracker, caller: Caller, lineage: Lineage) -> list[TrackedRun]:
    """The run of a version, which others may be asked beside."""
    run_id = lineage.version.run_id
    if run_id is None:
        lineage.missing["run"] = "The version was not made from a run."
        return []
    try:
        await visible_run(db, tracker, caller, run_id, Right.VIEW_JOBS)
    except (NotFound, Forbidden):
        lineage.hidden["run"] = lineage.hidden["job"] = 1
        return []
    try:
        lineage.run = await tracker.run(run_id)
    except NotFound:
        lineage.missing["run"] = "The tracker does not have the run any more."
        return []
    return [lineage.run]


async def _add_job(db: Database, caller: Caller, lineage: Lineage) -> None:
    job_id = lineage.version.job_id
    job = await find_job(db, job_id) if job_id is not None else None
    if job is None:
        reason = "The run was logged outside a job: nothing says which code, environment and data it had."
        lineage.missing["job"] = reason if lineage.version.run_id else "The version was not made by a job."
        return
    lineage.job = job
    lineage.revision, mounts = await asyncio.gather(
        environments.identity_of(db, job.environment_revision_id, caller.id, is_admin=caller.is_admin),
        mounts_of(db, [job.id]),
    )
    if lineage.revision is None:
        lineage.hidden["environment"] = 1
    readable = await readable_among(db, caller, [one.dataset_id for one in mounts])
    lineage.mounts = [one for one in mounts if one.dataset_id in readable]
    if hidden := len({one.dataset_id for one in mounts} - readable):
        lineage.hidden["datasets"] = hidden
    unknown = {one.dataset_name for one in lineage.mounts if one.root is None}
    if unknown:
        lineage.missing["datasets"] = (
            f"It is not known what {', '.join(sorted(unknown))} held when the job started: others were writing."
        )
    if job.output_commit_id is None:
        lineage.missing["outputCommit"] = (
            "The job has changed no file." if job.is_completed else "The job has not ended yet."
        )


async def _other_runs(db: Database, tracker: Tracker, version: ModelVersion) -> list[TrackedRun]:
    """What the tracker has of the other runs of a version's job: one may have used what another one made."""
    assert version.job_id is not None  # noqa: S101
    ids = [one for one in await runs_of_job(db, version.job_id) if one != version.run_id]
    found = await asyncio.gather(*(tracker.run(one) for one in ids[:MOST_RUNS]), return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, NotFound):
            raise one
    return [one for one in found if isinstance(one, TrackedRun)]
