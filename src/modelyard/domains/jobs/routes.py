"""Public operations on jobs."""

from typing import Annotated

from litestar.params import Parameter

from modelyard.domains import datasets, hardware_tiers
from modelyard.domains.jobs import goals, logs, queries, service
from modelyard.domains.jobs.access import JobAccess, job_with
from modelyard.domains.jobs.code import main_reference
from modelyard.domains.jobs.listing import JobFilter
from modelyard.domains.jobs.replies import job_details, listed_job, tag_reply
from modelyard.domains.jobs.service import JobRequest
from modelyard.domains.jobs.wire import (
    GoalEnvelopeV1,
    GoalToLinkV1,
    JobEnvelopeV1,
    LogsEnvelopeV1,
    NewJobV1,
    PaginatedGoalEnvelopeV1,
    PaginatedJobEnvelopeV1,
    SortBy,
    StatusFilter,
    TagEnvelopeV1,
    TagToAddV1,
)
from modelyard.domains.projects import Project, project_in_body, project_named_by
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.engines.git_remotes import Reference
from modelyard.engines.logs import LogStore
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import DeleteEnvelopeV1, deleted, metadata

TAG = "Jobs"
MAX_LOG_LINES = 10_000


@operation("GET", "/api/jobs/beta/jobs", guard=project_named_by("query", Right.VIEW_JOBS), tag=TAG)
async def get_jobs(
    project: Project,
    db: Database,
    page: Page,
    projectId: str,  # noqa: ARG001
    sortBy: SortBy = "number",
    dominoStatsSortFieldName: str | None = None,
    ascending: bool = False,
    showArchived: bool = False,
    statusFilter: StatusFilter = "all",
    tagFilter: str | None = None,
) -> PaginatedJobEnvelopeV1:
    """List the jobs of a project."""
    wanted = JobFilter(
        page=page,
        sort_by=sortBy,
        ascending=ascending,
        status=statusFilter,
        show_archived=showArchived,
        tag=tagFilter,
        stat=dominoStatsSortFieldName,
    )
    found = await queries.list_jobs(db, project.id, wanted)
    mounts = await datasets.mounts_of(db, [job.id for job in found.rows])
    return PaginatedJobEnvelopeV1(
        jobs=[listed_job(job, mounts) for job in found.rows], metadata=paged(page, found.total)
    )


@operation("GET", "/api/jobs/beta/jobs/{jobId:str}", guard=job_with(Right.VIEW_JOBS), tag=TAG)
async def get_job_details(access: JobAccess, db: Database) -> JobEnvelopeV1:
    """Read one job."""
    return await _envelope(db, access.job)


@operation("GET", "/api/jobs/beta/jobs/{jobId:str}/logs", guard=job_with(Right.VIEW_JOBS), tag=TAG)
async def get_job_logs(
    access: JobAccess,
    db: Database,
    log_store: LogStore,
    logType: Annotated[str | None, Parameter()] = None,
    limit: Annotated[int, Parameter(ge=0, le=MAX_LOG_LINES)] = MAX_LOG_LINES,
    latestTimeNano: Annotated[str | None, Parameter()] = None,
) -> LogsEnvelopeV1:
    """Read part of a job's log, from a cursor on."""
    return await logs.read(db, log_store, access.job, logs.log_type(logType), limit, latestTimeNano)


@operation(
    "GET", "/api/jobs/v1/goals", guard=job_with(Right.VIEW_JOBS), tag=TAG, operation_id="getLinkedGoalsForJob"
)
async def get_linked_goals_for_job(access: JobAccess, db: Database, jobId: str) -> PaginatedGoalEnvelopeV1:  # noqa: ARG001
    """The goals that a job serves."""
    return PaginatedGoalEnvelopeV1(goals=await goals.linked(db, access.job), metadata=metadata())


@operation("POST", "/api/jobs/v1/goals", guard=job_with(Right.VIEW_JOBS, Right.EDIT), tag=TAG)
async def link_job_to_goal(
    access: JobAccess,
    tx: Transaction,
    data: GoalToLinkV1,
    jobId: str,  # noqa: ARG001
) -> GoalEnvelopeV1:
    """Link a goal of the project to a job."""
    goal = await goals.link(tx, access.caller, access.job, data.goal_id)
    return GoalEnvelopeV1(goal=goal, metadata=metadata())


