"""Runs: first made as shells, so that links between them lead somewhere; then filled; marked as complete last."""

from collections.abc import AsyncIterator
from typing import Any

from modelyard.cli.mlflow_import.artifacts import Files, copy_files
from modelyard.cli.mlflow_import.metrics import Batch, copy_history
from modelyard.cli.mlflow_import.queries import Thing
from modelyard.cli.mlflow_import.rest import API, Json
from modelyard.cli.mlflow_import.transfer import (
    COMPLETE,
    DIGEST,
    SOURCE,
    STARTED,
    STATE,
    Transfer,
    foreign,
    pairs,
    tags_of,
)

SEARCH = f"{API}/runs/search"
# A run in a list has all its parameters, tags and last metrics with it.
PAGE = 200
PARENT, LOGGED = "mlflow.parentRunId", "mlflow.log-model.history"
NAME, AUTHOR = "mlflow.runName", "mlflow.user"


async def find_runs(transfer: Transfer, experiment: Thing) -> None:
    """Notes which runs of an experiment are in the target, and makes those that are not, still empty."""
    if experiment.target:
        await _note_made(transfer, experiment)

    async def look(run: Json) -> None:
        await transfer.attempt("run", run["info"]["run_id"], _find(transfer, experiment, run))

    await transfer.each(_listed(transfer, experiment), look)


async def fill_runs(transfer: Transfer) -> None:
    """Gives all runs that are not complete what they lack."""
    with transfer.report.stage("Runs", transfer.ledger.count_wanting("run")) as stage:

        async def fill(run: Thing) -> None:
            name = f"{run.source} of experiment {_home(transfer, run)}"
            await transfer.attempt("run", name, _fill(transfer, run))
            stage.step(run.source)

        await transfer.each(transfer.ledger.wanting("run"), fill)


async def delete_runs(transfer: Transfer, experiment: Thing) -> None:
    """Deletes the counterparts of runs that are deleted in the source."""
    body: Json = {"experiment_ids": [experiment.source], "max_results": PAGE, "run_view_type": "DELETED_ONLY"}
    gone: Json = {"experiment_ids": [experiment.target], "max_results": PAGE, "run_view_type": "DELETED_ONLY"}
    there = {run["info"]["run_id"] async for run in transfer.target.entries(SEARCH, "runs", body=gone)}
    async for run in transfer.source.entries(SEARCH, "runs", body=body):
        thing = transfer.ledger.find("run", run["info"]["run_id"])
        if thing and thing.target not in there:
            await transfer.attempt("deletion of run", thing.source, _move(transfer, thing, "delete", "deleted"))


async def _listed(transfer: Transfer, experiment: Thing) -> AsyncIterator[Json]:
    view = "ALL" if transfer.choice.deleted else "ACTIVE_ONLY"
    body: Json = {
        "experiment_ids": [experiment.source],
        "max_results": PAGE,
        "run_view_type": view,
        "order_by": ["attributes.start_time ASC"],
    }
    async for run in transfer.source.entries(SEARCH, "runs", body=body):
        yield run


async def _note_made(transfer: Transfer, experiment: Thing) -> None:
    """Notes the runs of the target that came from this experiment."""
    mark = transfer.link("experiments", experiment.source, "runs")
    body: Json = {
        "experiment_ids": [experiment.target],
        "max_results": PAGE,
        "run_view_type": "ALL",
        "filter": f"tags.\"{SOURCE}\" LIKE '{mark}/%'",
    }
    async for page in transfer.target.pages(SEARCH, "runs", body=body):
        transfer.ledger.note("run", filter(None, (_made(transfer, experiment, run) for run in page)))


def _made(transfer: Transfer, experiment: Thing, run: Json) -> Thing | None:
    tags = tags_of(run["data"])
    source = transfer.linked(tags.get(SOURCE, ""), "experiments", experiment.source, "runs")
    if source is None:
        return None
    return Thing(
        source=source,
        home=experiment.source,
        target=run["info"]["run_id"],
        place=run["info"]["artifact_uri"],
        digest=tags.get(DIGEST, "") if tags.get(STATE) == COMPLETE else "",
    )


