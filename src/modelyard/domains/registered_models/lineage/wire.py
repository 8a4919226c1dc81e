"""Shapes of lineage on the wire."""

from datetime import datetime
from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.datasets import Mount
from modelyard.domains.environments import RevisionIdentity
from modelyard.domains.jobs import Job
from modelyard.domains.registered_models.lineage.service import Lineage
from modelyard.domains.registered_models.lineage.upstream import Upstream
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.engines.tracker import TrackedRun
from modelyard.kit.wire import Wire, present


class LineageModelVersion(Wire):
    """The version itself."""

    model_name: str
    model_version: int
    project_id: str
    project_name: str
    owner_username: str
    created_at: datetime
    source: str
    logged_model_id: str | UnsetType = UNSET

    @classmethod
    def of(cls, version: ModelVersion) -> Self:
        """A stored version."""
        return cls(
            model_name=version.model.name,
            model_version=version.version,
            project_id=version.model.project.id,
            project_name=version.model.project.name,
            owner_username=version.owner_name,
            created_at=version.created_at,
            source=version.source,
            logged_model_id=present(version.logged_model_id),
        )


class LineageRun(Wire):
    """The run that the version was made from, with the last value of each metric; times in epoch milliseconds."""

    id: str
    experiment_id: str
    name: str
    status: str
    metrics: dict[str, float | str]
    params: dict[str, str]
    start_time: int | UnsetType = UNSET
    end_time: int | UnsetType = UNSET

    @classmethod
    def of(cls, run: TrackedRun) -> Self:
        """A run of the tracker."""
        return cls(
            id=run.id,
            experiment_id=run.experiment_id,
            name=run.name,
            status=run.status,
            metrics={one.key: one.value for one in run.metrics},
            params={one.key: one.value for one in run.params},
            start_time=present(run.start_time),
            end_time=present(run.end_time),
        )


class LineageGitRepository(Wire):
    """A git repository elsewhere that the job saw; without a commit it never got it."""

    id: str
    name: str
    uri: str
    is_main: bool
    ref: str
    commit_id: str | UnsetType = UNSET


class LineageCommit(Wire):
    """The files that the job began with and those that it left, and its git repositories."""

    input_commit_id: str
    git_repositories: list[LineageGitRepository]
    output_commit_id: str | UnsetType = UNSET

    @classmethod
    def of(cls, job: Job) -> Self:
        """What a job ran on."""
        return cls(
            input_commit_id=job.input_commit_id,
            git_repositories=[
                LineageGitRepository(
                    id=one.id,
                    name=one.name,
                    uri=one.uri,
                    is_main=one.is_main,
                    ref=one.ref,
                    commit_id=present(one.commit_id),
                )
                for one in job.code
            ],
            output_commit_id=present(job.output_commit_id),
        )


class LineageJob(Wire):
    """The job that logged the run; `reproduces` is the one that it did again."""

    id: str
    number: int
    project_id: str
    command: str
    status: str
    started_by_username: str
    hardware_tier_id: str
    submitted_at: datetime
    title: str | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    completed_at: datetime | UnsetType = UNSET
    reproduces: str | UnsetType = UNSET

    @classmethod
    def of(cls, job: Job) -> Self:
        """A stored job."""
        return cls(
            id=job.id,
            number=job.number,
            project_id=job.project_id,
            command=job.command,
            status=job.status,
            started_by_username=job.started_by_name,
            hardware_tier_id=job.hardware_tier_id,
            submitted_at=job.submitted_at,
            title=present(job.title),
            started_at=present(job.started_at),
            completed_at=present(job.completed_at),
            reproduces=present(job.reproduces_id),
        )


class LineageEnvironment(Wire):
    """The environment revision that the job ran in; `lockHash` is the SHA-256 of its locked packages."""

    id: str
    name: str
    revision_id: str
    revision_number: int
    image: str
    lock_hash: str | UnsetType = UNSET

    @classmethod
    def of(cls, revision: RevisionIdentity) -> Self:
        """A stored revision."""
        return cls(
            id=revision.environment_id,
            name=revision.environment_name,
            revision_id=revision.revision_id,
            revision_number=revision.number,
            image=revision.image,
            lock_hash=present(revision.lock_hash),
        )


class LineageDataset(Wire):
    """What the job found in a dataset at a path below its datasets folder.

    `root` is the hash that names the content; it is absent where it is not known. `keeping` is `kept` for content
    that stays in the store for this version, `wanted` until that is done, `lost` where it could not be.
    """

    dataset_id: str
    dataset_name: str
    project_id: str
    path: str
    is_deleted: bool
    is_writable: bool
    snapshot_id: str | UnsetType = UNSET
    snapshot_number: int | UnsetType = UNSET
    root: str | UnsetType = UNSET
    keeping: str | UnsetType = UNSET

    @classmethod
    def of(cls, mount: Mount) -> Self:
        """A stored mount."""
        return cls(
            dataset_id=mount.dataset_id,
            dataset_name=mount.dataset_name,
            project_id=mount.project_id,
            path=mount.path,
            is_deleted=mount.is_deleted,
            is_writable=mount.is_writable,
            snapshot_id=present(mount.snapshot_id),
            snapshot_number=present(mount.snapshot_number),
            root=present(mount.root),
            keeping=present(mount.keeping),
        )


class LineageUpstreamModel(Wire):
    """A model that the version comes from.

    `evidence` is `input` when a run of the job has said that it used the model, `source` when the version was
    made of it.
    """

    evidence: str
    logged_model_id: str | UnsetType = UNSET
    logged_model_name: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET
    model_name: str | UnsetType = UNSET
    model_version: int | UnsetType = UNSET

    @classmethod
    def of(cls, upstream: Upstream) -> Self:
        """A model that was found."""
        model = upstream.logged_model
        return cls(
            evidence=upstream.evidence,
            logged_model_id=model.id if model else UNSET,
            logged_model_name=model.name if model else UNSET,
            run_id=present(model.source_run_id) if model else UNSET,
            model_name=present(upstream.name),
            model_version=present(upstream.version),
        )


class LineageHidden(Wire):
    """A part that the caller may not see, and how much of it."""

    part: str
    count: int


class LineageMissing(Wire):
    """A part that is not there, or not as a whole, and why."""

    part: str
    reason: str


class ModelVersionLineage(Wire):
    """All that a version comes from, as far as it was recorded and the caller may see it."""

    version: LineageModelVersion
    datasets: list[LineageDataset]
    upstream_models: list[LineageUpstreamModel]
    hidden: list[LineageHidden]
    missing: list[LineageMissing]
    run: LineageRun | UnsetType = UNSET
    job: LineageJob | UnsetType = UNSET
    commit: LineageCommit | UnsetType = UNSET
    environment: LineageEnvironment | UnsetType = UNSET

    @classmethod
    def of(cls, lineage: Lineage) -> Self:
        """What was put together."""
        return cls(
            version=LineageModelVersion.of(lineage.version),
            datasets=[LineageDataset.of(one) for one in lineage.mounts],
            upstream_models=[LineageUpstreamModel.of(one) for one in lineage.upstream],
            hidden=[LineageHidden(part=part, count=count) for part, count in lineage.hidden.items()],
            missing=[LineageMissing(part=part, reason=reason) for part, reason in lineage.missing.items()],
            run=LineageRun.of(lineage.run) if lineage.run else UNSET,
            job=LineageJob.of(lineage.job) if lineage.job else UNSET,
            commit=LineageCommit.of(lineage.job) if lineage.job else UNSET,
            environment=LineageEnvironment.of(lineage.revision) if lineage.revision else UNSET,
        )
