"""Private routes on jobs and first-generation runs, thin over the same guards and rules."""

import shlex
from typing import Annotated, Any

from litestar.params import Parameter
from msgspec import UNSET, UnsetType

from modelyard.domains import hardware_tiers
from modelyard.domains.jobs import logs, queries, service
from modelyard.domains.jobs.access import JobAccess, job_in_body, job_with
from modelyard.domains.jobs.code import main_reference
from modelyard.domains.jobs.legacy_wire import (
    PrivateJob,
    PrivateJobs,
    QueuedJobHistoryDetails,
    RestartJob,
    Run,
    RunOutput,
    Runs,
    RuntimeExecutionDetails,
    StartedRun,
    StartJob,
    StartRun,
    StopJob,
    TierOfJob,
    private_job,
    run,
)
from modelyard.domains.jobs.listing import JobFilter
from modelyard.domains.jobs.service import JobRequest
from modelyard.domains.projects import Project, project_in_body, project_named_by
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.engines.git_remotes import Reference
from modelyard.engines.logs import LogStore
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page

TAG = "Jobs (private)"
RUNS_SHOWN = 1000


@operation(
    "POST", "/v4/jobs/start", guard=project_in_body(Right.START_JOB, Right.USE_GLOBAL_COMPUTE), tag=TAG,
    operation_id="startPrivateJob",
)  # fmt: skip
async def start_job(project: Project, caller: Caller, db: Database, git: GitStore, data: StartJob) -> PrivateJob:
    """Start a job."""
    for name in ("computeClusterProperties", "onDemandSparkClusterProperties", "externalVolumeMounts"):
        if getattr(data, _snake(name)):
            raise BadRequest(f"{name}: this server has none of these; leave the field out.")
    wanted = JobRequest(
        command=data.command_to_run,
        title=data.title,
        commit_id=data.commit_id or None,
        hardware_tier=_value(data.override_hardware_tier_id),
        environment_id=data.environment_id or None,
        main_reference=_main_reference(data),
    )
    return private_job(await service.start(db, git, caller, project, wanted))


@operation("POST", "/v4/jobs/stop", guard=job_in_body(Right.STOP_JOB), tag=TAG)
async def stop_job(access: JobAccess, tx: Transaction, data: StopJob) -> PrivateJob:
    """Stop a job, keeping its results unless told otherwise."""
    await service.stop(tx, access.caller, access.job, keep_results=data.commit_results is not False)
    return private_job(await queries.find_job(tx, access.job.id) or access.job)


@operation(
    "POST", "/v4/jobs/restart", guard=job_in_body(Right.START_JOB, Right.USE_GLOBAL_COMPUTE), tag=TAG
)  # fmt: skip
async def restart_job(access: JobAccess, db: Database, git: GitStore, data: RestartJob) -> PrivateJob:
    """Submit a job once more."""
    original = bool(data.should_use_original_input_commit)
    job = await service.restart(db, git, access.caller, access.project, access.job, original_commit=original)
    return private_job(job)


@operation("POST", "/v4/jobs/{jobId:str}/archive", guard=job_with(Right.EDIT), tag=TAG)
async def archive_job(access: JobAccess, tx: Transaction) -> PrivateJob:
    """Hide a finished job from lists."""
    await service.set_archived(tx, access.caller, access.job, True)
    return private_job(await queries.find_job(tx, access.job.id) or access.job)


@operation("POST", "/v4/jobs/{jobId:str}/unarchive", guard=job_with(Right.EDIT), tag=TAG)
async def unarchive_job(access: JobAccess, tx: Transaction) -> PrivateJob:
    """Show an archived job in lists again."""
    await service.set_archived(tx, access.caller, access.job, False)
    return private_job(await queries.find_job(tx, access.job.id) or access.job)


@operation("GET", "/v4/jobs", guard=project_named_by("query", Right.VIEW_JOBS), tag=TAG)
async def list_jobs(
    project: Project,
    db: Database,
    projectId: str,  # noqa: ARG001
    order_by: str = "number",
    sort_by: str = "desc",
    page_size: Annotated[int, Parameter(ge=1, le=1000)] = 25,
    page_no: Annotated[int, Parameter(ge=1, le=10**9)] = 1,
    show_archived: str = "false",
    status: str | None = None,
    tag: str | None = None,
) -> PrivateJobs:
    """List the jobs of a project; `order_by` is the field and `sort_by` the direction."""
    wanted = JobFilter(
        page=Page((page_no - 1) * page_size, page_size),
        sort_by=order_by,
        ascending=sort_by.lower() == "asc",
        status=_status(status),
        show_archived=show_archived.lower() == "true",
        tag=tag,
    )
    found = await queries.list_jobs(db, project.id, wanted)
    return PrivateJobs(jobs=[private_job(job) for job in found.rows], total_count=found.total)


