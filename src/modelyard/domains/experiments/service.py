"""Rules of experiments: their names within a project, and the tracker's side of them."""

from modelyard.domains.experiments import queries
from modelyard.domains.experiments.access import (
    DEFAULT_ID,
    DEFAULT_NAME,
    READ,
    WRITE,
    ExperimentAccess,
    own_project,
    visible_experiment,
)
from modelyard.domains.experiments.protocol import RESOURCE_ALREADY_EXISTS, AlreadyExists
from modelyard.domains.experiments.queries import Experiment
from modelyard.domains.experiments.reserved_tags import PROJECT_TAG, origin_tags, refuse_reserved
from modelyard.domains.projects import Project
from modelyard.domains.users import Caller
from modelyard.engines.tracker import Tracker, TrackerRefused
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, Forbidden, NotFound

_API = "/api/2.0/mlflow/experiments"


async def create_experiment(
    db: Database, tracker: Tracker, caller: Caller, project: Project, name: str, tags: dict[str, str]
) -> Experiment:
    """A new experiment of a project; raises AlreadyExists, and BadRequest for its name and its tags."""
    _check_name(name)
    refuse_reserved(key for key in tags if key != PROJECT_TAG)
    if await queries.find_experiment_named(db, project.id, name) is not None:
        raise _taken(project, name)
    own = {key: value for key, value in tags.items() if key != PROJECT_TAG}
    own |= origin_tags(project, caller.id, caller.user_name)
    experiment_id = await _made(tracker, tracker_name(project.id, name), own)
    async with db.transaction() as tx:
        added = await queries.add_experiment(
            tx,
            experiment_id=experiment_id,
            project_id=project.id,
            name=name,
            artifact_location=f"mlflow-artifacts:/{experiment_id}",
            tags=own,
            creator_id=caller.id,
        )
        if not added:
            raise _taken(project, name)
        await events.record(
            tx, caller, "experiment.created", "experiment", experiment_id, project_id=project.id, name=name
        )
        found = await queries.find_experiment(tx, experiment_id)
    assert found is not None  # noqa: S101 - it was just added
    return found


async def _made(tracker: Tracker, name: str, tags: dict[str, str]) -> str:
    """The tracker's id of a new experiment; of one that an earlier try has left there, when it has that name."""
    body = {"name": name, "tags": [{"key": key, "value": value} for key, value in tags.items()]}
    try:
        reply = await tracker.call("POST", f"{_API}/create", body=body)
    except TrackerRefused as error:
        if error.error_code != RESOURCE_ALREADY_EXISTS:
            raise
        found = await tracker.call("GET", f"{_API}/get-by-name", query={"experiment_name": name})
        return str(found["experiment"]["experiment_id"])
    return str(reply["experiment_id"])


async def default_experiment(db: Database, tracker: Tracker, caller: Caller, project: Project) -> Experiment:
    """The experiment of a project that clients log to who name none; made when it is missing."""
    found = await queries.find_experiment_named(db, project.id, DEFAULT_NAME)
    if found is not None:
        return found
    if WRITE not in project.rights:
        raise NotFound(f"The project {project.owner_name}/{project.name} has no default experiment yet.")
    try:
        return await create_experiment(db, tracker, caller, project, DEFAULT_NAME, {})
    except AlreadyExists:
        return await default_experiment(db, tracker, caller, project)


async def experiment_by_id(
    db: Database, tracker: Tracker, caller: Caller, experiment_id: str, named: str | None, *, write: bool
) -> ExperimentAccess:
    """The experiment that a client means by an id: `0` is the default one of the project it works in.

    What a job logs belongs to its own project. Raises NotFound or Forbidden.
    """
    rights = (READ, WRITE) if write else (READ,)
    if experiment_id == DEFAULT_ID:
        project = await own_project(db, caller, named, *rights)
        return ExperimentAccess(await default_experiment(db, tracker, caller, project), project, caller)
    access = await visible_experiment(db, caller, experiment_id, *rights)
    if write and caller.run_id is not None:
        project = await own_project(db, caller, None)
        if project.id != access.project.id:
            raise Forbidden(f"A job logs to experiments of its own project, {project.owner_name}/{project.name}.")
    return access


