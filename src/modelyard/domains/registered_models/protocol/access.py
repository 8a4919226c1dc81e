"""Guards of MLflow's registry operations: what they are about stands in the query, or in the JSON body."""

import functools
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State

from modelyard.domains.experiments import (
    PROJECT_TAG,
    artifact_experiment,
    own_project,
    project_named,
    visible_experiment,
)
from modelyard.domains.projects import Project
from modelyard.domains.registered_models.access import model_by_name, version_by_alias, version_by_number
from modelyard.domains.registered_models.protocol.wire import NewModelFields, tags_of
from modelyard.domains.registered_models.queries import RegisteredModel
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.domains.users import Caller, Right
from modelyard.engines.tracker import ARTIFACT_SCHEME
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.wire import body_as

T = TypeVar("T")

HttpRequest = Request[Any, Any, State]


class _Model(msgspec.Struct):
    name: str


class _Version(msgspec.Struct):
    name: str
    version: str | int


class _Alias(msgspec.Struct):
    name: str
    alias: str


async def asked(request: HttpRequest, shape: type[T]) -> T:
    """What a request of either kind says; raises BadRequest."""
    if request.method != "GET":
        return body_as(shape, await request.body())
    try:
        return msgspec.convert(dict(request.query_params), shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The query is not what this operation takes: {error}.") from None


def number_of(version: str | int) -> int:
    """The number of a version, which clients send as text; raises BadRequest."""
    text = str(version)
    if not text.isdecimal() or len(text) > 20:
        raise BadRequest(f"A version is a whole number; '{text[:50]}' is none.")
    return int(text)


@functools.cache
def model_asked(*rights: Right) -> Guard:
    """The guard of operations on the model that a request names: provides `model`."""

    async def load(caller: Caller, db: Database, request: HttpRequest) -> RegisteredModel:
        return await model_by_name(db, caller, (await asked(request, _Model)).name, *rights)

    return Guard("model", load, rights=rights, scope="registry")


@functools.cache
def version_asked(*rights: Right) -> Guard:
    """The guard of operations on the version that a request names: provides `model_version`."""

    async def load(caller: Caller, db: Database, request: HttpRequest) -> ModelVersion:
        named = await asked(request, _Version)
        return await version_by_number(db, caller, named.name, number_of(named.version), *rights)

    return Guard("model_version", load, rights=rights, scope="registry")


async def _load_by_alias(caller: Caller, db: Database, request: HttpRequest) -> ModelVersion:
    named = await asked(request, _Alias)
    return await version_by_alias(db, caller, named.name, named.alias, Right.VIEW_JOBS)


async def _load_files(caller: Caller, db: Database, request: HttpRequest) -> ModelVersion:
    named = await asked(request, _Version)
    version = await version_by_number(db, caller, named.name, number_of(named.version), Right.VIEW_JOBS)
    # They may be of a run in another project, which shows them to its own people only.
    await visible_experiment(db, caller, artifact_experiment(artifact_path(version)), Right.VIEW_JOBS)
    return version


def artifact_path(version: ModelVersion) -> str:
    """Where the files of a version are in the artifact store."""
    return version.storage_location.removeprefix(ARTIFACT_SCHEME).strip("/")


async def _load_place(caller: Caller, db: Database, request: HttpRequest) -> Project:
    tags = tags_of((await asked(request, NewModelFields)).tags)
    return await own_project(db, caller, tags.get(PROJECT_TAG) or project_named(request), Right.EDIT)


version_by_alias_asked = Guard("model_version", _load_by_alias, rights=(Right.VIEW_JOBS,), scope="registry")

# Whose files a request is for, and may be read.
version_files_asked = Guard("model_version", _load_files, rights=(Right.VIEW_JOBS,), scope="registry")

# A new model is in a job's own project, in the one that a tag or the address names, or in the quick-start.
new_model = Guard("project", _load_place, rights=(Right.EDIT,), scope="registry")
