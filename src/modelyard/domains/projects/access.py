"""Guards of projects: found by id, or by owner and name, through the rule of who sees what."""

import functools
from typing import Any, Literal

from litestar import Request

from modelyard.domains.projects import queries
from modelyard.domains.projects.queries import Project
from modelyard.domains.users import Caller, Right
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden, NotFound
from modelyard.kit.wire import Wire, body_as


def demand(project: Project, *rights: Right) -> Project:
    """The project itself; raises Forbidden unless its caller has all these rights in it."""
    missing = [right for right in rights if right not in project.rights]
    if missing:
        raise Forbidden(
            f"This needs the right {', '.join(missing)} in the project {project.owner_name}/{project.name};"
            f" ask its owner for a role that has it (POST /v4/projects/{project.id}/accessRequests)."
        )
    return project


async def project_by_id(db: Database, caller: Caller, project_id: str, *rights: Right) -> Project:
    """A live project in which the caller has these rights, in one query.

    Raises NotFound (unknown, archived or invisible) or Forbidden (visible, without a right).
    """
    project = await queries.find_visible(db, caller, project_id)
    if project is None:
        raise NotFound(f"There is no project with the id {project_id[:100]}, or you may not see it.")
    return demand(project, *rights)


async def project_by_name(db: Database, caller: Caller, owner: str, name: str, *rights: Right) -> Project:
    """As `project_by_id`, by the owner's name and the project's, whatever their case."""
    project = await queries.find_visible_by_name(db, caller, owner, name)
    if project is None:
        raise NotFound(f"There is no project {owner[:100]}/{name[:100]}, or you may not see it.")
    return demand(project, *rights)


@functools.cache
def project_with(*rights: Right) -> Guard:
    """The guard of operations on one project, by `projectId` in the path or, where it is not, the query."""

    async def load(caller: Caller, db: Database, projectId: str) -> Project:
        return await project_by_id(db, caller, projectId, *rights)

    return Guard("project", load, rights=rights, scope="project")


@functools.cache
def project_named_by(place: Literal["query", "path"], *rights: Right) -> Guard:
    """The guard of operations whose project is the query's `projectId`, or the path's owner and name."""
    if place == "query":
        return project_with(*rights)

    async def load(caller: Caller, db: Database, ownerName: str, projectName: str) -> Project:
        return await project_by_name(db, caller, ownerName, projectName, *rights)

    return Guard("project", load, rights=rights, scope="project")


class _Named(Wire):
    """The part of a body that says which project it is about."""

    project_id: str


@functools.cache
def project_in_body(*rights: Right) -> Guard:
    """The guard of operations whose project is the `projectId` of the JSON body."""

    async def load(caller: Caller, db: Database, request: Request[Any, Any, Any]) -> Project:
        named = body_as(_Named, await request.body())
        return await project_by_id(db, caller, named.project_id, *rights)

    return Guard("project", load, rights=rights, scope="project")
