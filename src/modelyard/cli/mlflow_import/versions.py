"""Versions of registered models."""

import msgspec

from modelyard.cli.connection import CommandError, Refused
from modelyard.cli.mlflow_import.queries import Thing
from modelyard.cli.mlflow_import.rest import API, Json
from modelyard.cli.mlflow_import.transfer import (
    COMPLETE,
    MADE,
    SOURCE,
    STARTED,
    STATE,
    Transfer,
    foreign,
    pairs,
    tags_of,
)
from modelyard.cli.output import say

VERSIONS = f"{API}/model-versions"
NO_STAGE = {"", "None"}


class Version(msgspec.Struct, frozen=True):
    """A version of the source: its model's name, what is said of it there, and what marks its counterpart."""

    name: str
    entity: Json
    mark: str

    @property
    def number(self) -> int:
        """Its number in the source."""
        return int(self.entity["version"])


def is_chosen(transfer: Transfer, version: Json) -> bool:
    """Whether a version belongs to what is imported."""
    if not transfer.choice.experiments:
        return True
    run, model = version.get("run_id", ""), _model_id(version)
    return bool(transfer.ledger.find("run", run) or transfer.ledger.find("model", model))


async def import_version(transfer: Transfer, version: Version, made: list[Json]) -> str:
    """Carries a version over; its number in the target. Raises CommandError.

    `made` are the versions that the model has in the target. A version that was made under a lower number than its
    own fills a gap, and goes away again: numbers are not used twice.
    """
    found = None
    for one in made:
        if tags_of(one).get(SOURCE) != version.mark:
            continue
        if tags_of(one).get(STATE) == COMPLETE or int(one["version"]) >= version.number:
            found = one
        else:
            await _delete(transfer, version.name, one)
    if found is None:
        found = await _make(transfer, version)
        while int(found["version"]) < version.number:
            await _delete(transfer, version.name, found)
            found = await _make(transfer, version)
        if int(found["version"]) != version.number:
            say(f"Version {version.number} of {version.name} is version {found['version']} here.")
    number = str(found["version"])
    if tags_of(found).get(STATE) == COMPLETE:
        transfer.report.there("model version")
    else:
        transfer.report.made("model version")
    await _complete(transfer, version, number, tags_of(found))
    return number


async def _make(transfer: Transfer, version: Version) -> Json:
    entity = version.entity
    marks = {SOURCE: version.mark, STATE: STARTED, MADE: str(entity.get("creation_timestamp", ""))}
    body: Json = {
        "name": version.name,
        "description": entity.get("description", ""),
        "tags": pairs({**foreign(tags_of(entity)), **marks}),
        **_origin(transfer, entity),
    }
    if entity.get("run_link"):
        body["run_link"] = entity["run_link"]

    async def find() -> Json | None:
        window: Json = {"filter": f"tags.\"{SOURCE}\" = '{version.mark}'", "max_results": 10}
        reply = await transfer.target.get(f"{VERSIONS}/search", **window)
        there = [one for one in reply.get("model_versions", ()) if one["name"] == version.name]
        return {"model_version": there[0]} if there else None

    made: Json = (await transfer.target.post(f"{VERSIONS}/create", body, find=find))["model_version"]
    return made


async def _delete(transfer: Transfer, name: str, version: Json) -> None:
    try:
        await transfer.target.delete(f"{VERSIONS}/delete", {"name": name, "version": version["version"]})
    except Refused as error:
        if error.status != 404:  # gone already, by a request whose reply was lost
            raise


async def _complete(transfer: Transfer, version: Version, number: str, there: dict[str, str]) -> None:
    """Gives the counterpart what it lacks or what changed in the source."""
    entity, place = version.entity, {"name": version.name, "version": number}
    if there.get(STATE) == COMPLETE:
        description = {"description": entity.get("description", "")}
        await transfer.target.patch(f"{VERSIONS}/update", place | description)
    stage = entity.get("current_stage", "")
    if stage not in NO_STAGE:
        try:
            body = place | {"stage": stage, "archive_existing_versions": False}
            await transfer.target.post(f"{VERSIONS}/transition-stage", body)
        except Refused as error:
            say(f"Version {number} of {version.name} is not in the stage {stage} as it was: {error}")
            transfer.report.dropped("stages of model versions")
    for key, value in {**foreign(tags_of(entity)), STATE: COMPLETE}.items():
        if there.get(key) != value:
            await transfer.target.post(f"{VERSIONS}/set-tag", place | {"key": key, "value": value})


def _model_id(version: Json) -> str:
    """The logged model that a version is, if any."""
    if found := version.get("model_id"):
        return str(found)
    source = version.get("source", "")
    return source.removeprefix("models:/") if source.startswith("models:/m-") else ""


def _origin(transfer: Transfer, version: Json) -> Json:
    """What a version was made from, as it is called in the target; raises CommandError."""
    source, run_id = version.get("source", ""), version.get("run_id", "")
    run = transfer.ledger.find("run", run_id) if run_id else None
    if model_id := _model_id(version):
        model = transfer.ledger.find("model", model_id)
        if model is None:
            raise CommandError(f"its logged model {model_id} was not carried over{_hint(transfer)}")
        return {"source": f"models:/{model.target}", "model_id": model.target} | _run(run)
    if run is None and run_id:
        raise CommandError(f"its run {run_id} was not carried over{_hint(transfer)}")
    if run is None:
        return {"source": source}
    if source.startswith(f"runs:/{run_id}/"):
        return {"source": f"runs:/{run.target}/{source.removeprefix(f'runs:/{run_id}/')}"} | _run(run)
    # Wherever the source keeps the files of a run: the run's id is a folder of their path.
    _, found, rest = source.partition(f"/{run_id}/artifacts")
    if not found or (rest and not rest.startswith("/")):
        raise CommandError(f"its files are not among those of its run ({source})")
    return {"source": run.place + rest} | _run(run)


def _run(run: Thing | None) -> Json:
    return {"run_id": run.target} if run else {}


def _hint(transfer: Transfer) -> str:
    return "" if transfer.choice.deleted else "; if it is deleted there, --deleted takes it along"
