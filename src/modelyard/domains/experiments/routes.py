"""Experiments and the beginning of runs, in MLflow's protocol; the rest of it is handed on by `rules`."""

from typing import Any

from litestar import Response

from modelyard.domains.experiments import queries, service
from modelyard.domains.experiments.access import READ, WRITE, ExperimentAccess, own_project
from modelyard.domains.experiments.asked import At, HttpRequest, Place, json_body, one, project_named
from modelyard.domains.experiments.protocol import protocol_operation
from modelyard.domains.experiments.queries import SEARCHABLE
from modelyard.domains.experiments.reserved_tags import PROJECT_TAG
from modelyard.domains.experiments.runs import begin_run
from modelyard.domains.experiments.wire import (
    ExperimentCreated,
    ExperimentReply,
    ExperimentSearch,
    ExperimentsReply,
    NewExperiment,
    NewName,
    Nothing,
    TagField,
    experiment_fields,
)
from modelyard.domains.projects import Project
from modelyard.domains.users import Caller, Right, authenticated
from modelyard.engines.tracker import Tracker
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.paging import next_token, offset_of
from modelyard.kit.search_syntax import condition, ordering
from modelyard.kit.wire import body_as

_V2 = "2.0/mlflow"
_STAGES = {"ACTIVE_ONLY": ["active"], "DELETED_ONLY": ["deleted"], "ALL": ["active", "deleted"]}
_MOST = 50_000


def experiment_guard(at: At, right: Right) -> Guard:
    """The guard of operations on the experiment at a place of the request."""

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> ExperimentAccess:
        named = await one(request, at)
        return await service.experiment_by_id(
            db, tracker, caller, named, project_named(request), write=right is WRITE
        )

    return Guard("access", load, rights=(right,), scope="experiment")


async def _project_of_new(request: HttpRequest, db: Database, caller: Caller) -> Project:
    wanted = body_as(NewExperiment, await request.body())
    named = next((tag.value for tag in wanted.tags or [] if tag.key == PROJECT_TAG), project_named(request))
    return await own_project(db, caller, named, READ, WRITE)


_IN_BODY, _IN_QUERY = At(Place.BODY, "experiment_id"), At(Place.QUERY, "experiment_id")
readable, writable = experiment_guard(_IN_QUERY, READ), experiment_guard(_IN_BODY, WRITE)
_new = Guard("project", _project_of_new, rights=(WRITE,), scope="experiment")


@protocol_operation("POST", f"{_V2}/experiments/create", guard=_new, operation_id="mlflowCreateExperiment")
async def create_experiment(
    project: Project, caller: Caller, db: Database, tracker: Tracker, data: NewExperiment
) -> ExperimentCreated:
    """A new experiment: of a job's own project, of the project that a tag names, or of the quick-start."""
    if data.artifact_location:
        raise BadRequest("Artifacts are kept by the platform; leave artifact_location out.")
    tags = {tag.key: tag.value for tag in data.tags or []}
    made = await service.create_experiment(db, tracker, caller, project, data.name, tags)
    return ExperimentCreated(made.id)


@protocol_operation("GET", f"{_V2}/experiments/get", guard=readable, operation_id="mlflowGetExperiment")
async def get_experiment(access: ExperimentAccess) -> ExperimentReply:
    """An experiment by its id."""
    return ExperimentReply(experiment_fields(access.experiment))


@protocol_operation(
    "GET", f"{_V2}/experiments/get-by-name", guard=authenticated, operation_id="mlflowGetExperimentByName"
)
async def get_experiment_by_name(caller: Caller, request: HttpRequest, db: Database) -> ExperimentReply:
    """An experiment by its name, first of all in the project that the caller works in."""
    name = await one(request, At(Place.QUERY, "experiment_name"))
    found = await service.experiment_by_name(db, caller, name, project_named(request))
    return ExperimentReply(experiment_fields(found))


@protocol_operation(
    "POST", f"{_V2}/experiments/search", guard=authenticated, operation_id="mlflowSearchExperiments"
)
async def search_experiments(
    caller: Caller, request: HttpRequest, db: Database, data: ExperimentSearch
) -> ExperimentsReply:
    """The experiments that the caller may see."""
    return await _search(request, db, caller, data)


