"""Rules of projects: what a new one needs, who may own it, what everybody gets."""

import re

import msgspec

from modelyard.domains.notifications import notify
from modelyard.domains.organizations import belongs_to
from modelyard.domains.projects import queries
from modelyard.domains.projects.code_repositories.queries import repositories_of
from modelyard.domains.projects.queries import NewProject, Project
from modelyard.domains.projects.wire import CollaboratorRole, ProjectStatusV1
from modelyard.domains.users import (
    PROJECT_RIGHTS,
    Caller,
    ProjectRole,
    Right,
    User,
    find_user,
    find_user_by_name,
    on_user_created,
)
from modelyard.engines.git_remotes import GitRemotes
from modelyard.kit import events
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id

QUICK_START = "quick-start"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class ProjectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks for when making a project; the owner is the caller unless named."""

    name: str
    description: str = ""
    visibility: str = "Private"
    owner_id: str | None = None
    owner_name: str | None = None
    organization_may_own: bool = True
    is_restricted: bool = False
    billing_tag: str | None = None


def check_name(name: str) -> None:
    """Raises BadRequest for a name that a project cannot have."""
    if not _NAME.fullmatch(name) or name.endswith(".git"):
        raise BadRequest(
            "name: a project's name is 1 to 100 letters, digits, dots, dashes or underscores without white"
            " space, begins with a letter or digit and does not end in .git."
        )


async def check(db: Executor, caller: Caller, wanted: ProjectRequest) -> User:
    """Who will own the project; raises what `create` would raise in the end."""
    check_name(wanted.name)
    if wanted.is_restricted:
        caller.demand(Right.CLASSIFY_PROJECTS)
    owner = await owner_of(db, caller, wanted)
    if await queries.is_taken(db, owner.id, wanted.name):
        raise _taken(owner, wanted.name)
    return owner


async def create(tx: Transaction, caller: Caller, wanted: ProjectRequest) -> Project:
    """A new project; its repository is made when it is first needed.

    Raises BadRequest for a name that is taken or not usable and for an owner that cannot be one,
    Forbidden when somebody makes projects for others without administering the platform, or marks one as
    restricted without the right to.
    """
    owner = await check(tx, caller, wanted)
    new = NewProject(
        id=new_id(),
        owner_id=owner.id,
        name=wanted.name,
        description=wanted.description,
        visibility=wanted.visibility,
        is_restricted=wanted.is_restricted,
        billing_tag=wanted.billing_tag,
    )
    return await add(tx, caller, new, owner)


async def add(tx: Transaction, caller: Caller, new: NewProject, owner: User, **details: object) -> Project:
    """Adds a project that its owner may have, and records that with these details; raises BadRequest."""
    if not await queries.add_project(tx, new):
        raise _taken(owner, new.name)
    await events.record(
        tx, caller, "project.created", "project", new.id,
        project_id=new.id, name=new.name, ownerId=owner.id, visibility=new.visibility, **details,
    )  # fmt: skip
    project = await queries.find_visible(tx, caller, new.id)
    assert project is not None  # noqa: S101
    return project


def _taken(owner: User, name: str) -> BadRequest:
    return BadRequest(f"{owner.user_name} already has a project named {name}; choose another name.")


async def owner_of(db: Executor, caller: Caller, wanted: ProjectRequest) -> User:
    """The account that is to own a new project: the caller, an organization of theirs, or for administrators any.

    Raises BadRequest and Forbidden as `create` does.
    """
    if wanted.owner_name:
        owner = await find_user_by_name(db, wanted.owner_name)
    else:
        owner = await find_user(db, wanted.owner_id or caller.id)
    if owner is None:
        caller.demand(Right.MANAGE_USERS)
        raise BadRequest("There is no account with the id or name that is given as owner.")
    if owner.kind == "organization":
        if not wanted.organization_may_own:
            raise BadRequest(
                "This operation takes a person as owner; POST /v4/projects makes projects for an organization."
            )
        if not await belongs_to(db, caller.id, owner.id):
            caller.demand(Right.MANAGE_ORGANIZATIONS)
    elif owner.id != caller.id:
        caller.demand(Right.MANAGE_USERS)
    return owner


@on_user_created
async def create_quick_start(tx: Transaction, user: User) -> None:
    """Gives every new person a small project that runs at once."""
    if user.kind != "individual":
        return
    new = NewProject(
        id=new_id(),
        owner_id=user.id,
        name=QUICK_START,
        description="A first look: run `python main.py` as a job, then read its log and its results.",
        visibility="Private",
        template=QUICK_START,
    )
    await queries.add_project(tx, new)
    await events.record(tx, None, "project.created", "project", new.id, project_id=new.id, name=new.name)


async def archive(db: Database, remotes: GitRemotes, caller: Caller, project: Project) -> None:
    """Takes a project out of all lists and frees its name; its id goes on to work for old runs.

    What was fetched of its git repositories is removed. Raises NotFound when it is archived already.
    """
    async with db.transaction() as tx:
        if not await queries.archive_project(tx, project.id):
            raise NotFound(f"There is no project with the id {project.id}.")
        await events.record(tx, caller, "project.archived", "project", project.id, project_id=project.id)
    for repository in await repositories_of(db, project.id):
        await remotes.remove(repository.id)


async def set_visibility(tx: Transaction, caller: Caller, project: Project, visibility: str) -> None:
    """Chooses who sees a project without a role in it."""
    await queries.set_visibility(tx, project.id, visibility)
    await events.record(
        tx, caller, "project.visibilityChanged", "project", project.id,
        project_id=project.id, visibility=visibility, before=project.visibility,
    )  # fmt: skip


async def set_description(tx: Transaction, caller: Caller, project: Project, description: str) -> None:
    """Replaces the words about a project."""
    await queries.set_description(tx, project.id, description)
    await events.record(
        tx, caller, "project.descriptionChanged", "project", project.id,
        project_id=project.id, description=description, before=project.description,
    )  # fmt: skip


async def set_results_branch(tx: Transaction, caller: Caller, project: Project, branch: str) -> None:
    """Chooses where results of later jobs are committed."""
    await queries.set_results_branch(tx, project.id, branch)
    await events.record(
        tx, caller, "project.resultSettingsChanged", "project", project.id,
        project_id=project.id, branch=branch, before=project.results_branch,
    )  # fmt: skip


async def set_run_defaults(
    tx: Transaction,
    caller: Caller,
    project: Project,
    environment_id: str | None,
    revision_spec: str | None,
    tier_id: str | None,
) -> None:
    """Chooses what the jobs of a project use that name nothing themselves; None for the platform's defaults."""
    await queries.set_run_defaults(tx, project.id, environment_id, revision_spec, tier_id)
    await events.record(
        tx, caller, "project.runDefaultsChanged", "project", project.id,
        project_id=project.id, environmentId=environment_id, hardwareTierId=tier_id,
        before={
            "environmentId": project.default_environment_id, "hardwareTierId": project.default_hardware_tier_id
        },
    )  # fmt: skip


