"""The operation that hands out a whole tree as one archive."""

import hashlib
from typing import Any

import msgspec
from litestar import Request, Response

from modelyard.domains.projects.access import project_with
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.repository import read_repository
from modelyard.domains.users import Right
from modelyard.engines.git import GitStore
from modelyard.kit.archives import ArchiveFormat, file_name
from modelyard.kit.db import Database
from modelyard.kit.description import BINARY
from modelyard.kit.downloads import archive_reply
from modelyard.kit.errors import NotFound
from modelyard.kit.operation import operation
from modelyard.kit.safe_path import SafePath

TAG = "Files (private)"

# Counted up when the same tree becomes other bytes than before.
_LAYOUT = 1


@operation(
    "GET",
    "/v4/projects/{projectId:str}/archive",
    guard=project_with(Right.VIEW_FILES),
    tag=TAG,
    media_type=BINARY,
)
async def download_archive(
    project: Project,
    db: Database,
    git: GitStore,
    request: Request[Any, Any, Any],
    commitId: str | None = None,
    path: str = "",
    format: ArchiveFormat = "tar.gz",
) -> Response[Any]:
    """Download a folder, or all files, at a commit or at the newest one, as tar.gz, tar or zip."""
    folder, asked = SafePath(path), dict(request.headers)

    def read() -> Response[Any]:
        commit = git.find_commit(project.id, commitId or git.head(project.id))
        if commit is None:
            raise NotFound(f"There is no commit {str(commitId)[:80]} in this project.")
        top = f"{file_name(project.name)}-{commit.id[:10]}"
        pieces = git.archive(project.id, commit.id, folder, format, top)
        identity = msgspec.json.encode([_LAYOUT, commit.id, str(folder), format, top])
        return archive_reply(pieces, asked, hashlib.sha256(identity).hexdigest()[:40], top, format)

    return await read_repository(db, git, project, read)
