"""Guards of registered models and their versions: found by name, through the rule of who sees what."""

import functools
from typing import Any

from litestar import Request

from modelyard.domains.experiments import ExperimentRun, visible_run
from modelyard.domains.projects import Project, demand
from modelyard.domains.registered_models import queries
from modelyard.domains.registered_models.queries import RegisteredModel
from modelyard.domains.registered_models.versions import queries as version_queries
from modelyard.domains.registered_models.versions.queries import Found, ListedVersions, ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import Tracker
from modelyard.kit.access import Guard
from modelyard.kit.db import Database, Executor
from modelyard.kit.edge import decoded
from modelyard.kit.errors import NotFound
from modelyard.kit.paging import Limit, Offset, Page
from modelyard.kit.wire import Wire, body_as


def no_model(name: str) -> NotFound:
    """What is said of a model that is unknown or invisible."""
    return NotFound(f"There is no registered model with the name '{name[:250]}', or you may not see it.")


def no_version(model: RegisteredModel, version: object) -> NotFound:
    """What is said of a version that a visible model does not have."""
    return NotFound(f"The model '{model.name}' has no version {version}.")


def demand_on(model: RegisteredModel, *rights: Right) -> RegisteredModel:
    """The model itself; raises Forbidden unless its caller has these rights in its project.

    Without any, it is enough that the model is discoverable; else jobs of the project must be visible.
    """
    demand(model.project, *(rights or (() if model.discoverable else (Right.VIEW_JOBS,))))
    return model


async def model_by_name(db: Executor, caller: Caller, name: str, *rights: Right) -> RegisteredModel:
    """A model in whose project the caller has these rights, in one query; see `demand_on`.

    Raises NotFound (unknown or invisible) or Forbidden (visible, without a right).
    """
    model = await queries.find_visible(db, caller, name)
    if model is None:
        raise no_model(name)
    return demand_on(model, *rights)


def _allowed(found: Found | None, name: str, version: object, rights: tuple[Right, ...]) -> ModelVersion:
    if found is None:
        raise no_model(name)
    # Versions are no basic details: that a model is discoverable does not show them.
    demand(found.model.project, *(rights or (Right.VIEW_JOBS,)))
    if found.version is None:
        raise no_version(found.model, version)
    return found.version


async def version_by_number(db: Executor, caller: Caller, name: str, version: int, *rights: Right) -> ModelVersion:
    """A version of a model in whose project the caller has these rights (or VIEW_JOBS), in one query.

    Raises NotFound (unknown or invisible) or Forbidden (visible, without a right).
    """
    number = version if 0 < version < 2**31 else 0
    return _allowed(await version_queries.find_version(db, caller, name, number), name, version, rights)


async def version_by_alias(db: Executor, caller: Caller, name: str, alias: str, *rights: Right) -> ModelVersion:
    """As `version_by_number`, by an alias; `latest` is the newest version."""
    found = await version_queries.find_by_alias(db, caller, name, alias)
    return _allowed(found, name, f"with the alias '{alias[:250]}'", rights)


@functools.cache
def model_with(*rights: Right) -> Guard:
    """The guard of operations on one model, by `modelName` in the path: provides `model`."""

    async def load(caller: Caller, db: Database, modelName: str) -> RegisteredModel:
        return await model_by_name(db, caller, decoded(modelName), *rights)

    return Guard("model", load, rights=rights or (Right.VIEW_JOBS,), scope="project")


@functools.cache
def version_with(*rights: Right) -> Guard:
    """The guard of operations on one version, by `modelName` and `version` in the path.

    It provides `model_version`, as `version` is the number in the path.
    """

    async def load(caller: Caller, db: Database, modelName: str, version: int) -> ModelVersion:
        return await version_by_number(db, caller, decoded(modelName), version, *rights)

    return Guard("model_version", load, rights=rights or (Right.VIEW_JOBS,), scope="project")


class _OfRun(Wire):
    """The part of a body that says which run it is about."""

    experiment_run_id: str


@functools.cache
def run_in_body(*rights: Right) -> Guard:
    """The guard of operations whose run is the `experimentRunId` of the JSON body: provides `run`."""

    async def load(
        caller: Caller, db: Database, tracker: Tracker, request: Request[Any, Any, Any]
    ) -> ExperimentRun:
        named = body_as(_OfRun, await request.body())
        return await visible_run(db, tracker, caller, named.experiment_run_id, *rights)

    return Guard("run", load, rights=rights, scope="experiment")


async def _load_found_project(caller: Caller, db: Database, projectId: str) -> Project:
    project = await queries.find_project_or_model_of(db, caller, projectId)
    if project is None:
        raise NotFound(f"There is no project with the id {projectId[:100]}, or you may not see it.")
    return project


# The guard of requests for access to a project: one that the caller sees, or sees a model of.
found_project = Guard("project", _load_found_project, scope="any account")


async def _load_versions(
    caller: Caller, db: Database, modelName: str, offset: Offset = 0, limit: Limit = 20
) -> ListedVersions:
    name = decoded(modelName)
    found = await version_queries.list_of_model(db, caller, name, Page(offset, limit))
    if found is None:
        raise no_model(name)
    demand(found.model.project, Right.VIEW_JOBS)
    return found


# The guard of the list of a model's versions, which it reads in the same query as the model.
versions_of_model = Guard("listed", _load_versions, rights=(Right.VIEW_JOBS,), scope="project")
