"""Guards of jobs: a job is seen and changed with the rights of its project."""

from typing import Any

import msgspec
from litestar import Request

from modelyard.domains.jobs import queries
from modelyard.domains.jobs.queries import Job
from modelyard.domains.projects import Project, project_by_id
from modelyard.domains.users import Caller, Right, authenticate
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import NotFound
from modelyard.kit.wire import Wire, body_as


class JobAccess(msgspec.Struct, frozen=True):
    """A job, its project, and who asks."""

    job: Job
    project: Project
    caller: Caller


async def job_by_id(db: Database, caller: Caller, job_id: str, *rights: Right) -> JobAccess:
    """A job that the caller may use so; raises NotFound or Forbidden."""
    job = await queries.find_job(db, job_id)
    missing = NotFound(f"There is no job with the id {job_id}.")
    if job is None:
        raise missing
    try:
        project = await project_by_id(db, caller, job.project_id, *rights)
    except NotFound:
        raise missing from None
    return JobAccess(job, project, caller)


class _Named(Wire):
    """The part of a body that says which job it is about."""

    job_id: str


def job_in_body(*rights: Right) -> Guard:
    """The guard of operations whose job is the `jobId` of the JSON body."""

    async def load(caller: Caller, db: Database, request: Request[Any, Any, Any]) -> JobAccess:
        named = body_as(_Named, await request.body())
        return await job_by_id(db, caller, named.job_id, *rights)

    return Guard("access", load, rights=rights, scope="project")


def job_with(*rights: Right, named: str = "jobId") -> Guard:
    """The guard of operations on one job, whose id is the path or query parameter `named`."""

    async def load(request: Request, db: Database) -> JobAccess:  # type: ignore[type-arg]
        caller = await authenticate(request, db)
        job_id = request.path_params.get(named) or request.query_params.get(named) or ""
        return await job_by_id(db, caller, str(job_id), *rights)

    return Guard("access", load, rights=rights, scope="project")
