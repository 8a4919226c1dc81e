"""SQL of projects, and the rule by which people see them."""

from datetime import datetime
from typing import Any

import msgspec

from modelyard.domains.organizations import ACCOUNTS, accounts_of
from modelyard.domains.projects.code_repositories.queries import CodeRepository
from modelyard.domains.users import (
    PROJECT_RIGHTS,
    VISIBILITY_RIGHTS,
    Caller,
    ProjectRole,
    Right,
    Visibility,
    project_rights,
)
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page

SUGGESTIONS = 100


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project as one caller sees it, with the roles that the caller has in it, also through organizations."""

    id: str
    owner_id: str
    owner_name: str
    name: str
    description: str
    visibility: str
    status: str
    is_blocked: bool
    blocked_reason: str | None
    completed_message: str | None
    results_branch: str
    is_restricted: bool
    billing_tag: str | None
    default_environment_id: str | None
    default_environment_revision_spec: str | None
    default_hardware_tier_id: str | None
    template: str
    created_at: datetime
    archived_at: datetime | None
    collaborators: list[dict[str, str]]
    main_code: dict[str, Any] | None
    roles: list[str]
    for_admin: bool

    @property
    def main_repository(self) -> CodeRepository | None:
        """The git repository that a git-based project is about."""
        return msgspec.convert(self.main_code, CodeRepository) if self.main_code else None

    @property
    def variables(self) -> dict[str, str]:
        """What programs that work for this project are told of it."""
        return {
            "DOMINO_PROJECT_ID": self.id,
            "DOMINO_PROJECT_NAME": self.name,
            "DOMINO_PROJECT_OWNER": self.owner_name,
        }

    @property
    def rights(self) -> frozenset[Right]:
        """What the caller may do with this project."""
        roles = [ProjectRole(role) for role in self.roles]
        return project_rights(roles, Visibility(self.visibility), is_admin=self.for_admin)


class NewProject(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a project when it is made; everything else has its default."""

    id: str
    owner_id: str
    name: str
    description: str
    visibility: str
    is_restricted: bool = False
    billing_tag: str | None = None
    results_branch: str = "main"
    default_environment_id: str | None = None
    default_environment_revision_spec: str | None = None
    default_hardware_tier_id: str | None = None
    template: str = "new"


# $1 is the caller's account, $2 whether it administers the platform. A project is visible to those who have a
# role in it, and to everybody when it is open.
_OWNED = f"p.owner_id = ANY({ACCOUNTS})"
_SHARED = f"FROM project_collaborators m WHERE m.account_id = ANY({ACCOUNTS})"
_MEMBER = f"p.id = ANY(ARRAY(SELECT m.project_id {_SHARED}))"
_OPEN = "p.visibility <> 'Private'"
_LIVE = "p.archived_at IS NULL"
# OFFSET 0 has the roles looked up once, for what is selected and for what is asked of them.
_SELECT = f"""
SELECT p.id, p.owner_id, o.user_name AS owner_name, p.name, p.description, p.visibility,
    p.status, p.is_blocked, p.blocked_reason, p.completed_message, p.results_branch, p.is_restricted,
    p.billing_tag, p.default_environment_id, p.default_environment_revision_spec, p.default_hardware_tier_id,
    p.template, p.created_at, p.archived_at, $2::boolean AS for_admin, caller.roles,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.account_id, 'role', c.role)
        ORDER BY c.account_id), '[]') FROM project_collaborators c WHERE c.project_id = p.id) AS collaborators,
    (SELECT to_jsonb(r) FROM code_repositories r WHERE r.project_id = p.id AND r.is_main) AS main_code
FROM projects p JOIN users o ON o.id = p.owner_id CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT 'owner' WHERE {_OWNED} UNION ALL SELECT m.role {_SHARED} AND m.project_id = p.id) AS roles
    OFFSET 0) caller
WHERE """


def _visible(caller: Caller) -> str:
    return _LIVE if caller.is_admin else f"{_LIVE} AND ({_OPEN} OR caller.roles <> '{{}}')"


def _visible_ids(caller: Caller, newest: str = "") -> str:
    """The projects of which `_visible` is true, each way in by its index; `newest` bounds those open to all."""
    ids = f"SELECT p.id FROM projects p WHERE {_LIVE}"
    if caller.is_admin:
        return f"{ids} {newest}"
    return f"""{ids} AND NOT {_OPEN} AND {_OWNED} UNION {ids} AND NOT {_OPEN} AND {_MEMBER}
        UNION ALL ({ids} AND {_OPEN} {newest})"""


# For domains whose objects belong to projects, to be joined in one query with theirs: the live projects as rows of
# `Project`, and which of these rows, `p`, the caller may know of.
PROJECTS_OF_CALLER = f"{_SELECT} {_LIVE}"
KNOWN_TO_CALLER = "(p.for_admin OR p.visibility <> 'Private' OR p.roles <> '{}')"


