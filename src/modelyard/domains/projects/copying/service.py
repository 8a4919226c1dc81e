"""How a project is copied: its repository first, then all rows in one transaction that claims it.

A crash before the commit leaves an unclaimed repository, which nobody sees and the next start removes; a
crash after it leaves a claimed project whose mark only needs to be taken off.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import msgspec

from modelyard.domains.git_credentials import GitCredential
from modelyard.domains.projects import queries, service
from modelyard.domains.projects.code_repositories import service as code
from modelyard.domains.projects.code_repositories.queries import CodeRepository, repositories_of
from modelyard.domains.projects.code_repositories.service import CodeRequest
from modelyard.domains.projects.goals.queries import add_goal, goals_of
from modelyard.domains.projects.queries import NewProject, Project
from modelyard.domains.projects.repository import ensure_repository
from modelyard.domains.projects.service import ProjectRequest
from modelyard.domains.projects.tags.queries import add_tag, tags_of
from modelyard.domains.users import Caller, User
from modelyard.engines.git import GitStore
from modelyard.kit import events
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.errors import BadRequest
from modelyard.kit.ids import new_id

# An unclaimed copy of this age has nobody any more who would claim it.
ABANDONED_SECONDS = 3600


class CopyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants of a copy; without a name it is derived from the original's."""

    name: str | None = None
    owner_id: str | None = None
    visibility: str | None = None
    billing_tag: str | None = None
    main_code: CodeRequest | None = None
    imported_credential: GitCredential | None = None
    copy_datasets: bool = False


class UncopiedDataset(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset of the original that a copy lacks, and why."""

    id: str
    name: str
    description: str
    created_at: datetime
    project_id: str
    reason: str


class Lacks(msgspec.Struct):
    """What a copy lacks: sentences, and datasets."""

    notices: list[str] = msgspec.field(default_factory=list)
    datasets: list[UncopiedDataset] = msgspec.field(default_factory=list)


class Copied(msgspec.Struct, frozen=True):
    """A copy, and what it lacks."""

    project: Project
    lacks: Lacks


class Copying(msgspec.Struct, frozen=True):
    """A copy while it is made, for those who copy a part of it: from which project to which, as who wants it."""

    caller: Caller
    original: Project
    copy: Project
    wanted: CopyRequest
    lacks: Lacks


Follower = Callable[[Transaction, Copying], Awaitable[None]]
_followers: list[Follower] = []


def on_project_copied(follow: Follower) -> Follower:
    """Registers what another domain copies in the same transaction; it adds to what the copy lacks."""
    _followers.append(follow)
    return follow


async def copy(db: Database, git: GitStore, caller: Caller, original: Project, wanted: CopyRequest) -> Copied:
    """A whole copy of a project, or none; raises as making a project does, and BadRequest for its code."""
    owner, name = await check(db, caller, original, wanted)
    copy_id = new_id()
    await ensure_repository(db, git, original)
    try:
        await asyncio.to_thread(git.copy, original.id, copy_id)
        new = NewProject(
            id=copy_id,
            owner_id=owner.id,
            name=name,
            description=original.description,
            visibility=wanted.visibility or original.visibility,
            is_restricted=original.is_restricted,
            billing_tag=wanted.billing_tag or original.billing_tag,
            results_branch=original.results_branch,
            default_environment_id=original.default_environment_id,
            default_environment_revision_spec=original.default_environment_revision_spec,
            default_hardware_tier_id=original.default_hardware_tier_id,
        )
        async with db.transaction() as tx:
            made = await service.add(tx, caller, new, owner, copiedFrom=original.id)
            lacks = Lacks()
            await _fill(tx, Copying(caller, original, made, wanted, lacks))
            await events.record(
                tx, caller, "project.copied", "project", original.id, project_id=original.id, copyId=copy_id
            )
            made = await queries.find_visible(tx, caller, copy_id) or made
    except BaseException:
        await _discard(db, git, copy_id)
        raise
    await asyncio.to_thread(git.claim, copy_id)
    return Copied(made, lacks)


async def check(db: Executor, caller: Caller, original: Project, wanted: CopyRequest) -> tuple[User, str]:
    """Who will own the copy, and its name; raises what would make the copy fail in the end."""
    asked = ProjectRequest(name=wanted.name or "", owner_id=wanted.owner_id)
    if not asked.name:
        owner = await service.owner_of(db, caller, asked)
        asked = msgspec.structs.replace(asked, name=await _free_name(db, owner, original.name))
    return await service.check(db, caller, asked), asked.name


async def settle_copies(db: Database, git: GitStore) -> None:
    """Claims what a crash left unclaimed after its commit, and removes what it left before."""
    left = await asyncio.to_thread(git.unclaimed, ABANDONED_SECONDS)
    real = await queries.existing_projects(db, left)
    for project_id in left:
        await asyncio.to_thread(git.claim if project_id in real else git.discard, project_id)
    await asyncio.to_thread(git.sweep, ABANDONED_SECONDS)


async def _discard(db: Database, git: GitStore, copy_id: str) -> None:
    """Removes an unfinished copy, unless its transaction was committed though its end was not heard of."""
    if not await queries.existing_projects(db, [copy_id]):
        await asyncio.to_thread(git.discard, copy_id)


async def _fill(tx: Transaction, copying: Copying) -> None:
    caller, original, made = copying.caller, copying.original, copying.copy
    for goal in await goals_of(tx, original.id):
        await add_goal(tx, msgspec.structs.replace(goal, id=new_id(), project_id=made.id, creator_id=caller.id))
    for tag in await tags_of(tx, [original.id]):
        await add_tag(tx, new_id(), made.id, tag.name, caller.id)
    for repository in await repositories_of(tx, original.id):
        copying.lacks.notices += await _copy_code(tx, caller, made, repository, copying.wanted)
    for follow in _followers:
        await follow(tx, copying)


async def _copy_code(
    tx: Transaction, caller: Caller, made: Project, repository: CodeRepository, wanted: CopyRequest
) -> list[str]:
    if repository.is_main and wanted.main_code:
        await code.attach(tx, caller, made, wanted.main_code, is_main=True)
        return []
    credential = None if repository.is_main else wanted.imported_credential
    complaint = await code.attach_copy(tx, caller, made, repository, credential)
    return [complaint] if complaint else []


async def _free_name(db: Executor, owner: User, name: str) -> str:
    """The original's name where its owner has none such, else the first free one with `-copy` behind it."""
    stem = name.removesuffix("-copy")[:90]
    candidates = [name, f"{stem}-copy", *(f"{stem}-copy-{number}" for number in range(2, 1000))]
    for candidate in candidates:
        if not await queries.is_taken(db, owner.id, candidate):
            return candidate
    raise BadRequest(f"name: {owner.user_name} has a thousand copies of {name} already; give a name.")