async def set_status(tx: Transaction, caller: Caller, project: Project, wanted: ProjectStatusV1) -> None:
    """Replaces a project's status as a whole."""
    await queries.set_status(
        tx,
        project.id,
        wanted.status.value,
        wanted.is_blocked,
        wanted.blocked_reason or None,
        wanted.completed_message or None,
    )
    await events.record(
        tx, caller, "project.statusChanged", "project", project.id,
        project_id=project.id, status=wanted.status.value, isBlocked=wanted.is_blocked,
        before={"status": project.status, "isBlocked": project.is_blocked},
    )  # fmt: skip


async def add_collaborator(
    tx: Transaction, caller: Caller, project: Project, account_id: str, role: CollaboratorRole
) -> None:
    """Gives an account a role, or another one; raises BadRequest for the owner and for unknown accounts."""
    if account_id == project.owner_id:
        raise BadRequest("The owner of a project has every role in it already.")
    if await find_user(tx, account_id) is None:
        raise BadRequest(f"There is no account with the id {account_id[:100]}.")
    await queries.put_collaborator(tx, project.id, account_id, role.value)
    before = next((one["role"] for one in project.collaborators if one["id"] == account_id), None)
    await events.record(
        tx, caller, "project.collaboratorAdded", "project", project.id,
        project_id=project.id, accountId=account_id, role=role.value, before={"role": before},
    )  # fmt: skip


async def remove_collaborator(tx: Transaction, caller: Caller, project: Project, account_id: str) -> None:
    """Takes an account's role away; raises NotFound."""
    if not await queries.remove_collaborator(tx, project.id, account_id):
        raise NotFound(f"The account {account_id[:100]} has no role in this project.")
    await events.record(
        tx, caller, "project.collaboratorRemoved", "project", project.id,
        project_id=project.id, accountId=account_id,
    )  # fmt: skip


async def request_access(
    tx: Transaction, caller: Caller, project: Project, role: CollaboratorRole, message: str
) -> None:
    """Tells the owner that somebody wants a role.

    Raises BadRequest when the caller has that role's rights already, or has asked for it within a day.
    """
    if PROJECT_RIGHTS[ProjectRole(role.value)] <= project.rights:
        raise BadRequest(f"You have the rights of {role.value} in this project already.")
    if await queries.has_asked_today(tx, project.id, caller.id, role.value):
        raise BadRequest(
            "You have asked for this role within a day; the owner was told, and finds it in the project's events."
        )
    await events.record(
        tx, caller, "project.accessRequested", "project", project.id,
        project_id=project.id, role=role.value, message=message,
    )  # fmt: skip
    subject = f"{caller.user_name} asks to be {role.value} in {project.owner_name}/{project.name}"
    answer = "Give a role by adding a collaborator to the project."
    await notify(
        tx, [project.owner_id], kind="project.accessRequested", subject=subject,
        message="\n\n".join(part for part in (f"{subject}.", message, answer) if part),
        target_kind="project", target_id=project.id, project_id=project.id,
    )  # fmt: skip
