"""Operations on the files of a project: public downloads, and the client's lists, uploads and commits."""

import asyncio
import re
from typing import Annotated, Any

from litestar import Request, Response
from litestar.datastructures import State
from litestar.params import Parameter

from modelyard.domains.projects.access import project_named_by, project_with
from modelyard.domains.projects.downloads import download
from modelyard.domains.projects.files_wire import (
    BrowsedEntry,
    BrowsedFolder,
    CommittedFiles,
    ListedFile,
    ListedFiles,
)
from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.repository import commit_as, read_repository
from modelyard.domains.projects.uploads import Uploads
from modelyard.domains.users import Caller, Right
from modelyard.engines.git import GitStore
from modelyard.kit.db import Database
from modelyard.kit.description import BINARY
from modelyard.kit.edge import Rewrite
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.operation import operation
from modelyard.kit.safe_path import SafePath

TAG = "ProjectsFiles"
PRIVATE_TAG = "Files (private)"

# A file may be named like the routes beside it (`runs`, `files`, `models`, ...): only PUT tells them apart.
UPLOAD = Rewrite("PUT", re.compile(r"^(/v1/projects/[^/]+/[^/]+)/(?=.)", re.DOTALL), r"\1/~upload/")

MAX_COMMITS = 10_000

HttpRequest = Request[Any, Any, State]


@operation(
    "GET",
    "/api/projects/beta/projects/{projectId:str}/files/{commitId:str}/{path:path}",
    documented="/api/projects/beta/projects/{projectId}/files/{commitId}/{path}/content",
    guard=project_with(Right.VIEW_FILES),
    tag=TAG,
    media_type=BINARY,
    deprecated=True,
)
async def get_project_file_contents_deprecated(
    project: Project, db: Database, git: GitStore, request: HttpRequest, commitId: str, path: str
) -> Response[Any]:
    """Download a file at a commit, old route."""
    return await _file(db, git, project, request, commitId, _without_content(path))


@operation(
    "GET",
    "/api/projects/v1/projects/{projectId:str}/files/{commitId:str}/{path:path}",
    documented="/api/projects/v1/projects/{projectId}/files/{commitId}/{path}/content",
    guard=project_with(Right.VIEW_FILES),
    tag=TAG,
    media_type=BINARY,
)
async def get_project_file_contents(
    project: Project, db: Database, git: GitStore, request: HttpRequest, commitId: str, path: str
) -> Response[Any]:
    """Download a file at a commit."""
    return await _file(db, git, project, request, commitId, _without_content(path))


@operation(
    "GET",
    "/v1/projects/{ownerName:str}/{projectName:str}/commits",
    guard=project_named_by("path", Right.VIEW_FILES),
    tag=PRIVATE_TAG,
)
async def list_commits(project: Project, db: Database, git: GitStore) -> list[str]:
    """The ids of a project's commits, newest first."""
    found = await read_repository(db, git, project, lambda: git.commits(project.id, MAX_COMMITS))
    return [commit.id for commit in found]


@operation(
    "GET",
    "/v1/projects/{ownerName:str}/{projectName:str}/files/{commitId:str}/{path:path}",
    guard=project_named_by("path", Right.VIEW_FILES),
    tag=PRIVATE_TAG,
)
async def list_folder_files(
    project: Project, db: Database, git: GitStore, commitId: str, path: str
) -> ListedFiles:
    """Every file below a folder at a commit."""
    return await _listed(db, git, project, commitId, SafePath(path))


@operation(
    "GET",
    "/v1/projects/{ownerName:str}/{projectName:str}/files/{commitId:str}",
    guard=project_named_by("path", Right.VIEW_FILES),
    tag=PRIVATE_TAG,
)
async def list_files(project: Project, db: Database, git: GitStore, commitId: str) -> ListedFiles:
    """Every file at a commit."""
    return await _listed(db, git, project, commitId, SafePath(""))


