"""Private routes on environments."""

from modelyard.domains.environments import lifecycle, queries, service
from modelyard.domains.environments.access import EnvironmentAccess, environment_with, visible_environment
from modelyard.domains.environments.queries import Environment
from modelyard.domains.environments.wire import (
    BuildLog,
    BuildLogLine,
    DefaultEnvironment,
    EnvironmentList,
    ListedEnvironment,
    RevisionDetails,
    SetDefaultEnvironment,
    UseableEnvironments,
)
from modelyard.domains.projects import Project, project_with
from modelyard.domains.users import Caller, Right, authenticated, authenticated_with
from modelyard.kit import events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.operation import operation
from modelyard.kit.paging import MAX_LIMIT, Page
from modelyard.kit.wire import present

TAG = "Environments (private)"
LOG_LINES = 10_000


@operation("GET", "/v1/environments", guard=authenticated, tag=TAG)
async def list_environments(caller: Caller, db: Database) -> EnvironmentList:
    """Every environment that the caller may use."""
    return EnvironmentList(object_type="list", url="/v1/environments", data=await _listed(db, caller))


@operation("GET", "/v4/environments/defaultEnvironment", guard=authenticated, tag=TAG)
async def get_default_environment(caller: Caller, db: Database) -> DefaultEnvironment:  # noqa: ARG001
    """The environment that is used when none is named."""
    environment = await queries.default_environment(db)
    revision = await queries.latest_revision(db, environment.id) if environment else None
    if environment is None or revision is None:
        raise NotFound("There is no default environment.")
    return DefaultEnvironment(id=environment.id, name=environment.name, latest_revision_details=_details(revision))


@operation(
    "POST",
    "/v4/environments/setDefaultEnvironment",
    guard=authenticated_with(Right.MANAGE_ENVIRONMENTS),
    tag=TAG,
)
async def set_default_environment(
    caller: Caller, tx: Transaction, data: SetDefaultEnvironment
) -> ListedEnvironment:
    """Make a global environment the one that is used when none is named."""
    environment = await visible_environment(tx, caller, data.environment_id)
    if environment.visibility != "global" or environment.is_archived:
        raise BadRequest("The default environment must be a global one in use.")
    before = await queries.set_default(tx, environment.id)
    await events.record(
        tx, caller, "environment.madeDefault", "environment", environment.id,
        defaultEnvironmentId=environment.id, before=before,
    )  # fmt: skip
    return _short(environment)


@operation("GET", "/v4/environments/environmentRevision/{revisionId:str}", guard=authenticated, tag=TAG)
async def get_environment_revision(caller: Caller, db: Database, revisionId: str) -> RevisionDetails:
    """Read one revision."""
    revision = await queries.find_revision(db, revisionId)
    if revision is None:
        raise NotFound(f"There is no environment revision with the id {revisionId}.")
    await visible_environment(db, caller, revision.environment_id)
    return _details(revision)


@operation(
    "GET",
    "/v4/environments/{environmentId:str}/revisions/{revisionId:str}/buildLogs",
    guard=environment_with(Right.VIEW_ENVIRONMENT),
    tag=TAG,
)
async def get_build_log(
    access: EnvironmentAccess, db: Database, revisionId: str, sinceTimeNano: int = 0
) -> BuildLog:
    """The log of a revision's build, also while it is built."""
    revision = await service.revision_of(db, access.environment, revisionId)
    lines = await queries.build_lines(db, revision.id, sinceTimeNano, LOG_LINES)
    return BuildLog(
        status=present(revision.status),
        is_complete=revision.status in lifecycle.ENDED and len(lines) < LOG_LINES,
        lines=[BuildLogLine(time_nano=str(line.time_ns), text=line.line) for line in lines],
    )


@operation(
    "GET",
    "/v4/projects/{projectId:str}/useableEnvironments",
    guard=project_with(Right.LIST_PROJECT),
    tag=TAG,
)
async def list_useable_environments(
    project: Project,  # noqa: ARG001
    caller: Caller,
    db: Database,
) -> UseableEnvironments:
    """The environments that jobs of a project may use."""
    return UseableEnvironments(environments=await _listed(db, caller))


async def _listed(db: Database, caller: Caller) -> list[ListedEnvironment]:
    found = await queries.list_visible(db, caller.id, Page(0, MAX_LIMIT), is_admin=caller.is_admin)
    return [_short(environment) for environment in found.rows]


def _short(environment: Environment) -> ListedEnvironment:
    return ListedEnvironment(
        id=environment.id, name=environment.name, visibility=environment.visibility.capitalize()
    )


def _details(revision: queries.Revision) -> RevisionDetails:
    return RevisionDetails(
        id=revision.id,
        number=revision.number,
        docker_image=revision.image,
        status=present(revision.status),
    )
