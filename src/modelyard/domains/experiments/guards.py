"""The guards of what is handed on to the tracker: each finds the experiments that a request is about."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from modelyard.domains.experiments.access import (
    DEFAULT_ID,
    READ,
    WRITE,
    demand_experiments,
    demand_new_or_own,
    demand_runs,
    experiment_of,
    visible_run,
)
from modelyard.domains.experiments.asked import At, HttpRequest, Place, json_body, many, one, project_named
from modelyard.domains.experiments.forwarding import Changed
from modelyard.domains.experiments.queries import visible_experiments
from modelyard.domains.experiments.reserved_tags import refuse_reserved
from modelyard.domains.experiments.service import experiment_by_id
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import Belonging, Tracker
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest, NotFound


class Allowed(msgspec.Struct, frozen=True):
    """A request that may be handed on, and as what."""

    changed: Changed = Changed()
    # A run that versions of models were made from and that is written to.
    registered_run: str | None = None


# Where a body that is logged to a run names logged models.
_LOGGED_MODELS = tuple(At(Place.BODY, name) for name in ("model_id", "metrics.model_id", "models.model_id"))
_MOST = 1000

Load = Callable[[HttpRequest, Database, Tracker, Caller], Awaitable[Allowed]]


def _guard(load: Load, *rights: Right, scope: str = "experiment") -> Guard:
    async def loaded(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        return await load(request, db, tracker, caller)

    return Guard("allowed", loaded, rights=rights, scope=scope)


def anybody() -> Guard:
    """For everybody with an account: what is asked for belongs to nobody."""

    async def load(_: HttpRequest, __: Database, ___: Tracker, ____: Caller) -> Allowed:
        return Allowed()

    return _guard(load, scope="any account")


def run_at(at: At, right: Right, models: Right = WRITE) -> Guard:
    """For those with this right where the run at a place belongs; tags that it sets are not the platform's.

    What is logged to a run may name logged models, too, for which the right `models` is needed.
    """

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        run = await visible_run(db, tracker, caller, await one(request, at), right)
        if right is not WRITE:
            return Allowed()
        if at.place is Place.BODY:
            _check_tags(await json_body(request))
            for place in _LOGGED_MODELS:
                for model_id in await many(request, place):
                    await experiment_of(db, tracker, caller, Belonging.LOGGED_MODEL, model_id, models)
        return Allowed(registered_run=run.id if run.is_registered else None)

    return _guard(load, right)


def runs_at(at: At) -> Guard:
    """For those who may see all the runs at a place."""

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        run_ids = await many(request, at)
        if not 0 < len(run_ids) <= _MOST:
            raise BadRequest(f"Name 1 to {_MOST:,} runs, in {at.name}.")
        await demand_runs(db, tracker, caller, run_ids, READ)
        return Allowed()

    return _guard(load, READ)


def experiment_at(at: At, right: Right) -> Guard:
    """For those with this right where the experiment at a place is; `0` is the default of the caller's project."""

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        named = await one(request, at)
        write = right is WRITE
        access = await experiment_by_id(db, tracker, caller, named, project_named(request), write=write)
        if write and at.place is Place.BODY:
            _check_tags(await json_body(request))
        if named != DEFAULT_ID:
            return Allowed()
        if at.place is Place.QUERY:
            kept = [(key, value) for key, value in _query(request) if key != at.name]
            return Allowed(Changed(query=[*kept, (at.name, access.experiment.id)]))
        if at.place is Place.BODY and "." not in at.name:
            body = await json_body(request)
            return Allowed(Changed(body=body | {at.name: access.experiment.id}))
        raise BadRequest("Name an experiment by its own id here; 0 is only the default of a project.")

    return _guard(load, right)


def new_trace_in(at: At, trace: At) -> Guard:
    """For those who may write to the experiment at a place and to the trace at another, if it is there."""

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        named = await one(request, at)
        await experiment_by_id(db, tracker, caller, named, project_named(request), write=True)
        for trace_id in await many(request, trace):
            await demand_new_or_own(db, tracker, caller, trace_id)
        return Allowed()

    return _guard(load, WRITE)


def experiments_at(at: At, *, required: bool = False) -> Guard:
    """For everybody: of the experiments at a place those are asked for that the caller may see.

    `required` refuses the request when one of them may not be seen, where an empty list would mean all.
    """

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        named = await many(request, at)
        if DEFAULT_ID in named:
            named = [one for one in named if one != DEFAULT_ID] + await _default(request, db, tracker, caller)
        seen = await visible_experiments(db, caller, named, READ)
        kept = [one for one in named if one in seen]
        if required and (len(kept) != len(named) or not kept):
            raise NotFound("There is no such experiment, or you may not see it; name at least one.")
        return Allowed(await _replaced(request, at, kept))

    return _guard(load, READ)


