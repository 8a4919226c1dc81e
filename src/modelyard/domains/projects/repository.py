"""The files of projects: their repository, made when it is first needed, and commits by people."""

import asyncio
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import TypeVar

from modelyard.domains.projects.queries import Project
from modelyard.domains.projects.service import QUICK_START
from modelyard.domains.users import find_user
from modelyard.engines.git import Author, Changes, GitStore
from modelyard.kit import events
from modelyard.kit.db import Database
from modelyard.kit.errors import NotFound
from modelyard.kit.safe_path import SafePath

T = TypeVar("T")

# What git takes as the address in a signature.
_SIGNABLE = re.compile(r"[^\s<>\x00-\x1f\x7f]+")


async def ensure_repository(db: Database, git: GitStore, project: Project) -> None:
    """Makes the repository of a project with its first commit, unless it is there.

    So the row of a project is all that its creation has to commit, and no crash leaves one without the
    other. Several callers at once make one repository.
    """
    if await asyncio.to_thread(git.exists, project.id):
        return
    author = await author_of(db, project.owner_id, project.owner_name)
    await asyncio.to_thread(git.create, project.id, _first_files(project), author, "Start the project")


async def read_repository(db: Database, git: GitStore, project: Project, read: Callable[[], T]) -> T:
    """What `read` gives in a thread; the repository is made first where it is missing. Raises NotFound."""
    try:
        return await asyncio.to_thread(read)
    except NotFound:
        if await asyncio.to_thread(git.exists, project.id):
            raise
    await ensure_repository(db, git, project)
    return await asyncio.to_thread(read)


async def author_of(db: Database, account_id: str, user_name: str) -> Author:
    """How an account signs its commits."""
    user = await find_user(db, account_id)
    email = (user.email if user else None) or ""
    return Author(user_name, email if _SIGNABLE.fullmatch(email) else f"{user_name}@localhost")


async def commit_as(
    db: Database,
    git: GitStore,
    project: Project,
    actor: events.Actor,
    changes: Changes,
    message: str,
    *,
    replace: bool = False,
) -> str:
    """Commits changes to the main branch in somebody's name, and records it; the new commit's id."""
    await ensure_repository(db, git, project)
    author = await author_of(db, actor.id, actor.user_name)
    commit_id = await asyncio.to_thread(
        lambda: git.commit_files(project.id, changes, author, message, replace=replace)
    )
    async with db.transaction() as tx:
        await events.record(
            tx, actor, "project.filesCommitted", "project", project.id,
            project_id=project.id, commitId=commit_id, files=len(changes), replace=replace,
        )  # fmt: skip
    return commit_id


def _first_files(project: Project) -> dict[SafePath, bytes]:
    ignored = {SafePath(".dominoignore"): _template("dominoignore")}
    if project.template == QUICK_START:
        return ignored | {
            SafePath("README.md"): _template("quick_start_readme.md"),
            SafePath("main.py"): _template("quick_start_main.py.txt"),
        }
    about = f"# {project.name}\n" + (f"\n{project.description}\n" if project.description else "")
    return ignored | {SafePath("README.md"): about.encode()}


@cache
def _template(name: str) -> bytes:
    return (files("modelyard.domains.projects") / "templates" / name).read_bytes()
