"""SQL of organizations and their members."""

from typing import Any

import msgspec

from modelyard.domains.users import OrganizationRole
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.paging import Listed, Page


def accounts_of(person: str) -> str:
    """All accounts that a person (an SQL expression for the id) acts for.

    What is given to an organization is given to its members.
    """
    return f"""ARRAY(SELECT {person}::text UNION ALL
    SELECT b.organization_id FROM organization_members b WHERE b.user_id = {person})"""


# Those of the caller, $1.
ACCOUNTS = accounts_of("$1")


class Member(msgspec.Struct, frozen=True):
    """A person in an organization."""

    user_id: str
    role: OrganizationRole


class Organization(msgspec.Struct, frozen=True):
    """An organization with all its members, oldest account first."""

    id: str
    name: str
    members: list[dict[str, Any]]

    @property
    def people(self) -> list[Member]:
        """The members."""
        return msgspec.convert(self.members, list[Member])

    def role_of(self, user_id: str) -> OrganizationRole | None:
        """What a person is in this organization."""
        return next((member.role for member in self.people if member.user_id == user_id), None)


_SELECT = """
SELECT o.id, o.user_name AS name,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id, 'role', m.role) ORDER BY m.user_id), '[]')
        FROM organization_members m WHERE m.organization_id = o.id) AS members
FROM users o WHERE """

_WHERE = "o.kind = 'organization' AND o.deactivated_at IS NULL"
_OF_USER = "o.id = ANY(ARRAY(SELECT b.organization_id FROM organization_members b WHERE b.user_id = $1))"


async def find_organization(db: Executor, organization_id: str) -> Organization | None:
    """The organization with this id."""
    return await db.row(Organization, f"{_SELECT} {_WHERE} AND o.id = $1", organization_id)


async def list_of_user(db: Executor, user_id: str, name: str | None, page: Page) -> Listed[Organization]:
    """The organizations of one person by name, or the one of them with exactly this name."""
    return await _list(db, f"{_OF_USER} AND ($2::text IS NULL OR o.user_name = $2)", (user_id, name), page)


async def list_all(db: Executor, name_part: str | None, user_id: str | None, page: Page) -> Listed[Organization]:
    """Every organization by name: those with this text in their name, and this person in it."""
    matches = "($2::text IS NULL OR position(lower($2) IN lower(o.user_name)) > 0)"
    return await _list(db, f"($1::text IS NULL OR {_OF_USER}) AND {matches}", (user_id, name_part), page)


async def _list(db: Executor, condition: str, args: tuple[str | None, ...], page: Page) -> Listed[Organization]:
    # The window is cut first, so that the members of organizations before it are not read.
    window = (
        f"SELECT o.id FROM users o WHERE {_WHERE} AND {condition} ORDER BY lower(o.user_name) LIMIT $3 OFFSET $4"
    )
    rows = await db.rows(
        Organization,
        f"{_SELECT} o.id = ANY(ARRAY({window})) ORDER BY lower(o.user_name)",
        *args, page.rows, page.offset,
    )  # fmt: skip
    total = await db.value(f"SELECT count(*) FROM users o WHERE {_WHERE} AND {condition}", *args)
    return Listed(rows, total)


async def belongs_to(db: Executor, user_id: str, organization_id: str) -> bool:
    """Whether a person is a member of an organization."""
    sql = "SELECT EXISTS (SELECT FROM organization_members WHERE user_id = $1 AND organization_id = $2)"
    return await db.value(sql, user_id, organization_id) is True


async def people_of(db: Executor, account_ids: list[str]) -> list[str]:
    """The living people among these accounts, and those in the organizations among them, each once."""
    return await db.values(
        "SELECT u.id FROM users u WHERE u.kind = 'individual' AND u.deactivated_at IS NULL AND (u.id = ANY($1)"
        " OR u.id = ANY(ARRAY(SELECT m.user_id FROM organization_members m WHERE m.organization_id = ANY($1))))"
        " ORDER BY u.id",
        account_ids,
    )


async def lock_members(tx: Transaction, organization_id: str) -> list[Member]:
    """The members of an organization, which nobody else changes until the transaction ends."""
    await tx.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", organization_id)
    return await tx.rows(
        Member, "SELECT user_id, role FROM organization_members WHERE organization_id = $1", organization_id
    )


async def put_member(tx: Transaction, organization_id: str, user_id: str, role: str) -> None:
    """Adds a person to an organization, or gives a member another role."""
    await tx.execute(
        "INSERT INTO organization_members (organization_id, user_id, role) VALUES ($1, $2, $3)"
        " ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role",
        organization_id, user_id, role,
    )  # fmt: skip


async def remove_member(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Takes a person out of an organization."""
    await tx.execute(
        "DELETE FROM organization_members WHERE organization_id = $1 AND user_id = $2", organization_id, user_id
    )
