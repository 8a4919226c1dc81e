"""Who may do what with experiments, and with what belongs to one: runs, logged models, traces, files."""

import msgspec

from modelyard.domains.experiments import queries
from modelyard.domains.experiments.queries import Experiment
from modelyard.domains.experiments.reserved_tags import JOB_ID, USER_ID
from modelyard.domains.jobs import find_job
from modelyard.domains.projects import Project, project_by_id, project_by_name
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import Belonging, Tracker
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden, NotFound

QUICK_START = "quick-start"

# The tracker's id of the experiment that clients log to who name none: each project has its own.
DEFAULT_ID, DEFAULT_NAME = "0", "Default"

READ, WRITE = Right.VIEW_JOBS, Right.EDIT


class ExperimentAccess(msgspec.Struct, frozen=True):
    """An experiment, its project, and who asks."""

    experiment: Experiment
    project: Project
    caller: Caller


class ExperimentRun(msgspec.Struct, frozen=True):
    """A run that the caller may use so: where it belongs."""

    id: str
    experiment_id: str
    job_id: str | None
    is_registered: bool
    project: Project


async def visible_experiment(db: Database, caller: Caller, experiment_id: str, *rights: Right) -> ExperimentAccess:
    """An experiment in whose project the caller has these rights; raises NotFound or Forbidden."""
    missing = NotFound(f"There is no experiment with the id {experiment_id[:100]}, or you may not see it.")
    experiment = await queries.find_experiment(db, experiment_id)
    if experiment is None:
        raise missing
    return ExperimentAccess(experiment, await _project(db, caller, experiment.project_id, rights, missing), caller)


async def visible_run(
    db: Database, tracker: Tracker, caller: Caller, run_id: str, *rights: Right
) -> ExperimentRun:
    """A run in whose project the caller has these rights; raises NotFound or Forbidden."""
    missing = NotFound(f"There is no run with the id {run_id[:100]}, or you may not see it.")
    found = await queries.find_run_of(db, caller, run_id)
    if found is None and await _adopted(db, tracker, run_id):
        found = await queries.find_run_of(db, caller, run_id)
    if found is None or found.project is None:
        raise missing
    project = _demand(msgspec.convert(found.project, Project), rights, missing)
    return ExperimentRun(found.id, found.experiment_id, found.job_id, found.is_registered, project)


async def demand_experiments(db: Database, caller: Caller, experiment_ids: set[str], right: Right) -> None:
    """Raises NotFound unless the caller has this right in the projects of all these experiments."""
    allowed = await queries.visible_experiments(db, caller, experiment_ids, right)
    if missing := sorted(experiment_ids - allowed):
        raise NotFound(f"There is no experiment with the id {missing[0][:100]}, or you may not use it so.")


async def experiment_of(
    db: Database, tracker: Tracker, caller: Caller, kind: Belonging, subject: str, *rights: Right
) -> ExperimentAccess:
    """The experiment of a logged model or trace that the caller may use so; raises NotFound or Forbidden."""
    experiment_id = await tracker.experiment_of(kind, subject)
    try:
        return await visible_experiment(db, caller, experiment_id, *rights)
    except NotFound:
        raise NotFound(f"There is no {kind} with the id {subject[:100]}, or you may not see it.") from None


async def demand_runs(db: Database, tracker: Tracker, caller: Caller, run_ids: list[str], right: Right) -> None:
    """Raises NotFound unless the caller has this right where all these runs belong."""
    known = {run.id: run for run in await queries.find_runs(db, run_ids)}
    for run_id in run_ids:
        if run_id not in known:  # it may be one to note yet
            await visible_run(db, tracker, caller, run_id, right)
    await demand_experiments(db, caller, {run.experiment_id for run in known.values()}, right)


async def demand_new_or_own(db: Database, tracker: Tracker, caller: Caller, trace_id: str) -> None:
    """Raises NotFound or Forbidden for a trace that is there and that the caller may not write to.

    Clients choose the ids of traces, and what comes for one that is there becomes part of it.
    """
    try:
        experiment_id = await tracker.experiment_of(Belonging.TRACE, trace_id)
    except NotFound:
        return
    await visible_experiment(db, caller, experiment_id, WRITE)


async def own_project(db: Database, caller: Caller, named: str | None, *rights: Right) -> Project:
    """The project in which somebody works who names an experiment.

    A job's own; else the named one, by id or as `owner/name`; else the caller's quick-start. Raises NotFound or
    Forbidden.
    """
    if caller.run_id is not None:
        job = await find_job(db, caller.run_id)
        if job is None:
            raise Forbidden("This token is of no job.")
        return await project_by_id(db, caller, job.project_id, *rights)
    if named is None:
        return await project_by_name(db, caller, caller.user_name, QUICK_START, *rights)
    owner, slash, name = named.partition("/")
    if slash:
        return await project_by_name(db, caller, owner, name, *rights)
    return await project_by_id(db, caller, named, *rights)


async def _project(
    db: Database, caller: Caller, project_id: str, rights: tuple[Right, ...], missing: NotFound
) -> Project:
    """The project of something; who may not see into it learns no more than that there is nothing."""
    try:
        project = await project_by_id(db, caller, project_id)
    except NotFound:
        raise missing from None
    return _demand(project, rights, missing)


def _demand(project: Project, rights: tuple[Right, ...], missing: NotFound) -> Project:
    """The project itself; raises what is missing to who may not see into it, and Forbidden for lack of a right."""
    if READ not in project.rights:
        raise missing
    lacking = [right for right in rights if right not in project.rights]
    if lacking:
        raise Forbidden(
            f"This needs the right {', '.join(lacking)} in the project {project.owner_name}/{project.name};"
            " ask its owner for a role that has it."
        )
    return project


async def _adopted(db: Database, tracker: Tracker, run_id: str) -> bool:
    """Notes a run that the tracker has and that was not noted: the server was killed between the two."""
    try:
        run = await tracker.run(run_id)
    except NotFound:
        return False
    experiment = await queries.find_experiment(db, run.experiment_id)
    if experiment is None:
        return False
    job_id = run.tags.get(JOB_ID)
    if job_id is not None and await find_job(db, job_id) is None:
        job_id = None
    creator = run.tags.get(USER_ID, experiment.creator_id)
    await queries.add_run(db, run.id, experiment.id, job_id, creator)
    return True