def projects_with(caller: Caller, right: Right) -> str:
    """The ids of the live projects in which the caller has a right, each way in by its index."""
    ids = f"SELECT p.id FROM projects p WHERE $1::text IS NOT NULL AND $2::boolean = {caller.is_admin} AND {_LIVE}"
    if caller.is_admin:
        return ids
    roles = ", ".join(f"'{role.value}'" for role, rights in PROJECT_RIGHTS.items() if right in rights)
    ways = [_OWNED, f"p.id = ANY(ARRAY(SELECT m.project_id {_SHARED} AND m.role IN ({roles})))"]
    ways += [f"p.visibility = '{one.value}'" for one, rights in VISIBILITY_RIGHTS.items() if right in rights]
    return " UNION ".join(f"{ids} AND {way}" for way in ways)


async def people_with(db: Executor, project_id: str, right: Right, user_ids: list[str]) -> set[str]:
    """Those of these accounts that are living people and have a right in a live project."""
    accounts = accounts_of("u.id")
    able = await db.values(
        "SELECT u.id FROM users u JOIN projects p ON p.id = $1"
        f" WHERE u.id = ANY($2) AND u.kind = 'individual' AND u.deactivated_at IS NULL AND {_LIVE} AND ("
        f" u.is_admin OR p.visibility = ANY($3) OR p.owner_id = ANY({accounts}) OR EXISTS (SELECT FROM"
        " project_collaborators m WHERE m.project_id = p.id AND m.role = ANY($4)"
        f" AND m.account_id = ANY({accounts})))",
        project_id,
        user_ids,
        [one.value for one, rights in VISIBILITY_RIGHTS.items() if right in rights],
        [one.value for one, rights in PROJECT_RIGHTS.items() if right in rights],
    )
    return set(able)


async def find_visible(db: Executor, caller: Caller, project_id: str) -> Project | None:
    """The live project with this id, if the caller may know of it."""
    return await db.row(
        Project, f"{_SELECT} p.id = $3 AND {_visible(caller)}", caller.id, caller.is_admin, project_id
    )


async def find_visible_by_name(db: Executor, caller: Caller, owner: str, name: str) -> Project | None:
    """The live project of an owner by its name, whatever the case, if the caller may know of it."""
    return await db.row(
        Project,
        f"{_SELECT} lower(o.user_name) = lower($3) AND lower(p.name) = lower($4) AND {_visible(caller)}",
        caller.id, caller.is_admin, owner, name,
    )  # fmt: skip


async def find_project(db: Executor, project_id: str) -> Project | None:
    """The project with this id as the platform sees it: archived ones too, and no caller's role in it."""
    return await db.row(Project, f"{_SELECT} p.id = $3", "", False, project_id)


async def list_visible(db: Executor, caller: Caller, page: Page) -> Listed[Project]:
    """One page of the live projects that the caller may know of, newest first."""
    # The window is cut from ids alone: what else is read of a project is not read of those before the window.
    ids = _visible_ids(caller, "ORDER BY p.id DESC LIMIT $3::bigint + $4::bigint")
    window = f"SELECT id FROM ({ids}) visible ORDER BY id DESC LIMIT $3 OFFSET $4"
    rows = await db.rows(
        Project,
        f"{_SELECT} p.id = ANY(ARRAY({window})) ORDER BY p.id DESC",
        caller.id, caller.is_admin, page.rows, page.offset,
    )  # fmt: skip
    args = () if caller.is_admin else (caller.id,)
    total = await db.value(f"SELECT count(*) FROM ({_visible_ids(caller)}) visible", *args)
    return Listed(rows, total)


_SHOWN = f"{_LIVE} AND (p.status = 'active' OR $3)"
_MOST_POPULAR = "ORDER BY (SELECT count(*) FROM project_collaborators k WHERE k.project_id = p.id) DESC, p.id DESC"
_POPULAR = f"SELECT p.id FROM projects p WHERE {_SHOWN} AND {_OPEN} {_MOST_POPULAR} LIMIT {SUGGESTIONS}"
_RELATIONSHIPS = {
    "owned": f"{_OWNED} ORDER BY p.id DESC",
    "collaborating": f"{_MEMBER} AND NOT {_OWNED} ORDER BY p.id DESC",
    "suggesting": f"{_OPEN} AND caller.roles = '{{}}' ORDER BY p.id DESC LIMIT {SUGGESTIONS}",
    "popular": f"p.id = ANY(ARRAY({_POPULAR})) {_MOST_POPULAR}",
}
RELATIONSHIPS = frozenset(_RELATIONSHIPS)


async def list_related(db: Executor, caller: Caller, relationship: str, *, show_completed: bool) -> list[Project]:
    """The caller's live projects by relationship, newest first.

    `owned` and `collaborating` are complete; `suggesting` and `popular` are the first hundred.
    """
    return await db.rows(
        Project,
        f"{_SELECT} {_SHOWN} AND {_RELATIONSHIPS[relationship]}",
        caller.id, caller.is_admin, show_completed,
    )  # fmt: skip