async def _find(transfer: Transfer, experiment: Thing, run: Json) -> None:
    """Decides what is to be done with a run, and makes it when it is not there."""
    source, digest = run["info"]["run_id"], _digest(transfer, run)
    thing = transfer.ledger.find("run", source)
    if thing and transfer.is_done(thing.digest, digest):
        transfer.report.there("run")
        return
    if transfer.choice.dry:
        transfer.report.made("run")
        transfer.ledger.note("run", [Thing(source=source, home=experiment.source, target="")])
        return
    if thing is None:
        made = await _make(transfer, experiment, run)
        place = made["info"]["artifact_uri"]
        thing = Thing(
            source=source, home=experiment.source, target=made["info"]["run_id"], place=place, is_new=True
        )
        transfer.ledger.note("run", [thing])
    transfer.ledger.want("run", source, digest)


async def _make(transfer: Transfer, experiment: Thing, run: Json) -> Json:
    """Makes an empty run."""
    info = run["info"]
    mark = transfer.link("experiments", experiment.source, "runs", info["run_id"])
    body: Json = {
        "experiment_id": experiment.target,
        "start_time": info.get("start_time", 0),
        "tags": pairs({SOURCE: mark, STATE: STARTED}),
        "run_name": _name(run),
        "user_id": info.get("user_id", ""),
    }

    async def find() -> Json | None:
        query = {"experiment_ids": [experiment.target], "filter": f"tags.\"{SOURCE}\" = '{mark}'"}
        there = (await transfer.target.post(SEARCH, query | {"max_results": 1})).get("runs")
        return {"run": there[0]} if there else None

    made: Json = (await transfer.target.post(f"{API}/runs/create", body, find=find))["run"]
    return made


def _name(run: Json) -> str:
    return run["info"].get("run_name") or tags_of(run["data"]).get(NAME, "")


def _digest(transfer: Transfer, run: Json) -> str:
    """Over what a list of runs says of one."""
    info, data = run["info"], run["data"]
    inputs, outputs = run.get("inputs", {}), run.get("outputs", {})
    return transfer.digest(
        [info.get(field) for field in ("status", "start_time", "end_time", "lifecycle_stage")],
        _name(run),
        sorted(foreign(tags_of(data)).items()),
        _sorted(data.get("params"), "key", "value"),
        _sorted(data.get("metrics"), "key", "value", "timestamp", "step"),
        sorted(_about(used) for used in inputs.get("dataset_inputs", ())),
        _sorted(outputs.get("model_outputs"), "model_id", "step"),
    )


def _about(used: Json) -> list[Any]:
    return [used["dataset"]["name"], used["dataset"]["digest"], sorted(tags_of(used).items())]


def _sorted(entries: list[Json] | None, *fields: str) -> list[list[Any]]:
    return sorted([entry.get(field) for field in fields] for entry in entries or ())


def _home(transfer: Transfer, run: Thing) -> str:
    experiment = transfer.ledger.find("experiment", run.home)
    return experiment.home if experiment else run.home


async def _fill(transfer: Transfer, thing: Thing) -> None:
    run = (await transfer.source.get(f"{API}/runs/get", run_id=thing.source))["run"]
    data, info = run["data"], run["info"]
    await _restore(transfer, thing)
    batch = Batch(transfer.target, thing.target)
    for param in data.get("params", ()):
        await batch.add("params", {"key": param["key"], "value": param.get("value", "")})
    for tag in pairs(_mapped_tags(transfer, thing, run)):
        await batch.add("tags", tag)
    for metric in data.get("metrics", ()):
        transfer.report.made("metric value", await copy_history(transfer, thing, metric["key"], batch))
    await batch.flush()
    await _link(transfer, thing, run)
    if transfer.choice.artifacts:
        files = Files(thing.source, info["artifact_uri"], thing.target, thing.place, is_new=thing.is_new)
        await copy_files(transfer, files)
    ended = {"run_id": thing.target, "status": info["status"], "run_name": _name(run)}
    await transfer.target.post(f"{API}/runs/update", ended | {"end_time": info.get("end_time", 0)})
    # In one request, as one is nothing without the other.
    await batch.add("tags", {"key": DIGEST, "value": thing.wanted})
    await batch.add("tags", {"key": STATE, "value": COMPLETE})
    await batch.flush()
    transfer.report.made("run")


