"""Rules of versions: what a new one needs, and how they are started, stopped and promoted."""

import asyncio
import re

import msgspec

from modelyard.domains import environments
from modelyard.domains.datasets import dataset_by_id
from modelyard.domains.model_apis import queries as model_apis
from modelyard.domains.model_apis.queries import ModelApi
from modelyard.domains.model_apis.versions import lifecycle, queries
from modelyard.domains.model_apis.versions.queries import NewVersion, Version, VersionSource
from modelyard.domains.model_apis.versions.wire import ModelApiSource, ModelApiVersionCreationRequest
from modelyard.domains.projects import Project, ensure_repository
from modelyard.domains.registered_models import version_by_number
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.kit import events, work
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id
from modelyard.kit.safe_path import SafePath

KIND = "model_apis.serve"

_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


async def prepare(
    db: Database,
    git: GitStore,
    caller: Caller,
    project: Project,
    wanted: ModelApiVersionCreationRequest,
    *,
    model_api_id: str,
    environment_id: str,
) -> NewVersion:
    """What is stored of a new version; raises BadRequest, and NotFound and Forbidden for a model out of reach."""
    await _check_prediction_dataset(db, caller, wanted.prediction_dataset_resource_id)
    choosing = environments.environment_for_job(
        db, caller, wanted.environment_id or environment_id, None, restricted=project.is_restricted
    )
    commit_id, revision = await asyncio.gather(_commit(db, git, project, wanted.commit_id), choosing)
    if wanted.source.type == "Registry":
        source, model_id = await _registry(db, caller, wanted.source)
    else:
        source, model_id = await _file(git, project, commit_id, wanted.source), None
    return NewVersion(
        id=new_id(),
        model_api_id=model_api_id,
        project_id=project.id,
        description=wanted.description or "",
        source=source,
        registered_model_id=model_id,
        registered_model_version=source.registered_model_version,
        commit_id=commit_id,
        environment_revision_id=revision.revision_id,
        log_http_request_response=wanted.log_http_request_response,
        monitoring_enabled=wanted.monitoring_enabled,
        record_invocation=bool(wanted.record_invocation),
        prediction_dataset_id=wanted.prediction_dataset_resource_id or None,
        provenance_checkpoint_id=wanted.provenance_checkpoint_id,
        is_wanted=wanted.should_deploy is not False,
        created_by_id=caller.id,
    )


async def add(tx: Transaction, caller: Caller, new: NewVersion) -> Version:
    """Adds a prepared version, to be built and, unless it should not be, started."""
    if new.source.type == "File":
        await environments.ensure_building(tx, new.environment_revision_id)
    number = await queries.add_version(tx, new)
    await work.enqueue(tx, KIND, new.id)
    await model_apis.touch(tx, new.model_api_id)
    await events.record(
        tx, caller, "modelApi.versionCreated", "modelApi", new.model_api_id,
        project_id=new.project_id, version=number, source=msgspec.to_builtins(new.source),
    )  # fmt: skip
    version = await queries.find_by_id(tx, new.id)
    assert version is not None  # noqa: S101
    return version


async def set_running(
    tx: Transaction, caller: Caller, model_api: ModelApi, version: Version, running: bool
) -> None:
    """Asks for a version to be started or stopped; raises BadRequest for one that is not built.

    Asking for what is so already changes nothing.
    """
    # The model API first, as everywhere: whoever promotes or archives holds it and waits for its versions.
    await model_apis.lock_model_api(tx, model_api.id)
    current = await queries.lock_version(tx, version.id) or version
    if running and current.built_at is None:
        why = current.problem or "wait until its status is Ready to run"
        raise BadRequest(f"Version {version.number} is not built: {why}.")
    failed = running and current.status == lifecycle.FAILED
    changed = await queries.set_wanted(tx, version.id, is_wanted=running, is_kept=running)
    if not changed and not failed:
        return
    if running:
        await work.enqueue(tx, KIND, version.id)
    await kit_queries.notify(tx, KIND)
    await model_apis.touch(tx, model_api.id)
    action = "modelApi.versionStarted" if running else "modelApi.versionStopped"
    await events.record(
        tx, caller, action, "modelApi", model_api.id, project_id=model_api.project_id, version=version.number
    )


async def set_production(
    tx: Transaction, caller: Caller, model_api: ModelApi, version: Version, is_production: bool
) -> None:
    """Gives a version the production label or takes it away; the one that had it loses it in the same moment.

    Raises BadRequest for a version that does not run: its callers would get errors.
    """
    await model_apis.lock_model_api(tx, model_api.id)
    current = await queries.lock_version(tx, version.id) or version
    if is_production and current.status != lifecycle.RUNNING:
        raise BadRequest(
            f"Version {version.number} is not running (its status is {current.status}), so that production would"
            " fail; start it, and promote it when it runs."
        )
    if is_production == current.is_production:
        return
    before = await queries.set_production_version(tx, model_api.id, version.id if is_production else None)
    if is_production:
        await queries.set_wanted(tx, version.id, is_wanted=True, is_kept=True)
    await model_apis.touch(tx, model_api.id)
    await events.record(
        tx, caller, "modelApi.promoted" if is_production else "modelApi.demoted", "modelApi", model_api.id,
        project_id=model_api.project_id, version=version.number, before={"version": before},
    )  # fmt: skip


async def _check_prediction_dataset(db: Database, caller: Caller, dataset_id: str | None) -> None:
    """Raises BadRequest for an unknown dataset, Forbidden for one that the caller may not write to."""
    if not dataset_id:
        return
    try:
        await dataset_by_id(db, caller, dataset_id, Right.UPDATE_DATASET_RW_V2)
    except NotFound as missing:
        raise BadRequest(f"predictionDatasetResourceId: {missing.message}") from None


async def _commit(db: Database, git: GitStore, project: Project, commit_id: str | None) -> str:
    await ensure_repository(db, git, project)
    if not commit_id:
        return await asyncio.to_thread(git.head, project.id)
    commit = await asyncio.to_thread(git.find_commit, project.id, commit_id)
    if commit is None:
        raise BadRequest(f"commitId: there is no commit {commit_id[:100]} in this project.")
    return commit.id


async def _registry(db: Database, caller: Caller, source: ModelApiSource) -> tuple[VersionSource, str]:
    if not source.registered_model_name or not source.registered_model_version:
        raise BadRequest("source: a source of type Registry needs registeredModelName and registeredModelVersion.")
    found = await version_by_number(
        db, caller, source.registered_model_name, source.registered_model_version, Right.VIEW_JOBS
    )
    stored = VersionSource(
        type="Registry",
        registered_model_name=found.model.name,
        registered_model_version=found.version,
    )
    return stored, found.model.id


async def _file(git: GitStore, project: Project, commit_id: str, source: ModelApiSource) -> VersionSource:
    if not source.file or not source.function:
        raise BadRequest("source: a source of type File needs file and function.")
    if not _FUNCTION.fullmatch(source.function):
        raise BadRequest(f"source.function: `{source.function[:100]}` is not the name of a Python function.")
    path = SafePath(source.file)
    if not path.endswith(".py"):
        raise BadRequest(f"source.file: {source.file[:200]} is not a Python file; name one that ends with .py.")
    try:
        await asyncio.to_thread(git.open_file, project.id, commit_id, path)
    except NotFound:
        raise BadRequest(f"source.file: there is no file {source.file[:200]} at the commit {commit_id}.") from None
    return VersionSource(
        type="File", file=source.file, function=source.function, exclude_files=source.exclude_files or []
    )