@operation("GET", "/v4/jobs/{jobId:str}", guard=job_with(Right.VIEW_JOBS), tag=TAG)
async def get_job(access: JobAccess, db: Database) -> PrivateJob:
    """Read one job."""
    details: QueuedJobHistoryDetails | UnsetType = UNSET
    if access.job.phase == "queued":
        waiting = await hardware_tiers.explain_wait(db, access.job.id)
        if waiting:
            details = QueuedJobHistoryDetails(
                expected_wait=waiting.expected_wait,
                explanation=waiting.explanation,
                help_text=waiting.help_text,
            )
    return private_job(access.job, details)


@operation("GET", "/v4/jobs/{jobId:str}/runtimeExecutionDetails", guard=job_with(Right.VIEW_JOBS), tag=TAG)
async def get_runtime_execution_details(access: JobAccess, db: Database) -> RuntimeExecutionDetails:
    """What a job runs on."""
    tier = await hardware_tiers.find_tier(db, access.job.hardware_tier_id)
    name = tier.name if tier else access.job.hardware_tier_id
    return RuntimeExecutionDetails(
        hardware_tier=TierOfJob(id=access.job.hardware_tier_id, name=name),
        environment_id=access.job.environment_id,
        environment_revision_id=access.job.environment_revision_id,
    )


@operation(
    "GET", "/v1/projects/{ownerName:str}/{projectName:str}/runs",
    guard=project_named_by("path", Right.VIEW_JOBS), tag=TAG,
)  # fmt: skip
async def list_runs(project: Project, db: Database) -> Runs:
    """The newest thousand runs of a project."""
    found = await queries.list_jobs(db, project.id, JobFilter(page=Page(0, RUNS_SHOWN)))
    url = f"/v1/projects/{project.owner_name}/{project.name}/runs"
    return Runs(object_type="list", url=url, data=[run(job) for job in found.rows])


@operation(
    "POST", "/v1/projects/{ownerName:str}/{projectName:str}/runs",
    guard=project_named_by("path", Right.START_JOB, Right.USE_GLOBAL_COMPUTE), tag=TAG,
)  # fmt: skip
async def start_run(project: Project, caller: Caller, db: Database, git: GitStore, data: StartRun) -> StartedRun:
    """Start a run."""
    wanted = JobRequest(
        command=" ".join(data.command) if data.is_direct else shlex.join(data.command),
        title=data.title,
        commit_id=data.commit_id or None,
        hardware_tier=data.tier or None,
    )
    job = await service.start(db, git, caller, project, wanted)
    return StartedRun(run_id=job.id, message="Run started.")


@operation(
    "GET", "/v1/projects/{ownerName:str}/{projectName:str}/runs/{jobId:str}",
    guard=job_with(Right.VIEW_JOBS), tag=TAG,
)  # fmt: skip
async def get_run(access: JobAccess, ownerName: str, projectName: str) -> Run:
    """Read one run."""
    _of_project(access, ownerName, projectName)
    return run(access.job)


@operation(
    "GET", "/v1/projects/{ownerName:str}/{projectName:str}/run/{jobId:str}/stdout",
    guard=job_with(Right.VIEW_JOBS), tag=TAG,
)  # fmt: skip
async def get_run_output(access: JobAccess, log_store: LogStore, ownerName: str, projectName: str) -> RunOutput:
    """The log of a run as text."""
    _of_project(access, ownerName, projectName)
    return RunOutput(
        stdout=await logs.text(log_store, access.job, "stdOut"),
        setup=await logs.text(log_store, access.job, "prepareOutput"),
    )


def _of_project(access: JobAccess, owner: str, name: str) -> None:
    project = access.project
    if (project.owner_name.lower(), project.name.lower()) != (owner.lower(), name.lower()):
        raise NotFound(f"There is no run with the id {access.job.id} in {owner}/{name}.")


def _status(given: str | None) -> str:
    known = {"queued", "running", "completed", "archived", "active"}
    return given.lower() if given and given.lower() in known else "all"


def _main_reference(data: StartJob) -> Reference | None:
    given = data.main_repo_git_ref
    return main_reference(str(given.type), given.value or None) if given and given.type else None


def _value(given: str | dict[str, Any] | None) -> str | None:
    return str(given.get("value") or "") or None if isinstance(given, dict) else given or None


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
