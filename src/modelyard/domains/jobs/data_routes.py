"""The operation that tells what a job saw of datasets."""

from datetime import datetime
from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains import datasets
from modelyard.domains.datasets import Mount
from modelyard.domains.jobs.access import JobAccess, job_with
from modelyard.domains.users import Right
from modelyard.kit.db import Database
from modelyard.kit.operation import operation
from modelyard.kit.wire import Wire, present


class JobDatasetMount(Wire):
    """What a job saw of a dataset, at a path below its datasets folder.

    Roots are hashes that name all live files before the job and after it, as those of snapshots do; they are
    absent where other jobs were writing at the same time. A job that reproduces another one sees a copy. What is
    `kept` stays in the store whatever becomes of the dataset's files; what is `lost` could not be kept.
    """

    dataset_id: str
    dataset_name: str
    project_id: str
    path: str
    is_writable: bool
    is_copy: bool
    mounted_at: datetime
    unmounted_at: datetime | UnsetType = UNSET
    snapshot_id: str | UnsetType = UNSET
    snapshot_number: int | UnsetType = UNSET
    root_before: str | UnsetType = UNSET
    root_after: str | UnsetType = UNSET
    keeping: str | UnsetType = UNSET

    @classmethod
    def of(cls, mount: Mount) -> Self:
        """A stored mount."""
        return cls(
            dataset_id=mount.dataset_id,
            dataset_name=mount.dataset_name,
            project_id=mount.project_id,
            path=mount.path,
            is_writable=mount.is_writable,
            is_copy=mount.is_copy,
            mounted_at=mount.mounted_at,
            unmounted_at=present(mount.unmounted_at),
            snapshot_id=present(mount.snapshot_id),
            snapshot_number=present(mount.snapshot_number),
            root_before=present(mount.root_before),
            root_after=present(mount.root_after),
            keeping=present(mount.keeping),
        )


class JobDatasetMounts(Wire):
    """All that a job saw of datasets."""

    mounts: list[JobDatasetMount]


@operation(
    "GET", "/v4/jobs/{jobId:str}/datasets", guard=job_with(Right.VIEW_JOBS), tag="Jobs (private)"
)  # fmt: skip
async def list_job_datasets(access: JobAccess, db: Database) -> JobDatasetMounts:
    """Which datasets and snapshots a job saw, and in which states it found and left them."""
    mounts = await datasets.mounts_of(db, [access.job.id])
    return JobDatasetMounts(mounts=[JobDatasetMount.of(mount) for mount in mounts])