async def _restore(transfer: Transfer, thing: Thing) -> None:
    """Brings a run back that is deleted in the target: only such are deleted that are complete."""
    if thing.is_new:
        return
    if await _stage(transfer, thing) == "deleted":
        await _move(transfer, thing, "restore", "active")


async def _move(transfer: Transfer, thing: Thing, verb: str, stage: str) -> None:
    """Deletes or restores a run; MLflow refuses to do that twice."""

    async def find() -> Json | None:
        return {} if await _stage(transfer, thing) == stage else None

    await transfer.target.post(f"{API}/runs/{verb}", {"run_id": thing.target}, find=find)


async def _stage(transfer: Transfer, thing: Thing) -> str:
    run = (await transfer.target.get(f"{API}/runs/get", run_id=thing.target))["run"]
    return str(run["info"]["lifecycle_stage"])


def _mapped_tags(transfer: Transfer, thing: Thing, run: Json) -> dict[str, str]:
    """The tags of a run, with what they say about runs as these are called in the target."""
    tags = foreign(tags_of(run["data"]))
    if LOGGED in tags:
        tags[LOGGED] = tags[LOGGED].replace(thing.source, thing.target)
    # Without it the target would name who imports.
    if author := run["info"].get("user_id"):
        tags.setdefault(AUTHOR, author)
    if PARENT in tags and (parent := transfer.ledger.find("run", tags[PARENT])):
        tags[PARENT] = parent.target
    elif PARENT in tags:
        transfer.report.dropped("links to runs that were not carried over")
    return tags


async def _link(transfer: Transfer, thing: Thing, run: Json) -> None:
    """Says which datasets and logged models a run used, and which it made."""
    inputs = run.get("inputs", {})
    for used in inputs.get("dataset_inputs", ()):
        await transfer.target.post(f"{API}/runs/log-inputs", {"run_id": thing.target, "datasets": [used]})
    if not transfer.choice.models:
        return
    if models := _mapped_models(transfer, inputs.get("model_inputs", ())):
        await transfer.target.post(f"{API}/runs/log-inputs", {"run_id": thing.target, "models": models})
    made = _mapped_models(transfer, run.get("outputs", {}).get("model_outputs", ()))
    if made and not thing.is_new:
        there = (await transfer.target.get(f"{API}/runs/get", run_id=thing.target))["run"].get("outputs", {})
        known = {model["model_id"] for model in there.get("model_outputs", ())}
        made = [model for model in made if model["model_id"] not in known]
    if made:
        await _log_outputs(transfer, thing, made)


async def _log_outputs(transfer: Transfer, thing: Thing, made: list[Json]) -> None:
    """Links logged models to the run that made them; MLflow refuses to do that twice."""

    async def find() -> Json | None:
        run = (await transfer.target.get(f"{API}/runs/get", run_id=thing.target))["run"]
        there = {model["model_id"] for model in run.get("outputs", {}).get("model_outputs", ())}
        return {} if all(model["model_id"] in there for model in made) else None

    await transfer.target.post(f"{API}/runs/outputs", {"run_id": thing.target, "models": made}, find=find)


def _mapped_models(transfer: Transfer, models: list[Json]) -> list[Json]:
    found = []
    for model in models:
        if there := transfer.ledger.find("model", model["model_id"]):
            found.append({**model, "model_id": there.target})
        else:
            transfer.report.dropped("links to logged models that were not carried over")
    return found
