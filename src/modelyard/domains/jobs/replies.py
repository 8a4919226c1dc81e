"""Jobs as the public API shows them."""

from typing import Any

from msgspec import UNSET, UnsetType

from modelyard.domains.datasets import Mount as DatasetMount
from modelyard.domains.hardware_tiers import Waiting
from modelyard.domains.jobs.code import MountedRepository
from modelyard.domains.jobs.data import dataset_mount
from modelyard.domains.jobs.queries import Job, Tag
from modelyard.domains.jobs.wire import (
    CommitDetailsV1,
    DominoStatsV1,
    GitRefV1,
    JobDetailsV1,
    JobStatusV1,
    JobUsageV1,
    JobV1,
    MountedGitRepoV1,
    QueuedJobStatusDetailsV1,
    StageTimesV1,
    TagV1,
)
from modelyard.kit.wire import present


def listed_job(job: Job, mounts: list[DatasetMount]) -> JobV1:
    """A job as lists show it."""
    return JobV1(**_fields(job, mounts))


def job_details(
    job: Job, tags: list[Tag], goal_ids: list[str], waiting: Waiting | None, mounts: list[DatasetMount]
) -> JobDetailsV1:
    """A job as it is read by itself."""
    return JobDetailsV1(
        tags=[tag_reply(tag) for tag in tags],
        goal_ids=goal_ids,
        comments_count=0,
        queued_job_status_details=(
            QueuedJobStatusDetailsV1(
                expected_wait=waiting.expected_wait,
                explanation=waiting.explanation,
                help_text=waiting.help_text,
            )
            if waiting
            else UNSET
        ),
        **_fields(job, mounts),
    )


def tag_reply(tag: Tag) -> TagV1:
    """A tag on a job."""
    return TagV1(id=tag.id, name=tag.name, creator_id=tag.creator_id, created_at=tag.created_at)


def _fields(job: Job, mounts: list[DatasetMount]) -> dict[str, Any]:
    return {
        "id": job.id,
        "number": job.number,
        "run_command": job.command,
        "title": present(job.title),
        "started_by_id": job.started_by_id,
        "run_launcher_id": present(job.launched_by_run_id),
        "status": JobStatusV1(
            execution_status=job.status,
            is_completed=job.is_completed,
            is_archived=job.is_archived,
            is_scheduled=False,
        ),
        "stage_times": StageTimesV1(
            submission_time=job.submitted_at,
            start_time=present(job.started_at),
            completed_time=present(job.completed_at),
        ),
        "commit_details": CommitDetailsV1(
            input_commit_id=job.input_commit_id, output_commit_id=present(job.output_commit_id)
        ),
        "domino_stats": [DominoStatsV1(name=stat["name"], value=stat["value"]) for stat in job.domino_stats],
        "dataset_mounts": [dataset_mount(job, mount) for mount in mounts if mount.run_id == job.id],
        "external_volume_mounts": [],
        "git_repos": [_repository(one) for one in job.code],
        "main_repo_git_ref": next((_reference(one) for one in job.code if one.is_main), UNSET),
        "net_app_volume_mounts": [],
        "projects": [],
        "usage": _usage(job),
    }


def _repository(one: MountedRepository) -> MountedGitRepoV1:
    return MountedGitRepoV1(
        id=one.id,
        name=one.name,
        uri=one.uri,
        ref=one.ref,
        service_provider=one.service_provider,  # type: ignore[arg-type]
        starting_branch=present(one.branch),
        starting_commit_id=present(one.commit_id),
    )


def _reference(main: MountedRepository) -> GitRefV1:
    return GitRefV1(ref_type=main.ref_word, value=present(main.ref_value))


def _usage(job: Job) -> JobUsageV1 | UnsetType:
    if job.cpu_seconds is None or job.started_at is None or job.completed_at is None:
        return UNSET
    seconds = max((job.completed_at - job.started_at).total_seconds(), 0.001)
    return JobUsageV1(
        cpu_percentage=round(100 * job.cpu_seconds / seconds, 1),
        memory_gib=round((job.peak_memory_bytes or 0) / 2**30, 4),
    )
