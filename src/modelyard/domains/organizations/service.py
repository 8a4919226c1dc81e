"""Rules of organizations: who may be in one, and that somebody always administers it."""

from modelyard.domains.organizations import queries
from modelyard.domains.organizations.queries import Organization
from modelyard.domains.organizations.wire import NewOrganizationV1, OrganizationMemberV1
from modelyard.domains.users import Caller, OrganizationRole, create_organization_account, find_user
from modelyard.kit import events
from modelyard.kit.db import Transaction
from modelyard.kit.errors import BadRequest, NotFound

ADMIN = OrganizationRole.ADMIN


async def create(tx: Transaction, caller: Caller, wanted: NewOrganizationV1) -> Organization:
    """A new organization; its maker is an admin. Raises BadRequest for a taken name and unknown people."""
    account = await create_organization_account(tx, caller, wanted.name)
    roles = {member.user_id: member.organization_role for member in wanted.members} | {caller.id: ADMIN}
    for user_id, role in roles.items():
        await _require_person(tx, user_id)
        await queries.put_member(tx, account.id, user_id, role)
    await events.record(
        tx, caller, "organization.created", "organization", account.id,
        name=account.user_name, members={user_id: role.value for user_id, role in roles.items()},
    )  # fmt: skip
    return await _current(tx, account.id)


async def put_member(
    tx: Transaction, caller: Caller, organization: Organization, wanted: OrganizationMemberV1
) -> Organization:
    """Adds a person or changes a member's role; raises BadRequest for unknown people and the last admin."""
    before = {member.user_id: member.role for member in await queries.lock_members(tx, organization.id)}
    await _require_person(tx, wanted.user_id)
    _keep_an_admin(before | {wanted.user_id: wanted.organization_role})
    await queries.put_member(tx, organization.id, wanted.user_id, wanted.organization_role)
    await events.record(
        tx, caller, "organization.memberAdded", "organization", organization.id,
        userId=wanted.user_id, role=wanted.organization_role.value, before={"role": before.get(wanted.user_id)},
    )  # fmt: skip
    return await _current(tx, organization.id)


async def remove_member(tx: Transaction, caller: Caller, organization: Organization, user_id: str) -> Organization:
    """Takes a member out, with all that came through the organization; raises NotFound, BadRequest."""
    roles = {member.user_id: member.role for member in await queries.lock_members(tx, organization.id)}
    if roles.pop(user_id, None) is None:
        raise NotFound(f"The organization {organization.name} has no member with the id {user_id[:100]}.")
    _keep_an_admin(roles)
    await queries.remove_member(tx, organization.id, user_id)
    await events.record(tx, caller, "organization.memberRemoved", "organization", organization.id, userId=user_id)
    return await _current(tx, organization.id)


def _keep_an_admin(roles: dict[str, OrganizationRole]) -> None:
    if ADMIN not in roles.values():
        raise BadRequest("This is the last admin of the organization; make another member an admin first.")


async def _require_person(tx: Transaction, user_id: str) -> None:
    user = await find_user(tx, user_id)
    if user is None or user.kind != "individual":
        raise BadRequest(f"The account {user_id[:100]} is not a person here; only people can be members.")


async def _current(tx: Transaction, organization_id: str) -> Organization:
    organization = await queries.find_organization(tx, organization_id)
    assert organization is not None  # noqa: S101
    return organization