@protocol_operation("GET", f"{_V2}/experiments/search", guard=authenticated, operation_id="mlflowListExperiments")
async def list_experiments(caller: Caller, request: HttpRequest, db: Database) -> ExperimentsReply:
    """The experiments that the caller may see, asked for by a query."""
    asked = request.query_params
    wanted = ExperimentSearch(
        max_results=_whole(asked.get("max_results", "1000")),
        page_token=asked.get("page_token"),
        filter=asked.get("filter"),
        order_by=asked.getall("order_by", []),
        view_type=asked.get("view_type"),
    )
    return await _search(request, db, caller, wanted)


@protocol_operation("POST", f"{_V2}/experiments/update", guard=writable, operation_id="mlflowUpdateExperiment")
async def update_experiment(access: ExperimentAccess, db: Database, tracker: Tracker, data: NewName) -> Nothing:
    """Another name for an experiment."""
    await service.rename_experiment(db, tracker, access, data.new_name)
    return Nothing()


@protocol_operation("POST", f"{_V2}/experiments/delete", guard=writable, operation_id="mlflowDeleteExperiment")
async def delete_experiment(access: ExperimentAccess, db: Database, tracker: Tracker) -> Nothing:
    """Marks an experiment and its runs as deleted."""
    await service.set_stage(db, tracker, access, "deleted")
    return Nothing()


@protocol_operation("POST", f"{_V2}/experiments/restore", guard=writable, operation_id="mlflowRestoreExperiment")
async def restore_experiment(access: ExperimentAccess, db: Database, tracker: Tracker) -> Nothing:
    """Brings a deleted experiment and its runs back."""
    await service.set_stage(db, tracker, access, "active")
    return Nothing()


@protocol_operation(
    "POST", f"{_V2}/experiments/set-experiment-tag", guard=writable, operation_id="mlflowSetExperimentTag"
)
async def set_experiment_tag(access: ExperimentAccess, db: Database, tracker: Tracker, data: TagField) -> Nothing:
    """Sets a tag of an experiment."""
    await service.set_tag(db, tracker, access, data.key, data.value)
    return Nothing()


@protocol_operation(
    "POST", f"{_V2}/experiments/delete-experiment-tag", guard=writable, operation_id="mlflowDeleteExperimentTag"
)
async def delete_experiment_tag(
    access: ExperimentAccess, db: Database, tracker: Tracker, data: TagField
) -> Nothing:
    """Removes a tag of an experiment."""
    await service.delete_tag(db, tracker, access, data.key)
    return Nothing()


@protocol_operation("POST", f"{_V2}/runs/create", guard=writable, operation_id="mlflowCreateRun")
async def create_run(
    access: ExperimentAccess, request: HttpRequest, db: Database, tracker: Tracker
) -> Response[Any]:
    """A new run of an experiment, with tags that say where it comes from."""
    return await begin_run(db, tracker, access, await json_body(request))


async def _search(
    request: HttpRequest, db: Database, caller: Caller, wanted: ExperimentSearch
) -> ExperimentsReply:
    if not 0 < wanted.max_results <= _MOST:
        raise BadRequest(f"max_results is 1 to {_MOST:,}.")
    stages = _STAGES.get((wanted.view_type or "ACTIVE_ONLY").upper())
    if stages is None:
        raise BadRequest(f"view_type is one of {', '.join(_STAGES)}.")
    named = project_named(request)
    project = await own_project(db, caller, named, READ) if named is not None else None
    offset = offset_of(wanted.page_token)
    found = await queries.search_experiments(
        db,
        caller,
        project.id if project is not None else None,
        stages,
        condition(wanted.filter, SEARCHABLE, first=7),
        ordering(wanted.order_by, SEARCHABLE, "e.updated_at DESC", "e.id"),
        wanted.max_results + 1,
        offset,
    )
    shown = [experiment_fields(one) for one in found[: wanted.max_results]]
    return ExperimentsReply(shown, next_token(offset, wanted.max_results, len(found)))


def _whole(text: str) -> int:
    if not text.isdigit() or len(text) > 9:
        raise BadRequest("max_results is a whole number.")
    return int(text)
