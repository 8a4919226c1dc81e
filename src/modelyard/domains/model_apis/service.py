"""Rules of model APIs: what a new one needs, what may be changed, and its end."""

import re

import msgspec

from modelyard.domains import environments, hardware_tiers
from modelyard.domains.model_apis import queries
from modelyard.domains.model_apis.queries import HealthCheck, ModelApi, NewModelApi, Settings
from modelyard.domains.model_apis.versions import service as versions
from modelyard.domains.model_apis.volumes import service as volumes
from modelyard.domains.model_apis.volumes.queries import add_volumes
from modelyard.domains.model_apis.wire import (
    ModelApiCreationRequest,
    ModelApiEnvironmentVariable,
    ModelApiUpdateRequest,
)
from modelyard.domains.projects import Project
from modelyard.domains.users import Caller, ModelApiRole
from modelyard.engines.git import GitStore
from modelyard.kit import events
from modelyard.kit import queries as kit_queries
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.ids import new_id

MAX_NAME, MAX_DESCRIPTION, MAX_VARIABLE = 200, 10_000, 100_000

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_NO_VARIABLES = re.compile(r"(MODELYARD|LD)_|PYTHONPATH$|PYTHONHOME$", re.IGNORECASE)


async def create(
    db: Database,
    git: GitStore,
    vault: Vault,
    caller: Caller,
    project: Project,
    wanted: ModelApiCreationRequest,
    *,
    is_project_endpoint: bool = False,
) -> str:
    """Makes a model API and its first version; the id of the model API.

    Raises BadRequest for what cannot be used, NotFound and Forbidden for a registered model or a volume's dataset
    out of reach.
    """
    model_api_id = new_id()
    tier = await hardware_tiers.tier_for_model_api(db, wanted.hardware_tier_id)
    # The version may name another one, but later versions need not.
    own = await environments.environment_for_job(db, caller, wanted.environment_id, None)
    version = await versions.prepare(
        db, git, caller, project, wanted.version, model_api_id=model_api_id, environment_id=own.environment_id
    )
    new = _new(caller, project, wanted, model_api_id, tier.id)
    if is_project_endpoint:
        new = msgspec.structs.replace(new, is_project_endpoint=True)
    sealed = seal_variables(vault, wanted.environment_variables)
    attached = await volumes.prepared(db, caller, project.id, wanted.volumes or [])
    async with db.transaction() as tx:
        await queries.add_model_api(tx, new)
        await queries.put_collaborator(tx, model_api_id, caller.id, ModelApiRole.OWNER.value)
        await queries.add_variables(tx, model_api_id, sealed)
        await add_volumes(tx, model_api_id, attached)
        await events.record(
            tx, caller, "modelApi.created", "modelApi", model_api_id, project_id=project.id, name=new.name
        )
        await versions.add(tx, caller, version)
    return model_api_id


async def update(db: Database, caller: Caller, model_api: ModelApi, wanted: ModelApiUpdateRequest) -> None:
    """Replaces the settings of a model API; what is optional and not given stays as it is.

    The number of replicas and the tier are those of running versions at once. Raises BadRequest.
    """
    environment = await environments.environment_for_job(db, caller, wanted.environment_id, None)
    tier = await hardware_tiers.tier_for_model_api(db, wanted.hardware_tier_id or model_api.hardware_tier_id)
    public = wanted.access.is_public if wanted.access else None
    settings = Settings(
        name=checked_name(wanted.name),
        description=_checked_description(wanted.description),
        environment_id=environment.environment_id,
        hardware_tier_id=tier.id,
        replicas=wanted.replicas,
        is_public=model_api.is_public if public is None else public,
        resource_quota_id=wanted.resource_quota_id or model_api.resource_quota_id,
        request_timeout_seconds=wanted.override_request_timeout_secs or model_api.request_timeout_seconds,
        health_check=wanted.health_check.stored() if wanted.health_check else model_api.health_check,
    )
    async with db.transaction() as tx:
        await queries.change_settings(tx, model_api.id, settings)
        await queries.announce(tx, model_api.id)
        await kit_queries.notify(tx, versions.KIND)
        await events.record(
            tx, caller, "modelApi.changed", "modelApi", model_api.id, project_id=model_api.project_id,
            name=settings.name, replicas=settings.replicas, hardwareTier=settings.hardware_tier_id,
            isPublic=settings.is_public,
            before={"name": model_api.name, "replicas": model_api.replicas,
                    "hardwareTier": model_api.hardware_tier_id, "isPublic": model_api.is_public},
        )  # fmt: skip


async def archive(tx: Transaction, caller: Caller, model_api: ModelApi) -> None:
    """Stops all versions of a model API for good and takes it out of lists; its calls are refused from now on."""
    await queries.set_archived(tx, model_api.id)
    await queries.announce(tx, model_api.id)
    await kit_queries.notify(tx, versions.KIND)
    await events.record(tx, caller, "modelApi.archived", "modelApi", model_api.id, project_id=model_api.project_id)


def _new(
    caller: Caller, project: Project, wanted: ModelApiCreationRequest, model_api_id: str, tier_id: str
) -> NewModelApi:
    return NewModelApi(
        id=model_api_id,
        project_id=project.id,
        name=checked_name(wanted.name),
        description=_checked_description(wanted.description),
        environment_id=wanted.environment_id,
        hardware_tier_id=tier_id,
        replicas=wanted.replicas or 1,
        is_async=wanted.is_async,
        is_public=bool(wanted.access and wanted.access.is_public),
        strict_node_anti_affinity=wanted.strict_node_anti_affinity,
        bundle_id=wanted.bundle_id,
        resource_quota_id=wanted.resource_quota_id,
        request_timeout_seconds=wanted.override_request_timeout_secs,
        health_check=wanted.health_check.stored() if wanted.health_check else HealthCheck(),
        created_by_id=caller.id,
    )


def checked_name(name: str) -> str:
    """A name as it is stored; raises BadRequest for an empty or over-long one."""
    stripped = name.strip()
    if not stripped or len(stripped) > MAX_NAME:
        raise BadRequest(f"name: give 1 to {MAX_NAME} characters.")
    return stripped


def _checked_description(description: str) -> str:
    if len(description) > MAX_DESCRIPTION:
        raise BadRequest(f"description: at most {MAX_DESCRIPTION:,} characters are kept.")
    return description


def seal_variables(vault: Vault, variables: list[ModelApiEnvironmentVariable]) -> dict[str, bytes]:
    """The encrypted values by name; raises BadRequest for names and values that no process can have."""
    for variable in variables:
        if not _VARIABLE.fullmatch(variable.key) or _NO_VARIABLES.match(variable.key):
            raise BadRequest(
                f"environmentVariables: `{variable.key[:100]}` cannot be set; names have letters, digits and _,"
                " and those that begin with MODELYARD_ or LD_, PYTHONPATH and PYTHONHOME are the platform's."
            )
        if "\0" in variable.value or len(variable.value.encode("utf-8", "replace")) > MAX_VARIABLE:
            raise BadRequest(
                f"environmentVariables: the value of {variable.key} has a null character or more than"
                f" {MAX_VARIABLE:,} bytes."
            )
    return {variable.key: vault.seal(variable.value) for variable in variables}
