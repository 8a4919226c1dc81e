"""Where a client says that the files of a version are: only below runs and logged models that it may see."""

import sys
from typing import Self
from urllib.parse import unquote

import msgspec

from modelyard.domains.experiments import visible_experiment, visible_run
from modelyard.domains.registered_models.access import version_by_alias, version_by_number
from modelyard.domains.registered_models.queries import VersionMetric, VersionParam
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.registered_models.versions.run_models import below, exists, in_run, logged_models
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import TrackedRun, Tracker
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.safe_path import SafePath

# What MLflow's clients give for prompts, which have no files.
PLACEHOLDERS = frozenset({"dummy-source", "prompt-template"})


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a version is made of: its address and place, and what is known of its run, as far as there is one."""

    uri: str
    location: str
    logged_model_id: str | None = None
    run_id: str | None = None
    metrics: list[VersionMetric] = []
    params: list[VersionParam] = []

    @classmethod
    def of(cls, run: TrackedRun | None, uri: str, location: str, logged_model_id: str | None = None) -> Self:
        """Something that a run has made."""
        metrics, params = values_of(run) if run else ([], [])
        return cls(
            uri=uri,
            location=location,
            logged_model_id=logged_model_id,
            run_id=run.id if run else None,
            metrics=metrics,
            params=params,
        )


def values_of(run: TrackedRun) -> tuple[list[VersionMetric], list[VersionParam]]:
    """What versions keep of a run's values: NaN and the infinities are no numbers of JSON, and are left out.

    The tracker keeps the infinities as the largest numbers there are.
    """
    numbers = [(one.key, float(one.value), one.timestamp) for one in run.metrics]
    metrics = [VersionMetric(key, value, at) for key, value, at in numbers if abs(value) < sys.float_info.max]
    return metrics, [VersionParam(one.key, one.value) for one in run.params]


class Sources:
    """Finds what clients mean by their addresses, and whether they may see it."""

    def __init__(self, db: Database, tracker: Tracker, caller: Caller) -> None:
        self._db, self._tracker, self._caller = db, tracker, caller

    async def run(self, run_id: str) -> TrackedRun:
        """A run that the caller may read; raises NotFound or Forbidden."""
        await visible_run(self._db, self._tracker, self._caller, run_id, Right.VIEW_JOBS)
        return await self._tracker.run(run_id)

    async def find(self, uri: str, run_id: str | None, model_id: str | None) -> Source:
        """What an address means, whose run and logged model are these if they are given.

        Raises BadRequest for an address that is none of these, and for a run or model that it does not belong to;
        NotFound for what is not there or invisible.
        """
        scheme, colon, rest = uri.partition(":/")
        if not colon or rest.startswith("/") or scheme not in {"runs", "models", "mlflow-artifacts"}:
            raise _refused(uri)
        _check(uri, rest)
        match scheme:
            case "runs":
                found = await self._in_run(uri, rest)
            case "models":
                found = await self._model(uri, rest)
            case _:
                found = await self._artifact(uri, rest)
        return await self._claimed(found, run_id, model_id)

    async def _in_run(self, uri: str, rest: str) -> Source:
        run_id, _, path = rest.partition("/")
        run = await self.run(run_id)
        if path and not await exists(self._tracker, run.artifact_uri, SafePath(path)):
            # Clients give the name of a logged model as if it were a folder of the run.
            for one in await logged_models(self._tracker, run):
                if one.name == path:
                    return Source.of(run, uri, one.location, one.logged_model_id)
        return Source.of(run, uri, in_run(run, SafePath(path)).location)

    async def _model(self, uri: str, rest: str) -> Source:
        name, slash, version = rest.rpartition("/")
        if slash and version.isdecimal():
            number = int(version) if len(version) <= 10 else 0
            return _of_version(await version_by_number(self._db, self._caller, name, number))
        if slash and version == "latest":
            return _of_version(await version_by_alias(self._db, self._caller, name, version))
        name, at, alias = rest.rpartition("@")
        if at:
            return _of_version(await version_by_alias(self._db, self._caller, name, alias))
        if slash:
            raise _refused(uri)
        return await self._logged(uri, rest)

    async def _logged(self, uri: str, model_id: str) -> Source:
        model = await self._tracker.logged_model(model_id)
        await visible_experiment(self._db, self._caller, model.experiment_id, Right.VIEW_JOBS)
        run = await self.run(model.source_run_id) if model.source_run_id else None
        return Source.of(run, uri, model.artifact_uri, model.id)

    async def _artifact(self, uri: str, rest: str) -> Source:
        parts = SafePath(rest).split("/")
        location = f"mlflow-artifacts:/{'/'.join(parts)}"
        if len(parts) >= 4 and parts[1] == "models":
            found = await self._logged(uri, parts[2])
        elif len(parts) >= 3:
            run = await self.run(parts[1])
            found = Source.of(run, uri, run.artifact_uri)
        else:
            raise _refused(uri)
        if not f"{location}/".startswith(f"{below(found.location, '')}/"):
            raise _refused(uri)
        return msgspec.structs.replace(found, location=location)

    async def _claimed(self, found: Source, run_id: str | None, model_id: str | None) -> Source:
        """The source with the run and logged model that the client says; raises BadRequest where they differ."""
        if model_id and model_id != found.logged_model_id:
            raise BadRequest(f"The source {found.uri[:300]} is not of the logged model {model_id[:100]}.")
        if run_id and found.run_id and run_id != found.run_id:
            raise BadRequest(f"The source {found.uri[:300]} is not of the run {run_id[:100]}.")
        if run_id and not found.run_id:
            return Source.of(await self.run(run_id), found.uri, found.location, found.logged_model_id)
        return found


def _of_version(version: ModelVersion) -> Source:
    if version.model.is_prompt:
        raise BadRequest(f"'{version.model.name}' is a prompt, and no model can be made of it.")
    return Source(
        uri=f"models:/{version.model.name}/{version.version}",
        location=version.storage_location,
        logged_model_id=version.logged_model_id,
        run_id=version.run_id,
        metrics=version.metrics,
        params=version.params,
    )


def _check(uri: str, rest: str) -> None:
    """Raises BadRequest for paths that mean something else once they are decoded, however often that is done."""
    plain = rest
    while (unquoted := unquote(plain)) != plain:
        plain = unquoted
    if plain.count("/") != rest.count("/") or "?" in rest or "#" in rest or not rest:
        raise _refused(uri)
    SafePath(plain)


def _refused(uri: str) -> BadRequest:
    return BadRequest(
        f"A version cannot be made of '{uri[:300]}'. Give runs:/<run>/<path>, models:/<logged model>,"
        " models:/<name>/<version>, or mlflow-artifacts:/<path> below a run or a logged model."
    )
