"""Guards of model APIs and their versions: found by id, through the rule of who sees what."""

import functools
from typing import Any

import msgspec
from litestar import Request

from modelyard.domains.model_apis import queries
from modelyard.domains.model_apis.queries import ModelApi
from modelyard.domains.model_apis.versions import queries as version_queries
from modelyard.domains.model_apis.versions.queries import Version
from modelyard.domains.projects import Project, project_by_id
from modelyard.domains.users import Caller, Right
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden, NotFound
from modelyard.kit.wire import Wire, body_as

# A version runs code with the files of its project, as a job does.
MAKING = (Right.START_JOB, Right.USE_GLOBAL_COMPUTE)


class ModelApiAccess(msgspec.Struct, frozen=True):
    """A model API, and who asks."""

    model_api: ModelApi
    caller: Caller


class VersionAccess(msgspec.Struct, frozen=True):
    """A version, its model API, and who asks."""

    version: Version
    model_api: ModelApi
    caller: Caller


async def model_api_by_id(db: Database, caller: Caller, model_api_id: str, *rights: Right) -> ModelApi:
    """A model API on which the caller has these rights, in one query.

    Raises NotFound (unknown, archived or invisible) or Forbidden (visible, without a right).
    """
    model_api = await queries.find_visible(db, caller, model_api_id)
    if model_api is None:
        raise NotFound(f"There is no model API with the id {model_api_id[:100]}, or you may not see it.")
    return demand_on(model_api, *rights)


def demand_on(model_api: ModelApi, *rights: Right) -> ModelApi:
    """The model API itself; raises Forbidden unless its caller has all these rights on it."""
    missing = [right for right in rights if right not in model_api.rights]
    if missing:
        raise Forbidden(
            f"This needs the right {', '.join(missing)} on the model API {model_api.name}; ask one of its owners"
            " for a role that has it."
        )
    return model_api


@functools.cache
def model_api_with(*rights: Right) -> Guard:
    """The guard of operations on one model API, by `modelApiId` in the path: provides `access`."""

    async def load(caller: Caller, db: Database, modelApiId: str) -> ModelApiAccess:
        return ModelApiAccess(await model_api_by_id(db, caller, modelApiId, *rights), caller)

    return Guard("access", load, rights=rights, scope="model API")


@functools.cache
def endpoint_with(*rights: Right) -> Guard:
    """The guard of operations on a project's endpoint, by `ownerName` and `projectName`: provides `access`."""

    async def load(caller: Caller, db: Database, ownerName: str, projectName: str) -> ModelApiAccess:
        found = await queries.find_endpoint_named(db, caller, ownerName, projectName)
        if found is None:
            raise NotFound(
                f"The project {ownerName[:100]}/{projectName[:100]} has no endpoint, or you may not see it."
            )
        return ModelApiAccess(await model_api_by_id(db, caller, found, *rights), caller)

    return Guard("access", load, rights=rights, scope="model API")


@functools.cache
def version_with(*rights: Right) -> Guard:
    """The guard of operations on one version, by `modelApiId` and `modelApiVersionId`: provides `access`."""

    async def load(caller: Caller, db: Database, modelApiId: str, modelApiVersionId: str) -> VersionAccess:
        model_api = await model_api_by_id(db, caller, modelApiId, *rights)
        version = await version_queries.find_version(db, model_api.id, modelApiVersionId)
        if version is None:
            raise NotFound(f"The model API {model_api.name} has no version with the id {modelApiVersionId[:100]}.")
        return VersionAccess(version, model_api, caller)

    return Guard("access", load, rights=rights, scope="model API")


class _Version(Wire):
    """The part of a version in a body that says which project it is from."""

    project_id: str


class _Named(Wire):
    """The part of a body that says which project a new model API is in."""

    version: _Version


async def _load_project(caller: Caller, db: Database, request: Request[Any, Any, Any]) -> Project:
    named = body_as(_Named, await request.body())
    return await project_by_id(db, caller, named.version.project_id, *MAKING)


# The guard of the operation that makes a model API, in the project of its first version.
project_of_first_version = Guard("project", _load_project, rights=MAKING, scope="project")
