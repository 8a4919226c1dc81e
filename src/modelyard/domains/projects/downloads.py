"""Replies with the bytes of a project's files."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from litestar import Request, Response

from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.repository import read_repository
from modelyard.engines.git import FileContent, GitStore
from modelyard.kit.db import Database
from modelyard.kit.downloads import file_reply
from modelyard.kit.open_file import OpenFile


async def download(
    db: Database,
    git: GitStore,
    project: Project,
    request: Request[Any, Any, Any],
    open_content: Callable[[], FileContent],
) -> Response[Any]:
    """The file that is opened; 206 for a part of it, 304 when the client has it, 416 for no part of it."""
    asked = dict(request.headers)

    def read() -> Response[Any]:
        file = open_content()
        return file_reply(OpenFile(file.key, file.size, lambda *part: _between(file, *part)), asked)

    return await read_repository(db, git, project, read)


def _between(file: FileContent, first: int, after: int) -> Iterator[bytes]:
    """The bytes from one place to another; what lies before is read and dropped."""
    place = 0
    with closing(file.chunks) as chunks:
        for chunk in chunks:
            piece = chunk[max(first - place, 0) : after - place]
            place += len(chunk)
            if piece:
                yield piece
            if place >= after:
                return
