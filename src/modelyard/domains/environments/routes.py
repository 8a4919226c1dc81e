"""Public operations on environments."""

from modelyard.domains.environments import queries, service
from modelyard.domains.environments.access import EnvironmentAccess, environment_with
from modelyard.domains.environments.queries import Environment
from modelyard.domains.environments.replies import environment_replies, revision_reply
from modelyard.domains.environments.wire import (
    EnvironmentEnvelopeV1,
    EnvironmentRevisionEnvelopeV1,
    EnvironmentRevisionUpdateEnvelopeV1,
    NewEnvironmentRevisionV1,
    NewEnvironmentV1,
    PaginatedEnvironmentEnvelopeV1,
    UpdateEnvironmentRevisionV1,
)
from modelyard.domains.users import Caller, Right, authenticated, authenticated_with
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import metadata

TAG = "Environments"


@operation("GET", "/api/environments/beta/environments", guard=authenticated, tag=TAG)
async def get_environments(caller: Caller, db: Database, page: Page) -> PaginatedEnvironmentEnvelopeV1:
    """List the environments that the caller may use."""
    found = await queries.list_visible(db, caller.id, page, is_admin=caller.is_admin)
    return PaginatedEnvironmentEnvelopeV1(
        environments=await environment_replies(db, found.rows), metadata=paged(page, found.total)
    )


@operation(
    "POST",
    "/api/environments/beta/environments",
    guard=authenticated_with(Right.CREATE_ENVIRONMENT, Right.USE_FILE_STORAGE),
    rights=(Right.CREATE_ENVIRONMENT, Right.EDIT_ENVIRONMENT, Right.USE_FILE_STORAGE),
    tag=TAG,
)
async def create_environment(
    caller: Caller, tx: Transaction, vault: Vault, data: NewEnvironmentV1
) -> EnvironmentEnvelopeV1:
    """Create an environment and its first revision."""
    return await _envelope(tx, await service.create(tx, vault, caller, data))


@operation(
    "POST",
    "/api/environments/beta/environments/{environmentId:str}/revisions",
    guard=environment_with(Right.MANAGE_ENVIRONMENTS, Right.EDIT_ENVIRONMENT, Right.USE_FILE_STORAGE),
    tag=TAG,
)
async def create_environment_revision(
    access: EnvironmentAccess, tx: Transaction, vault: Vault, data: NewEnvironmentRevisionV1
) -> EnvironmentRevisionEnvelopeV1:
    """Create a revision of an environment; it is built at once."""
    revision = await service.revise(tx, vault, access.caller, access.environment, data)
    return EnvironmentRevisionEnvelopeV1(environment_revision=revision_reply(revision), metadata=metadata())


@operation(
    "PATCH",
    "/api/environments/beta/environments/{environmentId:str}/revisions/{revisionId:str}",
    guard=environment_with(Right.CLASSIFY_ENVIRONMENTS),
    tag=TAG,
)
async def update_environment_revision_is_restricted(
    access: EnvironmentAccess, tx: Transaction, revisionId: str, data: UpdateEnvironmentRevisionV1
) -> EnvironmentRevisionUpdateEnvelopeV1:
    """Say whether restricted projects may use a revision."""
    revision = await service.revision_of(tx, access.environment, revisionId)
    await service.restrict(tx, access.caller, access.environment, revision, restricted=data.is_restricted)
    return EnvironmentRevisionUpdateEnvelopeV1(id=revision.id)


@operation(
    "GET",
    "/api/environments/v1/environments/{environmentId:str}",
    guard=environment_with(Right.VIEW_ENVIRONMENT),
    tag=TAG,
)
async def get_environment(access: EnvironmentAccess, db: Database) -> EnvironmentEnvelopeV1:
    """Read one environment."""
    return await _envelope(db, access.environment)


@operation(
    "DELETE",
    "/api/environments/v1/environments/{environmentId:str}",
    guard=environment_with(Right.MANAGE_ENVIRONMENTS, Right.EDIT_ENVIRONMENT),
    tag=TAG,
)
async def archive_environment(access: EnvironmentAccess, tx: Transaction) -> EnvironmentEnvelopeV1:
    """Take an environment out of lists; old runs still refer to it."""
    return await _envelope(tx, await service.archive(tx, access.caller, access.environment))


async def _envelope(db: Executor, environment: Environment) -> EnvironmentEnvelopeV1:
    (reply,) = await environment_replies(db, [environment])
    return EnvironmentEnvelopeV1(environment=reply, metadata=metadata())
