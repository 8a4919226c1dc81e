"""Experiments: found again by their tag, else made under a name that is free."""

from collections.abc import AsyncIterator
from itertools import count

from modelyard.cli.connection import CommandError, Refused
from modelyard.cli.mlflow_import.queries import Thing
from modelyard.cli.mlflow_import.rest import API, Json
from modelyard.cli.mlflow_import.transfer import MADE, SOURCE, Transfer, foreign, pairs, tags_of

SEARCH = f"{API}/experiments/search"
PAGE = 1000


async def import_experiments(transfer: Transfer) -> AsyncIterator[Thing]:
    """Every chosen experiment of the source, with its counterpart; raises CommandError for unknown names."""
    known = await _imported(transfer)
    async for experiment in _chosen(transfer):
        identity, name = experiment["experiment_id"], experiment["name"]
        made = known.get(identity)
        if made is None and await _is_unused(transfer, experiment):
            continue
        if made is not None:
            transfer.report.there("experiment")
            await _update(transfer, experiment, made)
        elif transfer.choice.dry:
            transfer.report.made("experiment")
            made = {"experiment_id": ""}
        else:
            try:
                made = {"experiment_id": await _make(transfer, experiment)}
            except Refused as error:
                transfer.report.left_behind("experiment", name, error)
                continue
            transfer.report.made("experiment")
        thing = Thing(source=identity, home=name, target=made["experiment_id"], digest=_stage(made))
        transfer.ledger.note("experiment", [thing])
        yield thing


async def delete_experiments(transfer: Transfer) -> None:
    """Deletes the counterparts of experiments that are deleted in the source, when all of them is there."""
    async for experiment in _chosen(transfer):
        thing = transfer.ledger.find("experiment", experiment["experiment_id"])
        if thing and _stage(experiment) == "deleted" and thing.digest != "deleted":
            await transfer.attempt("deletion of experiment", experiment["name"], _delete(transfer, thing.target))


async def _delete(transfer: Transfer, experiment_id: str) -> None:
    async def find() -> Json | None:
        found = await transfer.target.get(f"{API}/experiments/get", experiment_id=experiment_id)
        return {} if _stage(found["experiment"]) == "deleted" else None

    await transfer.target.post(f"{API}/experiments/delete", {"experiment_id": experiment_id}, find=find)


def _stage(experiment: Json) -> str:
    return str(experiment.get("lifecycle_stage", "active"))


async def _imported(transfer: Transfer) -> dict[str, Json]:
    """The experiments of the target that came from this source, by their ids there."""
    body: Json = {"max_results": PAGE, "view_type": "ALL"}
    found: dict[str, Json] = {}
    async for experiment in transfer.target.entries(SEARCH, "experiments", body=body):
        mark = tags_of(experiment).get(SOURCE, "")
        if identity := transfer.linked(mark, "experiments"):
            found[identity] = experiment
    return found


async def _chosen(transfer: Transfer) -> AsyncIterator[Json]:
    wanted = set(transfer.choice.experiments)
    view = "ALL" if transfer.choice.deleted else "ACTIVE_ONLY"
    body: Json = {"max_results": PAGE, "view_type": view, "order_by": ["creation_time ASC"]}
    async for experiment in transfer.source.entries(SEARCH, "experiments", body=body):
        if not transfer.choice.experiments or experiment["name"] in wanted:
            wanted.discard(experiment["name"])
            yield experiment
    if wanted:
        raise CommandError(f"{transfer.name} has no experiment {min(wanted)}.")


async def _is_unused(transfer: Transfer, experiment: Json) -> bool:
    """Whether it is the experiment that every server has, without anything in it."""
    if experiment["experiment_id"] != "0" or transfer.choice.experiments:
        return False
    body: Json = {"experiment_ids": ["0"], "max_results": 1, "run_view_type": "ACTIVE_ONLY"}
    reply = await transfer.source.post(f"{API}/runs/search", body)
    return not reply.get("runs") and not tags_of(experiment)


async def _make(transfer: Transfer, experiment: Json) -> str:
    """Makes the counterpart of an experiment; its id. Raises Refused."""
    link = transfer.link("experiments", experiment["experiment_id"])
    marks = {SOURCE: link, MADE: str(experiment.get("creation_time", ""))}
    tags = pairs({**foreign(tags_of(experiment)), **marks})
    for number in count():
        name = _name(experiment["name"], number)
        try:
            reply = await transfer.target.post(f"{API}/experiments/create", {"name": name, "tags": tags})
        except Refused as error:
            there = await _with_name(transfer, name)
            if there is None:
                raise
            if tags_of(there).get(SOURCE) == link:
                return str(there["experiment_id"])
            if number > 100:
                raise CommandError(f"All names like {name} are taken ({error})") from None
            continue
        return str(reply["experiment_id"])
    raise AssertionError


def _name(name: str, number: int) -> str:
    suffix = ("", " (imported)")[number] if number < 2 else f" (imported {number})"
    return name + suffix


async def _with_name(transfer: Transfer, name: str) -> Json | None:
    try:
        reply = await transfer.target.get(f"{API}/experiments/get-by-name", experiment_name=name)
    except Refused as error:
        if error.status == 404:
            return None
        raise
    found: Json = reply["experiment"]
    return found


async def _update(transfer: Transfer, experiment: Json, made: Json) -> None:
    """Gives the counterpart the tags that changed since."""
    if transfer.choice.dry or _stage(made) == "deleted":
        return
    there = tags_of(made)
    for key, value in foreign(tags_of(experiment)).items():
        if there.get(key) != value:
            body = {"experiment_id": made["experiment_id"], "key": key, "value": value}
            await transfer.target.post(f"{API}/experiments/set-experiment-tag", body)
