"""Shapes of jobs on the public API."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from modelyard.kit.wire import MetadataV1, PaginatedMetadataV1, Wire

SortBy = Literal[
    "number",
    "title",
    "command",
    "startedTime",
    "duration",
    "status",
    "user",
    "commentCount",
    "dominoStatsField",
]
StatusFilter = Literal["all", "queued", "running", "completed", "archived", "active"]
ClusterTypeV1 = Literal["dask", "mpi", "ray", "spark"]
EnvironmentRevisionSpecV1 = str
GitServiceProviderV1 = Literal[
    "Bitbucket", "BitbucketServer", "Github", "GithubEnterprise", "GitLab", "GitLabEnterprise", "Unknown"
]
LogTypeV1 = Literal["stdOut", "stdErr", "prepareOutput", "complete"]


class ComputeClusterConfigV1(Wire):
    """A cluster asked for beside a job."""

    cluster_type: ClusterTypeV1
    compute_environment_id: str
    worker_count: int
    worker_hardware_tier: str
    compute_environment_revision_spec: EnvironmentRevisionSpecV1 | UnsetType = UNSET
    master_hardware_tier_id: str | UnsetType = UNSET
    max_worker_count: int | UnsetType = UNSET
    worker_storage_mb: float | UnsetType = field(name="workerStorageMB", default=UNSET)


class GitRefV1(Wire):
    """A reference into a git-based project's main repository; its type is head, branches, tags or commitId."""

    ref_type: str
    value: str | UnsetType | None = UNSET


class NewJobV1(Wire):
    """Body of startJob."""

    project_id: str
    run_command: Annotated[str, Meta(min_length=1, max_length=16384)]
    title: Annotated[str, Meta(max_length=500)] | None = None
    commit_id: str | None = None
    main_repo_git_ref: GitRefV1 | None = None
    hardware_tier: str | None = None
    environment_id: str | None = None
    environment_revision_spec: EnvironmentRevisionSpecV1 | None = None
    compute_cluster: ComputeClusterConfigV1 | None = None
    external_volume_mount_ids: list[str] | None = None
    net_app_volume_ids: list[str] | None = None
    snapshot_datasets_on_completion: bool | None = None
    snapshot_net_app_volumes_on_completion: bool | None = None
    capacity_type: str | None = None


class CommitDetailsV1(Wire):
    """The commit a job started from, and the one its results made."""

    input_commit_id: str
    output_commit_id: str | UnsetType = UNSET


class DatasetMountV1(Wire):
    """A dataset a job saw."""

    id: str
    dataset_name: str
    project_id: str
    is_input: bool
    container_path: str | UnsetType = UNSET
    snapshot_id: str | UnsetType = UNSET
    snapshot_version: int | UnsetType = UNSET


class DominoStatsV1(Wire):
    """One result statistic that the run itself wrote."""

    name: str
    value: str


class ExternalVolumeMountV1(Wire):
    """An external volume a job saw."""

    name: str
    mount_path: str
    read_only: bool
    sub_path: str | UnsetType = UNSET


class MountedGitRepoV1(Wire):
    """An imported repository a job saw."""

    id: str
    name: str
    uri: str
    ref: str
    service_provider: GitServiceProviderV1
    starting_branch: str | UnsetType = UNSET
    starting_commit_id: str | UnsetType = UNSET
    ending_branch: str | UnsetType = UNSET
    ending_commit_id: str | UnsetType = UNSET


class NetAppMountV1(Wire):
    """A further mount of a NetApp volume."""

    mount_path: str
    read_only: bool
    sub_path: str | UnsetType = UNSET


class NetAppVolumeMountV1(Wire):
    """A NetApp volume a job saw."""

    name: str
    volume_mount_path: str
    volume_read_only: bool
    snapshot_mount_path: str
    snapshot_read_only: bool
    volume_sub_path: str | UnsetType = UNSET
    snapshot_sub_path: str | UnsetType = UNSET
    other_mounts: list[NetAppMountV1] | UnsetType = UNSET


