"""Registered models: their names, versions in order and under their numbers, aliases."""

from collections.abc import AsyncIterator

from modelyard.cli.connection import CommandError, Refused
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
from modelyard.cli.mlflow_import.versions import Version, import_version, is_chosen

MODELS = f"{API}/registered-models"
PAGE = 100
VERSIONS_PAGE = 1000
PROMPT = "mlflow.prompt.is_prompt"


async def import_registered_models(transfer: Transfer) -> None:
    """Carries all registered models over whose versions belong to runs that came; the rest is counted."""
    with transfer.report.stage("Registered models", None) as stage:
        async for model in transfer.source.entries(f"{MODELS}/search", "registered_models", max_results=PAGE):
            if PROMPT not in tags_of(model):
                await transfer.attempt("registered model", model["name"], _import(transfer, model))
                stage.step(model["name"])


async def _import(transfer: Transfer, model: Json) -> None:
    listed = [version async for version in versions_of(transfer.source, model["name"])]
    chosen = [version for version in listed if is_chosen(transfer, version)]
    if transfer.choice.experiments and not chosen:
        transfer.report.dropped("registered models of other experiments")
        return
    transfer.report.dropped("model versions of other experiments", len(listed) - len(chosen))
    digest = _digest(transfer, model, chosen)
    there = await _found(transfer, model["name"])
    if there is not None and there.get(SOURCE) != _mark(transfer, model):
        raise CommandError("a registered model of this name is there already, and did not come from this import")
    if there and there.get(STATE) == COMPLETE and transfer.is_done(there.get(DIGEST, ""), digest):
        transfer.report.there("registered model")
        transfer.report.there("model version", len(chosen))
        return
    if transfer.choice.dry:
        transfer.report.made("registered model")
        transfer.report.made("model version", len(chosen))
        return
    if there is None:
        await _make(transfer, model)
    else:
        await _update(transfer, model, there)
    if await _fill(transfer, model, chosen):
        for key, value in ((DIGEST, digest), (STATE, COMPLETE)):
            await _tag(transfer, model["name"], key, value)
    transfer.report.made("registered model")


async def versions_of(server: Rest, name: str) -> AsyncIterator[Json]:
    """All versions of a registered model, the first one first."""
    quote = '"' if "'" in name else "'"
    window: Json = {"filter": f"name={quote}{name}{quote}", "max_results": VERSIONS_PAGE}
    found = [one async for one in server.entries(f"{API}/model-versions/search", "model_versions", **window)]
    for version in sorted(found, key=lambda one: int(one["version"])):
        yield version


def _mark(transfer: Transfer, model: Json) -> str:
    return transfer.link("models", model["name"])


def _digest(transfer: Transfer, model: Json, versions: list[Json]) -> str:
    fields = ("version", "description", "current_stage", "source", "run_id", "run_link", "model_id")
    return transfer.digest(
        model.get("description", ""),
        sorted(foreign(tags_of(model)).items()),
        sorted(aliases_of(model).items()),
        [[*map(one.get, fields), sorted(foreign(tags_of(one)).items())] for one in versions],
    )


def aliases_of(model: Json) -> dict[str, str]:
    """The version that each alias of a registered model stands for."""
    return {one["alias"]: str(one["version"]) for one in model.get("aliases", ())}


async def _found(transfer: Transfer, name: str) -> dict[str, str] | None:
    """The tags of a registered model of the target; nothing when there is none."""
    try:
        return tags_of((await transfer.target.get(f"{MODELS}/get", name=name))["registered_model"])
    except Refused as error:
        if error.status == 404:
            return None
        raise


async def _make(transfer: Transfer, model: Json) -> None:
    mark = _mark(transfer, model)
    marks = {SOURCE: mark, STATE: STARTED, MADE: str(model.get("creation_timestamp", ""))}
    body: Json = {
        "name": model["name"],
        "description": model.get("description", ""),
        "tags": pairs({**foreign(tags_of(model)), **marks}),
    }

    async def find() -> Json | None:
        there = await _found(transfer, model["name"])
        return {} if there and there.get(SOURCE) == mark else None

    await transfer.target.post(f"{MODELS}/create", body, find=find)


async def _update(transfer: Transfer, model: Json, there: dict[str, str]) -> None:
    """Gives the counterpart what changed in the source since it was made."""
    body = {"name": model["name"], "description": model.get("description", "")}
    await transfer.target.patch(f"{MODELS}/update", body)
    for key, value in foreign(tags_of(model)).items():
        if there.get(key) != value:
            await _tag(transfer, model["name"], key, value)


async def _tag(transfer: Transfer, name: str, key: str, value: str) -> None:
    await transfer.target.post(f"{MODELS}/set-tag", {"name": name, "key": key, "value": value})


async def _fill(transfer: Transfer, model: Json, versions: list[Json]) -> bool:
    """Carries versions and aliases over; whether all of them came."""
    name = model["name"]
    made = [version async for version in versions_of(transfer.target, name)]
    numbers: dict[str, str] = {}
    for version in versions:
        wanted = Version(name, version, transfer.link("models", name, "versions", version["version"]))
        try:
            numbers[str(version["version"])] = await import_version(transfer, wanted, made)
        except Refused as error:
            transfer.report.left_behind("model version", f"{version['version']} of {name}", error)
        except CommandError as error:
            if error.may_pass:
                raise
            transfer.report.left_behind("model version", f"{version['version']} of {name}", error)
    for alias, number in aliases_of(model).items():
        if number in numbers:
            body = {"name": name, "alias": alias, "version": numbers[number]}
            work = transfer.target.post(f"{MODELS}/alias", body)
            await transfer.attempt("alias", f"{alias} of {name}", work)
    return len(numbers) == len(versions)


async def count_prompts(transfer: Transfer) -> int:
    """How many prompts the source keeps among its registered models."""
    window: Json = {"filter": f"tags.`{PROMPT}` = 'true'", "max_results": PAGE}
    try:
        pages = transfer.source.pages(f"{MODELS}/search", "registered_models", **window)
        return sum([len(page) async for page in pages])
    except Refused:
        return 0
