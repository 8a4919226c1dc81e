"""Rules of environments: making them and their revisions, restricting, archiving."""

import msgspec

from modelyard.domains.environments import builds, queries
from modelyard.domains.environments.access import visible_environment
from modelyard.domains.environments.queries import Environment, NewRevision, Revision
from modelyard.domains.environments.wire import NewEnvironmentRevisionV1, NewEnvironmentV1
from modelyard.domains.organizations import belongs_to
from modelyard.domains.users import Caller
from modelyard.kit import events
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id

_SCRIPTS = {
    "preRun": "pre_run_script",
    "postRun": "post_run_script",
    "preSetup": "pre_setup_script",
    "postSetup": "post_setup_script",
}


async def create(tx: Transaction, vault: Vault, caller: Caller, new: NewEnvironmentV1) -> Environment:
    """A new environment and its first revision, whose build begins; raises BadRequest."""
    source = await _source(tx, caller, new.duplicate_from_environment_id)
    name = (new.name or "").strip() or (f"Copy of {source[0].name}" if source else "")
    visibility = (new.visibility or "").lower() or (source[0].visibility if source else "")
    if not name:
        raise BadRequest("name: an environment needs one.")
    if visibility not in {"global", "private"} and not (source and visibility == "organization"):
        raise BadRequest("visibility: must be global or private; with orgOwnerId, private is the organization.")
    if visibility == "global" and not caller.is_admin:
        raise BadRequest("visibility: only administrators make global environments; make a private one.")
    if not source and not new.image:
        raise BadRequest("image: the first revision needs a base image, such as `python`.")
    environment_id = new_id()
    owner_id, visibility = await _owner(tx, caller, visibility, new.org_owner_id)
    await queries.add_environment(tx, environment_id, name, owner_id, visibility, is_default=False)
    revision = _copied(source[1], environment_id, caller) if source else _new(vault, environment_id, caller, new)
    await queries.add_revision(tx, revision)
    await builds.ensure_building(tx, revision.id)
    await events.record(tx, caller, "environment.created", "environment", environment_id, name=name)
    return await visible_environment(tx, caller, environment_id)


async def revise(
    tx: Transaction, vault: Vault, caller: Caller, environment: Environment, new: NewEnvironmentRevisionV1
) -> Revision:
    """A new revision, whose build begins; it is selected once it is built. Raises BadRequest."""
    if environment.is_archived:
        raise BadRequest(f"The environment {environment.name} is archived.")
    latest = await queries.latest_revision(tx, environment.id)
    revision = _new(vault, environment.id, caller, new, image=latest.image if latest else "")
    made = await queries.add_revision(tx, revision)
    await builds.ensure_building(tx, made.id)
    await events.record(tx, caller, "environment.revised", "environment", environment.id, revision=made.number)
    return await revision_of(tx, environment, made.id)


async def revision_of(tx: Executor, environment: Environment, revision_id: str) -> Revision:
    """A revision of an environment; raises NotFound."""
    revision = await queries.find_revision(tx, revision_id)
    if revision is None or revision.environment_id != environment.id:
        raise NotFound(f"The environment {environment.name} has no revision with the id {revision_id}.")
    return revision


async def restrict(
    tx: Transaction, caller: Caller, environment: Environment, revision: Revision, *, restricted: bool
) -> None:
    """Notes that restricted projects may use this revision, or may not any more."""
    if restricted or environment.restricted_revision_id == revision.id:
        await queries.set_restricted(tx, environment.id, revision.id if restricted else None)
    await events.record(
        tx, caller, "environment.restricted", "environment", environment.id,
        revision=revision.number, isRestricted=restricted,
    )  # fmt: skip


async def archive(tx: Transaction, caller: Caller, environment: Environment) -> Environment:
    """Takes an environment out of lists; raises BadRequest for the default one."""
    if environment.is_default:
        raise BadRequest("This is the default environment; make another one the default first.")
    await queries.set_archived(tx, environment.id)
    await events.record(tx, caller, "environment.archived", "environment", environment.id)
    return msgspec.structs.replace(environment, is_archived=True)


async def _owner(
    tx: Transaction, caller: Caller, visibility: str, organization_id: str | None
) -> tuple[str | None, str]:
    """Who owns a new environment, and its visibility: an organization's is seen by all its members."""
    if not organization_id:
        return (None, "global") if visibility == "global" else (caller.id, "private")
    if visibility == "global":
        raise BadRequest("orgOwnerId: a global environment belongs to nobody; leave the field out.")
    if not await belongs_to(tx, caller.id, organization_id):
        raise BadRequest("orgOwnerId: there is no organization with this id that you are a member of.")
    return organization_id, "organization"


async def _source(
    tx: Transaction, caller: Caller, environment_id: str | None
) -> tuple[Environment, Revision] | None:
    if not environment_id:
        return None
    environment = await visible_environment(tx, caller, environment_id)
    revision = await queries.latest_revision(tx, environment.id)
    if revision is None:
        raise BadRequest(f"The environment {environment.name} has no revision to copy.")
    return environment, revision


def _new(
    vault: Vault, environment_id: str, caller: Caller, new: NewEnvironmentRevisionV1, *, image: str = ""
) -> NewRevision:
    variables: dict[str, str] = {}
    for variable in new.environment_variables or []:
        name = variable.key or variable.name
        if not name or "=" in name or "\0" in name + variable.value:
            raise BadRequest("environmentVariables: each needs a key without `=`, and a value.")
        variables[name] = variable.value
    scripts = {name: text for name, field in _SCRIPTS.items() if (text := getattr(new, field))}
    return NewRevision(
        id=new_id(),
        environment_id=environment_id,
        image=new.image or image,
        instructions=new.dockerfile_instructions or "",
        sealed_variables=vault.seal(msgspec.json.encode(variables).decode()),
        scripts=scripts,
        summary=new.summary or "",
        tags=new.tags or [],
        supported_clusters=list(new.supported_clusters or []),
        workspace_tools=msgspec.to_builtins(new.workspace_tools or []),
        skip_cache=bool(new.skip_cache),
        created_by_id=caller.id,
    )


def _copied(revision: Revision, environment_id: str, caller: Caller) -> NewRevision:
    kept = {
        name: getattr(revision, name)
        for name in NewRevision.__struct_fields__
        if name not in {"id", "environment_id", "created_by_id"}
    }
    return NewRevision(id=new_id(), environment_id=environment_id, created_by_id=caller.id, **kept)
