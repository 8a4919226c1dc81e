"""The models that a version was made with: what its run or others of the same job have used, and its source."""

import asyncio
import re
from typing import Literal

import msgspec

from modelyard.domains.experiments import visible_experiments
from modelyard.domains.registered_models.lineage import queries
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import LoggedModel, TrackedRun, Tracker
from modelyard.kit.db import Database
from modelyard.kit.errors import NotFound

Evidence = Literal["input", "source"]

_VERSION = re.compile(r"models:/(?P<name>.+)/(?P<version>[1-9]\d{0,8})/?")
_LOGGED = re.compile(r"models:/(?P<id>m-[0-9a-f]+)(?:/.*)?")


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a version comes from: as a run has logged it, or as it is registered, or both.

    `evidence` is `input` when a run has said that it used the model, `source` when the version was made of it.
    """

    evidence: Evidence
    logged_model: LoggedModel | None = None
    name: str | None = None
    version: int | None = None


class Upstreams(msgspec.Struct, frozen=True):
    """The models that a version comes from; how many more its reader may not see, and the ids of deleted ones."""

    models: list[Upstream]
    hidden: int
    gone: list[str]


async def upstream_of(
    db: Database, tracker: Tracker, caller: Caller, version: ModelVersion, runs: list[TrackedRun]
) -> Upstreams:
    """The models that a version comes from, in the order in which its runs have named them."""
    own = {one for run in runs for one in run.model_outputs} | {version.logged_model_id}
    used = list(dict.fromkeys(one for run in runs for one in run.model_inputs if one not in own))
    named = _VERSION.fullmatch(version.source)
    logged = _LOGGED.fullmatch(version.source)
    if logged and logged["id"] not in own and logged["id"] not in used:
        used.append(logged["id"])
    name, number = (named["name"], int(named["version"])) if named else (None, None)
    if not used and name is None:
        return Upstreams([], 0, [])
    found = await asyncio.gather(*(_logged_model(tracker, one) for one in used))
    there = {one.id: one for one in found if one is not None}
    readable = {
        one.id
        for one in await visible_experiments(
            db, caller, {one.experiment_id for one in there.values()}, Right.VIEW_JOBS
        )
    }
    registered = await queries.versions_known_as(db, caller, used, name, number)
    result: list[Upstream] = []
    hidden = 0
    for one in used:
        model = there.get(one)
        if model is None:
            continue
        if model.experiment_id not in readable:
            hidden += 1
            continue
        versions = [each for each in registered if each.logged_model_id == one and each.readable]
        evidence: Evidence = "source" if logged and logged["id"] == one else "input"
        result += [
            Upstream(evidence=evidence, logged_model=model, name=each.name, version=each.version)
            for each in versions
        ] or [Upstream(evidence=evidence, logged_model=model)]
    for each in registered:
        if (each.name, each.version) == (name, number):
            if each.readable:
                result.append(Upstream(evidence="source", name=each.name, version=each.version))
            else:
                hidden += 1
    return Upstreams(result, hidden, [one for one in used if one not in there])


async def _logged_model(tracker: Tracker, model_id: str) -> LoggedModel | None:
    try:
        return await tracker.logged_model(model_id)
    except NotFound:
        return None