def belonging_at(kind: Belonging, at: At, right: Right) -> Guard:
    """For those with this right where the logged model or trace at a place belongs."""

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        await experiment_of(db, tracker, caller, kind, await one(request, at), right)
        if right is WRITE and request.method != "DELETE":
            _check_tags(await json_body(request))
        return Allowed()

    return _guard(load, right)


def all_belonging_at(kind: Belonging, at: At, right: Right, run: At | None = None) -> Guard:
    """For those with this right where each of the logged models or traces at a place belongs, and the run."""

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        subjects = await many(request, at)
        if not 0 < len(subjects) <= _MOST:
            raise BadRequest(f"Name 1 to {_MOST:,} of them, in {at.name}.")
        for subject in subjects:
            await experiment_of(db, tracker, caller, kind, subject, right)
        if run is not None:
            await visible_run(db, tracker, caller, await one(request, run), right)
        return Allowed()

    return _guard(load, right)


def evaluation_data_at(at: At, right: Right, also: At | None = None, *, names_all: bool = False) -> Guard:
    """For those with this right in all experiments of an evaluation dataset; reading needs one of them.

    `also` is where other experiments are named, in which the right is needed as well. With `names_all` the reply
    names all its experiments, so all of them must be seen.
    """

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        dataset_id = await one(request, at)
        missing = NotFound(
            f"There is no evaluation dataset with the id {dataset_id[:100]}, or you may not see it."
        )
        if not dataset_id.replace("-", "").isalnum():
            raise missing
        reply = await tracker.call("GET", f"/api/3.0/mlflow/datasets/{dataset_id}/experiment-ids")
        ids = {str(one) for one in reply.get("experiment_ids", [])}
        if not await visible_experiments(db, caller, ids, READ):
            raise missing
        if right is not READ or names_all:
            await demand_experiments(db, caller, ids, right)
        if also is not None:
            await demand_experiments(db, caller, set(await many(request, also)), right)
        return Allowed()

    return _guard(load, right)


def new_in(at: At) -> Guard:
    """For those who may write to all the experiments at a place; at least one."""

    async def load(request: HttpRequest, db: Database, _: Tracker, caller: Caller) -> Allowed:
        named = set(await many(request, at))
        if not named:
            raise BadRequest(f"Name at least one experiment, in {at.name}.")
        await demand_experiments(db, caller, named, WRITE)
        return Allowed()

    return _guard(load, WRITE)


def artifact_at(at: At, right: Right) -> Guard:
    """For those with this right where a file of the artifact store belongs: its path says in which experiment."""

    async def load(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> Allowed:
        experiment_id = artifact_experiment(await one(request, at))
        await experiment_by_id(db, tracker, caller, experiment_id, None, write=right is WRITE)
        return Allowed()

    return _guard(load, right)


def artifact_experiment(path: str) -> str:
    """The experiment that a path in the artifact store belongs to; raises NotFound for what is below none."""
    parts = path.strip("/").split("/")
    if len(parts) < 2 or parts[0] == DEFAULT_ID or any(part in {"", ".", ".."} for part in parts):
        raise NotFound("There is no such artifact, or you may not see it.")
    return parts[0]


async def _default(request: HttpRequest, db: Database, tracker: Tracker, caller: Caller) -> list[str]:
    try:
        access = await experiment_by_id(db, tracker, caller, DEFAULT_ID, project_named(request), write=False)
    except NotFound:
        return []
    return [access.experiment.id]


async def _replaced(request: HttpRequest, at: At, kept: list[str]) -> Changed:
    """The request with these experiments in the place of those it names."""
    if at.place is Place.QUERY:
        others = [(key, value) for key, value in _query(request) if key != at.name]
        return Changed(query=[*others, *((at.name, one) for one in kept)])
    body: dict[str, Any] = dict(await json_body(request))
    if at.name == TRACE_LOCATIONS.name:
        body["locations"] = [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": one}} for one in kept
        ]
    else:
        body[at.name] = kept
    return Changed(body=body)


TRACE_LOCATIONS = At(Place.BODY, "locations.mlflow_experiment.experiment_id")


def _query(request: HttpRequest) -> list[tuple[str, str]]:
    return parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _check_tags(body: dict[str, Any]) -> None:
    """Raises BadRequest when a body sets or removes a tag that only the platform sets."""
    keys: list[Any] = [body.get("key")]
    tags = body.get("tags")
    if isinstance(tags, dict):
        keys += tags
    elif isinstance(tags, list):
        keys += [one.get("key") for one in tags if isinstance(one, dict)]
    refuse_reserved(key for key in keys if isinstance(key, str))