@operation(
    "GET",
    "/v1/projects/{ownerName:str}/{projectName:str}/blobs/{key:str}",
    guard=project_named_by("path", Right.VIEW_FILES),
    tag=PRIVATE_TAG,
    media_type=BINARY,
)
async def get_blob(project: Project, db: Database, git: GitStore, request: HttpRequest, key: str) -> Response[Any]:
    """Download a file by the key that lists give."""
    return await download(db, git, project, request, lambda: git.open_blob(project.id, key))


@operation(
    "PUT",
    "/v1/projects/{ownerName:str}/{projectName:str}/~upload/{path:path}",
    documented="/v1/projects/{ownerName}/{projectName}/{path}",
    guard=project_named_by("path", Right.EDIT_FILES),
    tag=PRIVATE_TAG,
    status=201,
    failures=(400, 401, 403, 404, 413, 500),
    request_max_body_size=None,
)
async def upload_file(
    project: Project,
    caller: Caller,
    db: Database,
    git: GitStore,
    uploads: Uploads,
    path: str,
    request: HttpRequest,
) -> CommittedFiles:
    """Upload one file, the raw body, as a commit."""
    target = SafePath(path)
    if not target:
        raise BadRequest("The upload has no path; put the file's path after the project's name.")
    async with uploads.receive(request.stream()) as received:
        commit_id = await commit_as(db, git, project, caller, {target: received}, f"Upload {target}")
    return CommittedFiles(commit_id=commit_id, path=target)


@operation(
    "POST",
    "/v4/projects/{projectId:str}/commits",
    guard=project_with(Right.EDIT_FILES),
    tag=PRIVATE_TAG,
    failures=(400, 401, 403, 404, 413, 500),
    request_max_body_size=None,
)
async def commit_archive(
    project: Project,
    caller: Caller,
    db: Database,
    git: GitStore,
    uploads: Uploads,
    request: HttpRequest,
    replace: bool = False,
    message: Annotated[str, Parameter(max_length=1000)] = "",
) -> CommittedFiles:
    """Upload the files of a tar archive as one commit; with `replace` the project then has just these."""
    async with uploads.receive(request.stream()) as received:
        files = await asyncio.to_thread(uploads.unpack, received)
        about = message or f"Upload {len(files)} files"
        commit_id = await commit_as(db, git, project, caller, files, about, replace=replace)
    return CommittedFiles(commit_id=commit_id)


@operation("GET", "/v4/projects/{projectId:str}/files", guard=project_with(Right.VIEW_FILES), tag=PRIVATE_TAG)
async def browse_files(
    project: Project, db: Database, git: GitStore, commitId: str | None = None, path: str = ""
) -> BrowsedFolder:
    """What lies in a folder, at a commit or at the newest one: folders first, then files."""
    folder = SafePath(path)

    def read() -> BrowsedFolder:
        commit_id = commitId or git.head(project.id)
        found = git.entries(project.id, commit_id, folder, recursive=False)
        return BrowsedFolder(commit_id=commit_id, path=folder, entries=[BrowsedEntry.of(one) for one in found])

    return await read_repository(db, git, project, read)


async def _file(
    db: Database, git: GitStore, project: Project, request: HttpRequest, commit_id: str, path: SafePath
) -> Response[Any]:
    if not path:
        raise NotFound("There is no file without a name; give its path before /content.")
    return await download(db, git, project, request, lambda: git.open_file(project.id, commit_id, path))


def _without_content(path: str) -> SafePath:
    if not path.endswith("/content"):
        raise NotFound("There is nothing at this address; a file's path is followed by /content.")
    return SafePath(path.removesuffix("/content"))


async def _listed(db: Database, git: GitStore, project: Project, commit_id: str, folder: SafePath) -> ListedFiles:
    def read() -> ListedFiles:
        found = git.entries(project.id, commit_id, folder, recursive=True)
        return ListedFiles(data=[ListedFile.of(entry) for entry in found])

    return await read_repository(db, git, project, read)
