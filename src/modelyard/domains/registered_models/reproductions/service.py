"""How a version of a model is made again, and what that tells about it."""

import asyncio
from collections.abc import Sequence
from itertools import zip_longest
from typing import TypeVar

import msgspec

from modelyard.domains.datasets import Storage
from modelyard.domains.experiments import runs_of_job
from modelyard.domains.jobs import Job, changed_files, files_at, find_job, reproduce
from modelyard.domains.projects import project_by_id
from modelyard.domains.registered_models.reproductions.artifacts import ArtifactReader
from modelyard.domains.registered_models.reproductions.comparing import (
    Kind,
    Output,
    Verdict,
    files_compared,
    runs_compared,
    verdict,
)
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.registered_models.versions.run_models import RunModel, logged_models
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.engines.tracker import TrackedRun, Tracker
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest, NotFound

T = TypeVar("T")

# So many runs of a job are compared.
MOST_RUNS = 100


class Reproduction(msgspec.Struct, frozen=True, kw_only=True):
    """A job that does again what made a version, and once it is over, what came out of both."""

    version: ModelVersion
    original: Job
    job: Job
    outputs: list[Output] | None = None

    @property
    def is_identical(self) -> bool:
        """Whether all outputs are the same."""
        return bool(self.outputs) and all(one.verdict is Verdict.IDENTICAL for one in self.outputs or [])


async def start(
    db: Database, git: GitStore, storage: Storage, caller: Caller, version: ModelVersion
) -> Reproduction:
    """Starts a job with all that the job stood on which made a version.

    Raises BadRequest for what cannot be reproduced, and Forbidden and NotFound where the caller may not do it.
    """
    original = await _job_of(db, version)
    project = await project_by_id(db, caller, original.project_id, Right.VIEW_JOBS, Right.START_JOB)
    title = f"Reproduces {version.model.name}/{version.version}"
    job = await reproduce(db, git, storage, caller, project, original, title)
    return Reproduction(version=version, original=original, job=job)


async def result(
    db: Database, git: GitStore, tracker: Tracker, caller: Caller, version: ModelVersion, job_id: str
) -> Reproduction:
    """A reproduction of a version, with its outputs compared when it is over; raises NotFound and Forbidden."""
    original, job = await _job_of(db, version), await find_job(db, job_id)
    if job is None or job.reproduces_id is None or job.reproduces_id != original.id:
        raise NotFound(f"No job with the id {job_id[:100]} reproduces this version.")
    await project_by_id(db, caller, job.project_id, Right.VIEW_JOBS, Right.VIEW_FILES)
    outputs = await _outputs(db, git, tracker, original, job) if job.is_completed else None
    return Reproduction(version=version, original=original, job=job, outputs=outputs)


async def _job_of(db: Database, version: ModelVersion) -> Job:
    """The job that made a version first; raises BadRequest for a version that no job has made."""
    job = await find_job(db, version.job_id) if version.job_id else None
    if job is not None and job.reproduces_id is not None:
        job = await find_job(db, job.reproduces_id)
    if job is None:
        made = "from a run that was logged outside a job" if version.run_id else "without a run"
        raise BadRequest(
            f"Version {version.version} of {version.model.name} was made {made}: nothing says which code,"
            " environment and data it had, so it cannot be reproduced."
        )
    return job


async def _outputs(db: Database, git: GitStore, tracker: Tracker, original: Job, job: Job) -> list[Output]:
    status = Output(
        kind=Kind.STATUS, name="job", verdict=verdict(original.status, job.status),
        original=original.status, reproduction=job.status,
    )  # fmt: skip
    files = await asyncio.to_thread(_files, git, original, job)
    runs = [await _runs(db, tracker, one.id) for one in (original, job)]
    return [status, *files, *await _runs_compared(tracker, *runs)]


def _files(git: GitStore, original: Job, job: Job) -> list[Output]:
    project_id = original.project_id
    before = files_at(git, project_id, original.input_commit_id)
    kept = files_at(git, project_id, original.output_commit_id) if original.output_commit_id else {}
    return files_compared(changed_files(git, original), changed_files(git, job), before, kept)


async def _runs(db: Database, tracker: Tracker, job_id: str) -> list[TrackedRun]:
    """The runs that a job has logged and that are there still, the first one first."""
    ids = await runs_of_job(db, job_id)
    found = await asyncio.gather(*(tracker.run(one) for one in ids[:MOST_RUNS]), return_exceptions=True)
    return _there(found)


async def _runs_compared(
    tracker: Tracker, original: Sequence[TrackedRun], reproduction: Sequence[TrackedRun]
) -> list[Output]:
    """The runs of two jobs, each with the one that was logged in its place, and all that they have."""
    reader, outputs = ArtifactReader(tracker), list[Output]()
    for number, (one, other) in enumerate(zip_longest(original, reproduction), start=1):
        name = f"run {number}"
        if one is None or other is None:
            outputs.append(_alone(Kind.RUN, name, None, one.id if one else None, other.id if other else None))
            continue
        outputs += runs_compared(name, one, other)
        outputs += await reader.compared(name, one.artifact_uri, other.artifact_uri)
        outputs += await _models_compared(tracker, reader, name, one, other)
    return outputs


async def _models_compared(
    tracker: Tracker, reader: ArtifactReader, run: str, original: TrackedRun, reproduction: TrackedRun
) -> list[Output]:
    """The models that two runs have logged, each with the one of the same name in its place."""
    one, other = _named(await logged_models(tracker, original)), _named(await logged_models(tracker, reproduction))
    outputs: list[Output] = []
    for name in [*one, *(new for new in other if new not in one)]:
        mine, theirs = one.get(name), other.get(name)
        if mine is None or theirs is None:
            outputs.append(_alone(Kind.MODEL, name, run, _id(mine), _id(theirs)))
        else:
            outputs += await reader.compared(f"{run}, model {name}", mine.location, theirs.location)
    return outputs


def _named(models: list[RunModel]) -> dict[str, RunModel]:
    """Models by their names, the oldest first; a name that comes again has its number there."""
    named: dict[str, RunModel] = {}
    for model in reversed(models):
        same = sum(1 for one in named.values() if one.name == model.name)
        named[f"{model.name} ({same + 1})" if same else model.name] = model
    return named


def _id(model: RunModel | None) -> str | None:
    return model.logged_model_id if model else None


def _there(found: Sequence[T | BaseException]) -> list[T]:
    """What was found; raises whatever else went wrong."""
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, NotFound):
            raise one
    return [one for one in found if not isinstance(one, BaseException)]


def _alone(kind: Kind, name: str, of: str | None, original: str | None, reproduction: str | None) -> Output:
    """What only one of the two jobs has."""
    which = Verdict.NEW if original is None else Verdict.MISSING
    return Output(kind=kind, name=name, verdict=which, of=of, original=original, reproduction=reproduction)