class MountedProjectV1(Wire):
    """An imported project a job saw."""

    project_id: str
    commit_id: str


class StageTimesV1(Wire):
    """When a job was submitted, began and ended."""

    submission_time: datetime
    start_time: datetime | UnsetType = UNSET
    completed_time: datetime | UnsetType = UNSET


class JobStatusV1(Wire):
    """The state of a job."""

    execution_status: str
    is_completed: bool
    is_archived: bool
    is_scheduled: bool


class JobUsageV1(Wire):
    """What a finished job used: mean CPU of one core in percent, and peak memory."""

    cpu_percentage: float
    memory_gib: float = field(name="memoryGiB")


class JobV1(Wire):
    """A job as lists show it."""

    id: str
    number: int
    run_command: str
    status: JobStatusV1
    stage_times: StageTimesV1
    commit_details: CommitDetailsV1
    domino_stats: list[DominoStatsV1]
    dataset_mounts: list[DatasetMountV1]
    external_volume_mounts: list[ExternalVolumeMountV1]
    git_repos: list[MountedGitRepoV1]
    net_app_volume_mounts: list[NetAppVolumeMountV1]
    projects: list[MountedProjectV1]
    title: str | UnsetType = UNSET
    started_by_id: str | UnsetType = UNSET
    run_launcher_id: str | UnsetType = UNSET
    usage: JobUsageV1 | UnsetType = UNSET
    compute_cluster: ComputeClusterConfigV1 | UnsetType = UNSET
    main_repo_git_ref: GitRefV1 | UnsetType = UNSET


class TagV1(Wire):
    """A tag on a job."""

    id: str
    name: str
    creator_id: str
    created_at: datetime


class QueuedJobStatusDetailsV1(Wire):
    """Why a job still waits, in words."""

    expected_wait: str
    explanation: str
    help_text: str


class JobDetailsV1(JobV1, kw_only=True):
    """A job as it is read by itself."""

    tags: list[TagV1]
    goal_ids: list[str]
    comments_count: int
    queued_job_status_details: QueuedJobStatusDetailsV1 | UnsetType = UNSET


class JobEnvelopeV1(Wire):
    """One job."""

    job: JobDetailsV1
    metadata: MetadataV1


class PaginatedJobEnvelopeV1(Wire):
    """A page of jobs."""

    jobs: list[JobV1]
    metadata: PaginatedMetadataV1


class LogContentV1(Wire):
    """One line of a log; `size` is its length in characters."""

    timestamp: datetime
    log_type: LogTypeV1
    log: str
    size: int


class JobLogsV1(Wire):
    """Part of a job's log."""

    log_content: list[LogContentV1]
    is_complete: bool
    help_link: str | UnsetType = UNSET
    problem: str | UnsetType = UNSET


class LogsPaginationV1(Wire):
    """Where to go on: the cursor is a decimal count of nanoseconds since 1970."""

    limit: int
    latest_time_nano: str | UnsetType = UNSET


class LogsMetadataV1(MetadataV1):
    """Metadata of a log reply."""

    pagination: LogsPaginationV1


class LogsEnvelopeV1(Wire):
    """Part of a job's log, and where to go on."""

    logs: JobLogsV1
    metadata: LogsMetadataV1


class GoalToLinkV1(Wire):
    """Body of linkJobToGoal."""

    goal_id: str


class LinkedGoalV1(Wire):
    """A goal that a job serves."""

    goal_id: str
    job_id: str
    project_id: str
    title: str
    current_stage: str
    description: str | UnsetType = UNSET


class GoalEnvelopeV1(Wire):
    """One linked goal."""

    goal: LinkedGoalV1
    metadata: MetadataV1


class PaginatedGoalEnvelopeV1(Wire):
    """The goals of a job."""

    goals: list[LinkedGoalV1]
    metadata: MetadataV1


class TagToAddV1(Wire):
    """Body of addJobTag."""

    project_id: str
    tag_name: Annotated[str, Meta(min_length=1, max_length=100)]


class TagEnvelopeV1(Wire):
    """One tag."""

    tag: TagV1
    metadata: MetadataV1
