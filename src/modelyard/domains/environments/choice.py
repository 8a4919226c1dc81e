"""Which revision a job runs in."""

import re

import msgspec

from modelyard.domains.environments import queries
from modelyard.domains.environments.access import visible_environment
from modelyard.domains.environments.queries import Environment, Revision
from modelyard.domains.users import Caller
from modelyard.kit.db import Executor
from modelyard.kit.errors import BadRequest, NotFound

_PINNED = re.compile(r"(?:SomeRevision|Revision)?\(?([0-9a-f]{24})\)?", re.IGNORECASE)


class RevisionChoice(msgspec.Struct, frozen=True):
    """A revision that a job may use."""

    environment_id: str
    revision_id: str
    number: int


async def environment_for_job(
    db: Executor, caller: Caller, environment_id: str | None, spec: str | None, *, restricted: bool = False
) -> RevisionChoice:
    """The revision of an environment (the default one when none is named) that `spec` asks for.

    `spec` is ActiveRevision (the default), LatestRevision, or SomeRevision(id). A restricted project may use
    only the restricted revision, which is then the default. Raises BadRequest.
    """
    environment = await _environment(db, caller, environment_id)
    if environment.is_archived:
        raise BadRequest(f"The environment {environment.name} is archived; choose another one.")
    if restricted and environment.restricted_revision_id is None:
        raise BadRequest(
            f"The environment {environment.name} has no revision that restricted projects may use; choose another"
            " environment, or ask an administrator to restrict a revision."
        )
    default = f"SomeRevision({environment.restricted_revision_id})" if restricted else "ActiveRevision"
    revision = await _revision(db, environment, (spec or default).strip())
    if restricted and revision.id != environment.restricted_revision_id:
        raise BadRequest(
            f"This project is restricted; of the environment {environment.name} it may use only the restricted"
            " revision. Leave environmentRevisionSpec out."
        )
    return RevisionChoice(environment.id, revision.id, revision.number)


async def _environment(db: Executor, caller: Caller, environment_id: str | None) -> Environment:
    if environment_id is None:
        found = await queries.default_environment(db)
        if found is None:
            raise BadRequest("There is no default environment; name one.")
        return found
    try:
        return await visible_environment(db, caller, environment_id)
    except NotFound as missing:
        raise BadRequest(missing.message) from None


async def _revision(db: Executor, environment: Environment, spec: str) -> Revision:
    latest = await queries.latest_revision(db, environment.id)
    wanted: Revision | None
    pinned = _PINNED.fullmatch(spec)
    if spec.lower() in {"activerevision", "active"}:
        selected = environment.selected_revision_id
        wanted = await queries.find_revision(db, selected) if selected else latest
    elif spec.lower() in {"latestrevision", "latest"}:
        wanted = latest
    elif pinned:
        wanted = await queries.find_revision(db, pinned[1].lower())
    else:
        raise BadRequest(
            "environmentRevisionSpec: must be ActiveRevision, LatestRevision or SomeRevision(<revisionId>)."
        )
    if wanted is None or wanted.environment_id != environment.id:
        raise BadRequest(f"The environment {environment.name} has no such revision.")
    if wanted.status in {"failed", "killed"}:
        raise BadRequest(
            f"Revision {wanted.number} of the environment {environment.name} could not be built:"
            f" {wanted.failure or 'its build was stopped'}"
        )
    return wanted
