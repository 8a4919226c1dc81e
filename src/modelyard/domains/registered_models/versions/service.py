"""Rules of versions: how they are made from runs, described, tagged, given aliases and deleted."""

import re
from collections.abc import Mapping

from modelyard.domains.experiments import mark_registered, on_registered_run_written
from modelyard.domains.registered_models import queries as models
from modelyard.domains.registered_models.access import no_model, no_version
from modelyard.domains.registered_models.names import checked_description, checked_link
from modelyard.domains.registered_models.queries import RegisteredModel
from modelyard.domains.registered_models.reproductions.data import keep_data_of_version, release_data_of_jobs
from modelyard.domains.registered_models.service import KIND
from modelyard.domains.registered_models.tags import MOST, checked_tags
from modelyard.domains.registered_models.versions import queries
from modelyard.domains.registered_models.versions.queries import ModelVersion, NewVersion
from modelyard.domains.registered_models.versions.sources import Source, values_of
from modelyard.domains.users import Caller
from modelyard.engines.tracker import TrackedRun, Tracker
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest

_ALIAS = re.compile(r"[\w-]{1,255}")
_LIKE_A_VERSION = re.compile(r"v?\d+|latest", re.IGNORECASE)


async def register(
    tx: Transaction,
    caller: Caller,
    model: RegisteredModel,
    source: Source,
    *,
    description: str = "",
    run_link: str = "",
    tags: Mapping[str, str] | None = None,
) -> int:
    """A new version of a model; its number. Raises BadRequest for tags, NotFound when the model is gone."""
    given = checked_tags(tags or {})
    number = await queries.next_version(tx, model.id)
    if number is None:
        raise no_model(model.name)
    new = NewVersion(
        model_id=model.id,
        version=number,
        description=checked_description(description),
        owner_id=caller.id,
        run_id=source.run_id,
        source=source.uri,
        storage_location=source.location,
        logged_model_id=source.logged_model_id,
        run_link=checked_link(run_link),
        tags=given,
        metrics=source.metrics,
        params=source.params,
    )
    await queries.add_version(tx, new)
    if source.run_id is not None:
        await mark_registered(tx, source.run_id)
        await keep_data_of_version(tx, source.run_id)
    await events.record(
        tx, caller, "modelVersion.created", KIND, model.id,
        project_id=model.project.id, version=number, runId=new.run_id, source=source.uri,
    )  # fmt: skip
    return number


async def catch_up(db: Database, tracker: Tracker, run_id: str | None) -> None:
    """Has versions show what was written to their run between the look at it and the end of their making."""
    if run_id is not None:
        await refresh_versions_of_run(db, await tracker.run(run_id))


@on_registered_run_written
async def refresh_versions_of_run(db: Database, run: TrackedRun) -> None:
    """Has the versions that were made from a run show the metrics and parameters that it has now."""
    await queries.set_run_values(db, run.id, *values_of(run))


async def describe(tx: Transaction, caller: Caller, version: ModelVersion, description: str) -> None:
    """Replaces the words about a version."""
    await queries.describe_version(tx, version.model.id, version.version, checked_description(description))
    await _record(
        tx, caller, version, "changed", description=description, before={"description": version.description}
    )


async def delete(tx: Transaction, caller: Caller, version: ModelVersion) -> None:
    """Removes a version with its aliases; its files stay with the run. Raises NotFound when it is gone."""
    # The model first, as everywhere: whoever sets an alias holds the model and waits for the version.
    await models.touch_model(tx, version.model.id)
    if not await queries.delete_version(tx, version.model.id, version.version):
        raise no_version(version.model, version.version)
    await release_data_of_jobs(tx, [version.job_id] if version.job_id else [])
    await _record(tx, caller, version, "deleted", runId=version.run_id, source=version.source)


async def tag(tx: Transaction, caller: Caller, version: ModelVersion, key: str, value: str) -> None:
    """Sets a tag of a version; raises BadRequest."""
    checked_tags({key: value})
    if len(version.tags) >= MOST and key not in version.tags:
        raise BadRequest(f"The version has {MOST:,} tags already; delete one first.")
    await queries.put_tag(tx, version.model.id, version.version, key, value)
    before = {"value": version.tags.get(key, "")[:1000]}
    await _record(tx, caller, version, "tagged", key=key, value=value[:1000], before=before)


async def untag(tx: Transaction, caller: Caller, version: ModelVersion, key: str) -> None:
    """Removes a tag of a version, if it has it; raises BadRequest."""
    checked_tags({key: ""})
    await queries.remove_tag(tx, version.model.id, version.version, key)
    await _record(tx, caller, version, "untagged", key=key)


async def set_alias(tx: Transaction, caller: Caller, version: ModelVersion, alias: str) -> None:
    """Points an alias at a version; one that exists is moved. Raises BadRequest, NotFound when it is gone."""
    if not _ALIAS.fullmatch(alias) or _LIKE_A_VERSION.fullmatch(alias):
        raise BadRequest(
            "An alias has 1 to 255 letters, digits, dashes and underscores, and is neither 'latest' nor a number"
            f" such as v1; '{alias[:100]}' is not one."
        )
    if len(version.model.aliases) >= MOST and alias not in version.model.aliases:
        raise BadRequest(f"The model has {MOST:,} aliases already; delete one first.")
    # With the model locked the version cannot go meanwhile, nor get two aliases of one name.
    if not await models.lock_model(tx, version.model.id) or not await queries.is_there(
        tx, version.model.id, version.version
    ):
        raise no_version(version.model, version.version)
    await queries.put_alias(tx, version.model.id, alias, version.version)
    before = {"version": version.model.aliases.get(alias)}
    await _record(tx, caller, version, "aliasSet", alias=alias, before=before)


async def delete_alias(tx: Transaction, caller: Caller, model: RegisteredModel, alias: str) -> None:
    """Removes an alias of a model, if it has it."""
    await queries.remove_alias(tx, model.id, alias)
    await events.record(
        tx, caller, "modelVersion.aliasDeleted", KIND, model.id,
        project_id=model.project.id, alias=alias[:255], version=model.aliases.get(alias),
    )  # fmt: skip


async def _record(tx: Transaction, caller: Caller, version: ModelVersion, what: str, **details: object) -> None:
    model = version.model
    await events.record(
        tx, caller, f"modelVersion.{what}", KIND, model.id,
        project_id=model.project.id, version=version.version, **details,
    )  # fmt: skip