@operation("DELETE", "/api/jobs/v1/goals/{goalId:str}", guard=job_with(Right.VIEW_JOBS, Right.EDIT), tag=TAG)
async def unlink_job_from_goal(
    access: JobAccess,
    tx: Transaction,
    goalId: str,
    jobId: str,  # noqa: ARG001
) -> DeleteEnvelopeV1:
    """Unlink a goal from a job."""
    await goals.unlink(tx, access.caller, access.job, goalId)
    return deleted()


@operation(
    "POST",
    "/api/jobs/v1/jobs",
    guard=project_in_body(Right.START_JOB, Right.USE_GLOBAL_COMPUTE),
    tag=TAG,
)
async def start_job(
    project: Project, caller: Caller, db: Database, git: GitStore, data: NewJobV1
) -> JobEnvelopeV1:
    """Start a job."""
    _refuse_unsupported(data)
    wanted = JobRequest(
        command=data.run_command,
        title=data.title,
        commit_id=data.commit_id or None,
        hardware_tier=data.hardware_tier or None,
        environment_id=data.environment_id or None,
        environment_revision=data.environment_revision_spec or None,
        main_reference=_main_reference(data),
        snapshot_datasets=bool(data.snapshot_datasets_on_completion),
    )
    return await _envelope(db, await service.start(db, git, caller, project, wanted))


@operation("POST", "/api/jobs/v1/jobs/{jobId:str}/tags", guard=job_with(Right.VIEW_JOBS), tag=TAG)
async def add_job_tag(access: JobAccess, tx: Transaction, data: TagToAddV1) -> TagEnvelopeV1:
    """Add a tag to a job."""
    _same_project(access, data.project_id)
    tag = await queries.add_tag(tx, new_id(), access.job.id, data.tag_name, access.caller.id)
    await events.record(
        tx, access.caller, "job.tagged", "job", access.job.id, project_id=access.project.id, tag=data.tag_name
    )
    return TagEnvelopeV1(tag=tag_reply(tag), metadata=metadata())


@operation("DELETE", "/api/jobs/v1/jobs/{jobId:str}/tags/{tagId:str}", guard=job_with(Right.VIEW_JOBS), tag=TAG)
async def remove_job_tag(access: JobAccess, tx: Transaction, tagId: str, projectId: str) -> DeleteEnvelopeV1:
    """Remove a tag from a job."""
    _same_project(access, projectId)
    if not await queries.remove_tag(tx, access.job.id, tagId):
        raise NotFound(f"This job has no tag with the id {tagId}.")
    await events.record(
        tx, access.caller, "job.untagged", "job", access.job.id, project_id=access.project.id, tagId=tagId
    )
    return deleted()


async def _envelope(db: Database, job: queries.Job) -> JobEnvelopeV1:
    tags = await queries.tags_of(db, job.id)
    goal_ids = await queries.goal_ids_of(db, job.id)
    waiting = await hardware_tiers.explain_wait(db, job.id) if job.phase == "queued" else None
    mounts = await datasets.mounts_of(db, [job.id])
    return JobEnvelopeV1(job=job_details(job, tags, goal_ids, waiting, mounts), metadata=metadata())


def _same_project(access: JobAccess, project_id: str) -> None:
    if project_id != access.project.id:
        raise NotFound(f"There is no job with the id {access.job.id} in the project {project_id}.")


def _refuse_unsupported(data: NewJobV1) -> None:
    refused = {
        "computeCluster": data.compute_cluster,
        "externalVolumeMountIds": data.external_volume_mount_ids,
        "netAppVolumeIds": data.net_app_volume_ids,
    }
    for name, value in refused.items():
        if value:
            raise BadRequest(f"{name}: this server has none of these; leave the field out.")


def _main_reference(data: NewJobV1) -> Reference | None:
    given = data.main_repo_git_ref
    return main_reference(given.ref_type, given.value or None) if given else None
