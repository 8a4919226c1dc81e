"""Shapes of jobs and first-generation runs on the private routes."""

from typing import Any

from msgspec import UNSET, UnsetType

from modelyard.domains.jobs.queries import Job
from modelyard.kit.wire import Wire, epoch_ms, present


class MainRepoGitRef(Wire):
    """A reference into a git-based project's main repository; its type is branches, tags, commitId or head."""

    type: str | None = None
    value: str | None = None


class StartJob(Wire):
    """Body of POST /v4/jobs/start."""

    project_id: str
    command_to_run: str
    commit_id: str | None = None
    main_repo_git_ref: MainRepoGitRef | None = None
    override_hardware_tier_id: str | dict[str, Any] | None = None
    on_demand_spark_cluster_properties: dict[str, Any] | None = None
    compute_cluster_properties: dict[str, Any] | None = None
    environment_id: str | None = None
    external_volume_mounts: list[Any] | None = None
    title: str | None = None


class StopJob(Wire):
    """Body of POST /v4/jobs/stop."""

    job_id: str
    project_id: str | None = None
    commit_results: bool | None = None


class RestartJob(Wire):
    """Body of POST /v4/jobs/restart."""

    job_id: str
    should_use_original_input_commit: bool | None = None


class StartRun(Wire):
    """Body of POST /v1/projects/O/P/runs: `command` is an array of words, or with `isDirect` shell text."""

    command: list[str]
    is_direct: bool | None = None
    commit_id: str | None = None
    title: str | None = None
    tier: str | None = None
    publish_api_endpoint: bool | None = None


class StartedRun(Wire):
    """Reply to the start of a run."""

    run_id: str
    message: str


class Statuses(Wire):
    """The state of a job."""

    is_completed: bool
    is_archived: bool
    is_scheduled: bool
    execution_status: str


class StageTime(Wire):
    """When a job was submitted, began and ended; epoch milliseconds."""

    submission_time: int | UnsetType
    run_start_time: int | UnsetType = UNSET
    completed_time: int | UnsetType = UNSET


class StartedBy(Wire):
    """Who started a job."""

    id: str
    username: str


class CommitDetails(Wire):
    """The commit a job started from, and the one its results made."""

    input_commit_id: str
    output_commit_id: str | UnsetType = UNSET


class QueuedJobHistoryDetails(Wire):
    """Why a job still waits, in words."""

    expected_wait: str
    explanation: str
    help_text: str


class PrivateJob(Wire):
    """A job on the private routes."""

    id: str
    number: int
    project_id: str
    title: str | UnsetType
    job_run_command: str
    statuses: Statuses
    stage_time: StageTime
    started_by: StartedBy
    commit_details: CommitDetails
    domino_stats: list[dict[str, str]]
    exit_code: int | UnsetType
    queued_job_history_details: QueuedJobHistoryDetails | UnsetType = UNSET


class PrivateJobs(Wire):
    """A page of jobs on the private routes."""

    jobs: list[PrivateJob]
    total_count: int


class Run(Wire):
    """A first-generation run; it always has an output commit once it is over."""

    id: str
    number: int
    status: str
    is_completed: bool
    is_archived: bool
    title: str | UnsetType
    commit_id: str
    output_commit_id: str | UnsetType
    command: str
    starting_user: str
    queued: int | UnsetType
    started: int | UnsetType
    completed: int | UnsetType


class Runs(Wire):
    """The runs of a project, newest first."""

    object_type: str
    url: str
    data: list[Run]


class RunOutput(Wire):
    """The log of a run as text."""

    stdout: str
    setup: str


class TierOfJob(Wire):
    """The hardware tier of a job."""

    id: str
    name: str


class RuntimeExecutionDetails(Wire):
    """What a job runs on."""

    hardware_tier: TierOfJob
    environment_id: str
    environment_revision_id: str


def private_job(job: Job, waiting: QueuedJobHistoryDetails | UnsetType = UNSET) -> PrivateJob:
    """A job as the private routes show it."""
    return PrivateJob(
        id=job.id,
        number=job.number,
        project_id=job.project_id,
        title=present(job.title),
        job_run_command=job.command,
        statuses=Statuses(
            is_completed=job.is_completed,
            is_archived=job.is_archived,
            is_scheduled=False,
            execution_status=job.status,
        ),
        stage_time=StageTime(
            submission_time=epoch_ms(job.submitted_at),
            run_start_time=epoch_ms(job.started_at),
            completed_time=epoch_ms(job.completed_at),
        ),
        started_by=StartedBy(id=job.started_by_id, username=job.started_by_name),
        commit_details=CommitDetails(
            input_commit_id=job.input_commit_id, output_commit_id=present(job.output_commit_id)
        ),
        domino_stats=job.domino_stats,
        exit_code=present(job.exit_code),
        queued_job_history_details=waiting,
    )


def run(job: Job) -> Run:
    """A job as a first-generation run."""
    output = job.output_commit_id or (job.input_commit_id if job.is_completed else None)
    return Run(
        id=job.id,
        number=job.number,
        status=job.status,
        is_completed=job.is_completed,
        is_archived=job.is_archived,
        title=present(job.title),
        commit_id=job.input_commit_id,
        output_commit_id=present(output),
        command=job.command,
        starting_user=job.started_by_name,
        queued=epoch_ms(job.submitted_at),
        started=epoch_ms(job.started_at),
        completed=epoch_ms(job.completed_at),
    )
