"""Guards of organizations: seen by their members and by administrators, changed by their admins."""

import functools

import msgspec

from modelyard.domains.organizations import queries
from modelyard.domains.organizations.queries import Organization
from modelyard.domains.users import ORGANIZATION_RIGHTS, Caller, Right
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden, NotFound


class OrganizationAccess(msgspec.Struct, frozen=True):
    """An organization, and who asks."""

    organization: Organization
    caller: Caller


async def organization_by_id(
    db: Database, caller: Caller, organization_id: str, *rights: Right
) -> OrganizationAccess:
    """An organization in which the caller has these rights.

    Raises NotFound (unknown, or neither a member nor an administrator asks) or Forbidden.
    """
    organization = await queries.find_organization(db, organization_id)
    role = organization.role_of(caller.id) if organization else None
    if organization is None or not (role or caller.is_admin):
        raise NotFound(
            f"There is no organization with the id {organization_id[:100]}, or you are not a member of it."
        )
    granted = caller.platform_rights | (ORGANIZATION_RIGHTS[role] if role else frozenset())
    missing = [right for right in rights if right not in granted]
    if missing:
        raise Forbidden(
            f"This needs the right {', '.join(missing)} in the organization {organization.name};"
            " ask one of its admins."
        )
    return OrganizationAccess(organization, caller)


@functools.cache
def organization_with(*rights: Right) -> Guard:
    """The guard of operations on one organization."""

    async def load(caller: Caller, db: Database, organizationId: str) -> OrganizationAccess:
        return await organization_by_id(db, caller, organizationId, *rights)

    return Guard("access", load, rights=rights, scope="organization")


async def _leaving(caller: Caller, db: Database, organizationId: str, memberToRemoveId: str) -> OrganizationAccess:
    rights = () if memberToRemoveId == caller.id else (Right.EDIT_MEMBERS,)
    return await organization_by_id(db, caller, organizationId, *rights)


# Members take themselves out without asking anybody.
leaving = Guard("access", _leaving, rights=(Right.EDIT_MEMBERS,), scope="organization, or the member itself")
