"""Rules of jobs: what a start needs, how a stop goes, what may be linked."""

import asyncio

import msgspec

from modelyard.domains import datasets, environments, hardware_tiers
from modelyard.domains.environments import BuildState
from modelyard.domains.hardware_tiers import Tier
from modelyard.domains.jobs import lifecycle, queries
from modelyard.domains.jobs.code import MountedRepository, mounted, pinned
from modelyard.domains.jobs.queries import Job, NewJob
from modelyard.domains.projects import Project, ensure_repository, repositories_of
from modelyard.domains.users import Caller
from modelyard.engines.git import GitStore
from modelyard.engines.git_remotes import Reference
from modelyard.kit import events, work
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.ids import new_id

KIND = "jobs.run"


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for when starting a job; everything but the command has a default.

    `reproduces_id` is a job whose data this one finds as that one did; the caller may read it, and it is there.
    """

    command: str
    title: str | None = None
    commit_id: str | None = None
    hardware_tier: str | None = None
    environment_id: str | None = None
    environment_revision: str | None = None
    main_reference: Reference | None = None
    repositories: list[MountedRepository] | None = None
    snapshot_datasets: bool = False
    reproduces_id: str | None = None


async def start(db: Database, git: GitStore, caller: Caller, project: Project, wanted: JobRequest) -> Job:
    """Submits a job; raises BadRequest for a commit, tier, environment or git reference that cannot be used.

    What is not named is the project's own default, else the platform's.
    """
    if not wanted.command.strip():
        raise BadRequest("The command is empty; give the words to run, such as `python train.py`.")
    commit_id, tier, revision, repositories = await asyncio.gather(
        _input_commit(db, git, project, wanted.commit_id),
        hardware_tiers.tier_for(db, wanted.hardware_tier or project.default_hardware_tier_id),
        _environment(db, caller, project, wanted),
        _repositories(db, project, wanted),
    )
    new = NewJob(
        id=new_id(),
        project_id=project.id,
        title=wanted.title,
        command=wanted.command.strip(),
        started_by_id=caller.id,
        launched_by_run_id=caller.run_id,
        hardware_tier_id=tier.id,
        cents_per_minute=tier.cents_per_minute,
        environment_id=revision.environment_id,
        environment_revision_id=revision.revision_id,
        awaits_build=True,
        input_commit_id=commit_id,
        snapshot_datasets=wanted.snapshot_datasets,
        repositories=repositories,
        reproduces_id=wanted.reproduces_id,
    )
    async with db.transaction() as tx:
        return await _submit(tx, caller, new, tier)


async def _submit(tx: Transaction, caller: Caller, new: NewJob, tier: Tier) -> Job:
    """Queues a job, behind the build of its environment where that is not there yet."""
    build = await environments.ensure_building(tx, new.environment_revision_id)
    awaits_build = build is not BuildState.SUCCEEDED
    number = await queries.add_job(tx, msgspec.structs.replace(new, awaits_build=awaits_build))
    if not awaits_build:
        await hardware_tiers.queue_execution(tx, new.id, "job", tier, caller.id)
    await work.enqueue(tx, KIND, new.id)
    details: dict[str, object] = {"reproduces": new.reproduces_id} if new.reproduces_id else {}
    await events.record(
        tx, caller, "job.started", "job", new.id, project_id=new.project_id, number=number, **details
    )  # fmt: skip
    job = await queries.find_job(tx, new.id)
    assert job is not None  # noqa: S101
    return job


async def _input_commit(db: Database, git: GitStore, project: Project, commit_id: str | None) -> str:
    await ensure_repository(db, git, project)
    if commit_id:
        commit = await asyncio.to_thread(git.find_commit, project.id, commit_id)
        if commit is None:
            raise BadRequest(f"There is no commit {commit_id} in this project.")
        return commit.id
    return await asyncio.to_thread(git.head, project.id)


async def _environment(
    db: Database, caller: Caller, project: Project, wanted: JobRequest
) -> environments.RevisionChoice:
    chosen, spec = wanted.environment_id, wanted.environment_revision
    if chosen is None and project.default_environment_id is not None:
        chosen, spec = project.default_environment_id, spec or project.default_environment_revision_spec
    return await environments.environment_for_job(db, caller, chosen, spec, restricted=project.is_restricted)


async def _repositories(db: Database, project: Project, wanted: JobRequest) -> list[MountedRepository]:
    if wanted.repositories is not None:
        return wanted.repositories
    return mounted(await repositories_of(db, project.id), wanted.main_reference)


async def restart(
    db: Database, git: GitStore, caller: Caller, project: Project, job: Job, *, original_commit: bool
) -> Job:
    """Submits a job once more: with the very files, code and revision it had, or with the newest of each."""
    wanted = _again(job)
    if not original_commit:
        wanted = msgspec.structs.replace(wanted, commit_id=None, environment_revision=None, repositories=None)
    return await start(db, git, caller, project, wanted)


async def reproduce(
    db: Database, git: GitStore, storage: datasets.Storage, caller: Caller, project: Project, job: Job, title: str
) -> Job:
    """Submits a job that does another one again, with all that it stood on: files, code, revision, tier, data.

    Of a job that is a reproduction itself its original is done again. Raises BadRequest for what is not there
    any more or was not recorded, and Forbidden for datasets that the caller may not read.
    """
    if not job.is_completed:
        raise BadRequest(f"Job #{job.number} has not ended yet; reproduce it when it has.")
    unknown = [one.name for one in job.code if one.commit_id is None]
    if unknown:
        raise BadRequest(f"It is not known at which commit job #{job.number} saw {', '.join(unknown)}.")
    original_id = job.reproduces_id or job.id
    await datasets.check_data_of(db, storage, caller.id, original_id)
    again = msgspec.structs.replace(_again(job), title=title, reproduces_id=original_id)
    return await start(db, git, caller, project, again)


def _again(job: Job) -> JobRequest:
    """The job once more, with the very files, code and revision that it had."""
    return JobRequest(
        command=job.command,
        title=job.title,
        commit_id=job.input_commit_id,
        hardware_tier=job.hardware_tier_id,
        environment_id=job.environment_id,
        environment_revision=f"SomeRevision({job.environment_revision_id})",
        repositories=pinned(job.code),
        snapshot_datasets=job.snapshot_datasets,
    )


async def stop(tx: Transaction, caller: Caller, job: Job, *, keep_results: bool) -> None:
    """Stops a job: at once while nobody runs it, else through its runner. Ending twice is harmless."""
    if job.is_completed:
        return
    if await kit_queries.cancel_work(tx, KIND, job.id):
        await lifecycle.move(tx, job.id, lifecycle.STOPPED)
        await hardware_tiers.release_execution(tx, job.id)
        await queries.end_waiting(tx, [job.id])
    else:
        how, status = ("commit", "StopRequested") if keep_results else ("discard", "StopAndDiscardRequested")
        await queries.request_stop(tx, job.id, how)
        await lifecycle.move(tx, job.id, status)
        await kit_queries.notify(tx, KIND)
    await events.record(
        tx, caller, "job.stopped", "job", job.id, project_id=job.project_id, keepResults=keep_results
    )


async def set_archived(tx: Transaction, caller: Caller, job: Job, archived: bool) -> None:
    """Hides a finished job from lists, or shows it again; raises BadRequest while it runs."""
    if not job.is_completed:
        raise BadRequest("Only finished jobs can be archived; stop this one first.")
    await queries.set_archived(tx, job.id, archived)
    action = "job.archived" if archived else "job.unarchived"
    await events.record(tx, caller, action, "job", job.id, project_id=job.project_id)