async def experiment_by_name(db: Database, caller: Caller, name: str, named: str | None) -> Experiment:
    """The experiment that a client means by a name; raises NotFound.

    The one of the project that it works in, else of another one that the caller may see.
    """
    missing = NotFound(f"There is no experiment {name[:200]!r}, or you may not see it.")
    try:
        project = await own_project(db, caller, named, READ)
    except (NotFound, Forbidden):
        if caller.run_id is not None or named is not None:
            raise missing from None
    else:
        found = await queries.find_experiment_named(db, project.id, name)
        if found is not None:
            return found
        if caller.run_id is not None or named is not None:
            raise missing
    # The default one of another project is nobody's but that project's.
    elsewhere = None if name == DEFAULT_NAME else await queries.visible_experiment_named(db, caller, name)
    if elsewhere is None:
        raise missing
    return elsewhere


async def rename_experiment(db: Database, tracker: Tracker, access: ExperimentAccess, name: str) -> None:
    """Gives an experiment another name; raises AlreadyExists and BadRequest."""
    _check_name(name)
    experiment = access.experiment
    taken = await queries.find_experiment_named(db, access.project.id, name)
    if taken is not None and taken.id != experiment.id:
        raise _taken(access.project, name)
    body = {"experiment_id": experiment.id, "new_name": tracker_name(access.project.id, name)}
    await tracker.call("POST", f"{_API}/update", body=body)
    async with db.transaction() as tx:
        await queries.rename_experiment(tx, experiment.id, name)
        await _record(tx, access, "renamed", name=name, before={"name": experiment.name})


async def set_stage(db: Database, tracker: Tracker, access: ExperimentAccess, stage: str) -> None:
    """Deletes an experiment, or restores it, with its runs."""
    experiment = access.experiment
    verb, action = ("delete", "deleted") if stage == "deleted" else ("restore", "restored")
    if experiment.lifecycle_stage != stage:
        try:
            await tracker.call("POST", f"{_API}/{verb}", body={"experiment_id": experiment.id})
        except TrackerRefused as error:
            # So it is already, of an earlier try that was cut off here.
            if error.status not in {400, 404}:
                raise
    async with db.transaction() as tx:
        await queries.set_stage(tx, experiment.id, stage)
        await _record(tx, access, action)


async def set_tag(db: Database, tracker: Tracker, access: ExperimentAccess, key: str, value: str) -> None:
    """Sets a tag of an experiment; raises BadRequest and TrackerRefused for what may be none."""
    refuse_reserved([key])
    body = {"experiment_id": access.experiment.id, "key": key, "value": value}
    await tracker.call("POST", f"{_API}/set-experiment-tag", body=body)
    async with db.transaction() as tx:
        await queries.set_tag(tx, access.experiment.id, key, value)
        await _record(tx, access, "tagSet", key=key, value=value)


async def delete_tag(db: Database, tracker: Tracker, access: ExperimentAccess, key: str) -> None:
    """Removes a tag of an experiment; raises NotFound, and BadRequest for those of the platform."""
    refuse_reserved([key])
    if key not in access.experiment.tags:
        raise NotFound(f"The experiment has no tag {key[:250]}.")
    try:
        body = {"experiment_id": access.experiment.id, "key": key}
        await tracker.call("POST", f"{_API}/delete-experiment-tag", body=body)
    except TrackerRefused as error:
        if error.status != 404:  # gone already, by an earlier try that was cut off here
            raise
    async with db.transaction() as tx:
        await queries.delete_tag(tx, access.experiment.id, key)
        await _record(tx, access, "tagDeleted", key=key)


async def _record(tx: Transaction, access: ExperimentAccess, what: str, **details: object) -> None:
    experiment = access.experiment
    await events.record(
        tx,
        access.caller,
        f"experiment.{what}",
        "experiment",
        experiment.id,
        project_id=access.project.id,
        **details,
    )


def tracker_name(project_id: str, name: str) -> str:
    """What the tracker calls an experiment: its names are unique in all, ours in a project."""
    return f"{project_id}/{name}"


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > 450 or "\0" in name:
        raise BadRequest("The name of an experiment has 1 to 450 characters, and not only blanks.")


def _taken(project: Project, name: str) -> AlreadyExists:
    return AlreadyExists(
        f"The project {project.owner_name}/{project.name} has an experiment {name!r} already; choose another name,"
        " or restore it when it was deleted."
    )
