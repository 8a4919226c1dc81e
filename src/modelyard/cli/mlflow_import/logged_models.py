"""Logged models: what MLflow 3 keeps beside runs."""

from collections.abc import AsyncIterator
from typing import Any

from modelyard.cli.connection import Refused
from modelyard.cli.mlflow_import.artifacts import Files, copy_files
from modelyard.cli.mlflow_import.metrics import Batch, plain_value
from modelyard.cli.mlflow_import.queries import Thing
from modelyard.cli.mlflow_import.rest import API, Json, Rest
from modelyard.cli.mlflow_import.transfer import (
    COMPLETE,
    DIGEST,
    MADE,
    SOURCE,
    STARTED,
    STATE,
    Transfer,
    foreign,
    pairs,
    tags_of,
)

MODELS = f"{API}/logged-models"
PAGE = 50
# So many values at once are looked up by their names when some of them are there already.
VALUES_AT_ONCE = 100


async def import_logged_models(transfer: Transfer, experiment: Thing) -> None:
    """Carries the logged models of an experiment over; its runs have to be known."""
    if experiment.target:
        async for page in _listed(transfer.target, experiment.target):
            transfer.ledger.note("model", filter(None, (_made(transfer, experiment, model) for model in page)))

    async def one(model: Json) -> None:
        name = f"{model['info'].get('name')} ({model['info']['model_id']}) of experiment {experiment.home}"
        await transfer.attempt("logged model", name, _import(transfer, experiment, model))

    await transfer.each(_models(transfer.source, experiment.source), one)


async def _models(server: Rest, experiment_id: str) -> AsyncIterator[Json]:
    async for page in _listed(server, experiment_id):
        for model in page:
            yield model


async def _listed(server: Rest, experiment_id: str) -> AsyncIterator[list[Json]]:
    """Pages of logged models, oldest first; none where the server has no such thing."""
    order = [{"field_name": "creation_timestamp", "ascending": True}]
    body: Json = {"experiment_ids": [experiment_id], "max_results": PAGE, "order_by": order}
    try:
        async for page in server.pages(f"{MODELS}/search", "models", body=body):
            yield page
    except Refused as error:
        if error.status not in {404, 405}:
            raise


def _made(transfer: Transfer, experiment: Thing, model: Json) -> Thing | None:
    info = model["info"]
    tags = tags_of(info)
    source = transfer.linked(tags.get(SOURCE, ""), "experiments", experiment.source, "models")
    if source is None:
        return None
    return Thing(
        source=source,
        home=experiment.source,
        target=info["model_id"],
        place=info["artifact_uri"],
        digest=tags.get(DIGEST, "") if tags.get(STATE) == COMPLETE else "",
    )


async def _import(transfer: Transfer, experiment: Thing, model: Json) -> None:
    info = model["info"]
    source, digest = info["model_id"], _digest(transfer, model)
    thing = transfer.ledger.find("model", source)
    if thing and transfer.is_done(thing.digest, digest):
        transfer.report.there("logged model")
        return
    if not transfer.choice.dry:
        if thing is None:
            thing = await _make(transfer, experiment, model)
            transfer.ledger.note("model", [thing])
        await _fill(transfer, thing, model, digest)
    transfer.report.made("logged model")


def _digest(transfer: Transfer, model: Json) -> str:
    info, data = model["info"], model.get("data", {})
    return transfer.digest(
        info.get("status"),
        info.get("name"),
        sorted(foreign(tags_of(info)).items()),
        sorted([param["key"], param.get("value", "")] for param in data.get("params", ())),
        sorted(map(_value, data.get("metrics", ())), key=repr),
    )


def _value(metric: Json) -> list[Any]:
    fields = ("key", "value", "timestamp", "step", "run_id", "dataset_name", "dataset_digest")
    return [metric.get(field) for field in fields]


async def _make(transfer: Transfer, experiment: Thing, model: Json) -> Thing:
    """Makes the counterpart of a logged model, without files."""
    info, data = model["info"], model.get("data", {})
    mark = transfer.link("experiments", experiment.source, "models", info["model_id"])
    run = transfer.ledger.find("run", info.get("source_run_id", ""))
    made_at = str(info.get("creation_timestamp_ms", ""))
    marks = {SOURCE: mark, STATE: STARTED, MADE: made_at}
    body: Json = {
        "experiment_id": experiment.target,
        "name": info.get("name", ""),
        "model_type": info.get("model_type", ""),
        "tags": pairs({**foreign(tags_of(info)), **marks}),
        "params": data.get("params", []),
    }
    if run is not None:
        body["source_run_id"] = run.target

    async def find() -> Json | None:
        async for there in _models(transfer.target, experiment.target):
            if tags_of(there["info"]).get(SOURCE) == mark:
                return {"model": there}
        return None

    made = (await transfer.target.post(MODELS, body, find=find))["model"]["info"]
    return Thing(
        source=info["model_id"],
        home=experiment.source,
        target=made["model_id"],
        place=made["artifact_uri"],
        is_new=True,
    )


async def _fill(transfer: Transfer, thing: Thing, model: Json, digest: str) -> None:
    info = model["info"]
    if transfer.choice.artifacts:
        place = info["artifact_uri"]
        files = Files(thing.source, place, thing.target, thing.place, is_new=thing.is_new, of_model=True)
        await copy_files(transfer, files)
    await _log_metrics(transfer, thing, model.get("data", {}).get("metrics", []))
    url = f"{MODELS}/{thing.target}"
    status = info.get("status", "LOGGED_MODEL_PENDING")
    if status != "LOGGED_MODEL_PENDING":
        await transfer.target.patch(url, {"model_id": thing.target, "status": status})
    tags = {**foreign(tags_of(info)), DIGEST: digest, STATE: COMPLETE}
    await transfer.target.patch(f"{url}/tags", {"tags": pairs(tags)})


async def _log_metrics(transfer: Transfer, thing: Thing, metrics: list[Json]) -> None:
    """Says again what runs have measured of a model, as far as the target does not know it."""
    if not metrics:
        return
    there = {repr(_value(one)) for one in await _known_metrics(transfer, thing)}
    batches: dict[str, Batch] = {}
    for metric in metrics:
        run = transfer.ledger.find("run", metric.get("run_id", ""))
        if run is None:
            transfer.report.dropped("metric values of logged models by runs that were not carried over")
            continue
        if repr(_value({**metric, "run_id": run.target})) in there:
            continue
        linked = {"dataset_name": metric.get("dataset_name"), "dataset_digest": metric.get("dataset_digest")}
        entry = plain_value(metric) | {"model_id": thing.target} | {k: v for k, v in linked.items() if v}
        batch = batches.setdefault(run.target, Batch(transfer.target, run.target, VALUES_AT_ONCE))
        await batch.add("metrics", entry)
    for batch in batches.values():
        await batch.flush()


async def _known_metrics(transfer: Transfer, thing: Thing) -> list[Json]:
    if thing.is_new:
        return []
    found = (await transfer.target.get(f"{MODELS}/{thing.target}"))["model"]
    known: list[Json] = found.get("data", {}).get("metrics", [])
    return known
