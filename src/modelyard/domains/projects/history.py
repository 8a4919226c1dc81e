"""The operation on a file's past."""

from typing import Annotated

from litestar.params import Parameter

from modelyard.domains.projects.access import project_with
from modelyard.domains.projects.files_wire import FileHistory, FileRevision
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.repository import read_repository
from modelyard.domains.users import Right
from modelyard.engines.git import GitStore
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.paging import MAX_LIMIT, Offset
from modelyard.kit.safe_path import SafePath

TAG = "Files (private)"


@operation("GET", "/v4/projects/{projectId:str}/files/history", guard=project_with(Right.VIEW_FILES), tag=TAG)
async def get_file_history(
    project: Project,
    db: Database,
    git: GitStore,
    path: str,
    commitId: str | None = None,
    offset: Offset = 0,
    limit: Annotated[int, Parameter(ge=1, le=MAX_LIMIT)] = 25,
) -> FileHistory:
    """The commits that changed a file, newest first, also when it is gone; up to a commit if one is given."""
    file = SafePath(path)
    if not file:
        raise BadRequest("The query's path is empty; give the path of a file.")
    found = await read_repository(
        db, git, project, lambda: git.history(project.id, file, limit + 1, offset, commitId or None)
    )
    return FileHistory(
        path=file,
        offset=offset,
        limit=limit,
        has_more=len(found) > limit,
        revisions=[FileRevision.of(change) for change in found[:limit]],
    )