async def add_project(tx: Transaction, new: NewProject) -> bool:
    """Adds a project; False when its owner has a live one of that name."""
    values = msgspec.structs.asdict(new)
    marks = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    added = await tx.execute(
        f"INSERT INTO projects ({', '.join(values)}) VALUES ({marks})"
        " ON CONFLICT (owner_id, lower(name)) WHERE archived_at IS NULL DO NOTHING",
        *values.values(),
    )
    return added == 1


async def is_taken(db: Executor, owner_id: str, name: str) -> bool:
    """Whether an account has a live project of this name, whatever its case."""
    taken = await db.value(
        "SELECT true FROM projects WHERE owner_id = $1 AND lower(name) = lower($2) AND archived_at IS NULL",
        owner_id, name,
    )  # fmt: skip
    return taken is True


async def existing_projects(db: Executor, project_ids: list[str]) -> set[str]:
    """Those of these ids that are projects, archived ones too."""
    return set(await db.values("SELECT id FROM projects WHERE id = ANY($1)", project_ids))


async def archive_project(tx: Transaction, project_id: str) -> bool:
    """Takes a project out of all lists; False when it was archived already."""
    archived = await tx.execute(
        "UPDATE projects SET archived_at = now() WHERE id = $1 AND archived_at IS NULL", project_id
    )
    return archived == 1


async def set_results_branch(tx: Transaction, project_id: str, branch: str) -> None:
    """Chooses where results of jobs are committed."""
    await tx.execute("UPDATE projects SET results_branch = $2 WHERE id = $1", project_id, branch)


async def set_run_defaults(
    tx: Transaction, project_id: str, environment_id: str | None, revision_spec: str | None, tier_id: str | None
) -> None:
    """Chooses what the jobs of a project use that name nothing themselves."""
    await tx.execute(
        "UPDATE projects SET default_environment_id = $2, default_environment_revision_spec = $3,"
        " default_hardware_tier_id = $4 WHERE id = $1",
        project_id, environment_id, revision_spec, tier_id,
    )  # fmt: skip


async def set_visibility(tx: Transaction, project_id: str, visibility: str) -> None:
    """Chooses who sees a project without a role in it."""
    await tx.execute("UPDATE projects SET visibility = $2 WHERE id = $1", project_id, visibility)


async def set_description(tx: Transaction, project_id: str, description: str) -> None:
    """Replaces the words about a project."""
    await tx.execute("UPDATE projects SET description = $2 WHERE id = $1", project_id, description)


async def set_status(
    tx: Transaction, project_id: str, status: str, is_blocked: bool, reason: str | None, message: str | None
) -> None:
    """Replaces everything that makes up a project's status."""
    await tx.execute(
        "UPDATE projects SET status = $2, is_blocked = $3, blocked_reason = $4, completed_message = $5"
        " WHERE id = $1",
        project_id, status, is_blocked, reason, message,
    )  # fmt: skip


class NamedCollaborator(msgspec.Struct, frozen=True):
    """A collaborator with the names of the account."""

    id: str
    user_name: str
    first_name: str
    last_name: str
    kind: str
    role: str


async def collaborators_of(db: Executor, project_id: str) -> list[NamedCollaborator]:
    """Who works in a project, by name."""
    return await db.rows(
        NamedCollaborator,
        "SELECT u.id, u.user_name, u.first_name, u.last_name, u.kind, c.role FROM project_collaborators c"
        " JOIN users u ON u.id = c.account_id WHERE c.project_id = $1 ORDER BY lower(u.user_name)",
        project_id,
    )


async def put_collaborator(tx: Transaction, project_id: str, account_id: str, role: str) -> None:
    """Gives an account a role in a project, or another one."""
    await tx.execute(
        "INSERT INTO project_collaborators (project_id, account_id, role) VALUES ($1, $2, $3)"
        " ON CONFLICT (project_id, account_id) DO UPDATE SET role = excluded.role",
        project_id, account_id, role,
    )  # fmt: skip


async def remove_collaborator(tx: Transaction, project_id: str, account_id: str) -> bool:
    """Takes an account's role away; False when it had none."""
    removed = await tx.execute(
        "DELETE FROM project_collaborators WHERE project_id = $1 AND account_id = $2", project_id, account_id
    )
    return removed == 1


async def has_asked_today(db: Executor, project_id: str, account_id: str, role: str) -> bool:
    """Whether somebody has asked for this role in a project within a day."""
    asked = await db.value(
        "SELECT true FROM events WHERE project_id = $1 AND actor_id = $2 AND action = 'project.accessRequested'"
        " AND details->>'role' = $3 AND at > now() - interval '1 day' LIMIT 1",
        project_id, account_id, role,
    )  # fmt: skip
    return asked is True
