"""The models that a version was made with: what its run or others of the same job have used, and its source."""

import asyncio
import re
from typing import Literal

import msgspec

from modelyard.domains.experiments import visible_experiments
from modelyard.domains.registered_models.lineage import queries
from modelyard.domains.registered_models.lineage.queries import UpstreamVersion
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import LoggedModel, TrackedRun, Tracker
from modelyard.kit.db import Database
from modelyard.kit.errors import NotFound

Evidence = Literal["input", "source"]

_VERSION = re.compile(r"models:/(?P<name>.+)/(?P<version>[1-9]\d{0,8})/?")


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
    """The models that a version comes from: those that its runs have named, and the one that it was made of."""
    own = {one for run in runs for one in run.model_outputs} | {version.logged_model_id}
    used = list(dict.fromkeys(one for run in runs for one in run.model_inputs if one not in own))
    source = _VERSION.fullmatch(version.source)
    name, number = (source["name"], int(source["version"])) if source else (None, None)
    if not used and name is None:
        return Upstreams([], 0, [])
    found = await asyncio.gather(*(_logged_model(tracker, one) for one in used))
    there = [one for one in found if one is not None]
    experiments = {one.experiment_id for one in there}
    readable = await visible_experiments(db, caller, experiments, Right.VIEW_JOBS)
    registered = await queries.versions_known_as(db, caller, used, name, number)
    models = [one for model in there if model.experiment_id in readable for one in _inputs(model, registered)]
    sources = [one for one in registered if (one.name, one.version) == (name, number)]
    models += [Upstream(evidence="source", name=one.name, version=one.version) for one in sources if one.readable]
    hidden = sum(model.experiment_id not in readable for model in there) + sum(not one.readable for one in sources)
    gone = [one for one, model in zip(used, found, strict=True) if model is None]
    return Upstreams(models, hidden, gone)


def _inputs(model: LoggedModel, registered: list[UpstreamVersion]) -> list[Upstream]:
    """A model that a run has used, as each version that it is registered as, if it is."""
    versions = [one for one in registered if one.logged_model_id == model.id and one.readable]
    return [
        Upstream(evidence="input", logged_model=model, name=one.name, version=one.version) for one in versions
    ] or [Upstream(evidence="input", logged_model=model)]


async def _logged_model(tracker: Tracker, model_id: str) -> LoggedModel | None:
    try:
        return await tracker.logged_model(model_id)
    except NotFound:
        return None
