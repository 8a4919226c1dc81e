"""Public operations on organizations."""

from modelyard.domains.organizations import queries, service
from modelyard.domains.organizations.access import OrganizationAccess, leaving, organization_with
from modelyard.domains.organizations.queries import Organization
from modelyard.domains.organizations.wire import (
    NewOrganizationV1,
    OrganizationEnvelopeV1,
    OrganizationMemberV1,
    OrganizationV1,
    PaginatedOrganizationEnvelopeV1,
)
from modelyard.domains.users import Caller, Right, authenticated, authenticated_with
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.paging import Listed, Page, paged
from modelyard.kit.wire import metadata

TAG = "Organizations"


@operation("GET", "/api/organizations/v1/organizations", guard=authenticated, tag=TAG)
async def get_user_orgs(
    caller: Caller, db: Database, page: Page, nameFilter: str | None = None
) -> PaginatedOrganizationEnvelopeV1:
    """List organizations the caller belongs to; the filter is a whole name."""
    return _page(await queries.list_of_user(db, caller.id, nameFilter or None, page), page)


@operation("POST", "/api/organizations/v1/organizations", guard=authenticated, tag=TAG)
async def create_org(caller: Caller, tx: Transaction, data: NewOrganizationV1) -> OrganizationEnvelopeV1:
    """Create an organization."""
    return _envelope(await service.create(tx, caller, data))


@operation(
    "GET",
    "/api/organizations/v1/organizations/all",
    guard=authenticated_with(Right.MANAGE_ORGANIZATIONS),
    tag=TAG,
)
async def get_all_orgs(
    caller: Caller,  # noqa: ARG001
    db: Database,
    page: Page,
    nameFilter: str | None = None,
    userIdFilter: str | None = None,
) -> PaginatedOrganizationEnvelopeV1:
    """List every organization, for administrators; the filter is a part of a name, whatever its case."""
    return _page(await queries.list_all(db, nameFilter or None, userIdFilter or None, page), page)


@operation(
    "GET",
    "/api/organizations/v1/organizations/{organizationId:str}",
    guard=organization_with(Right.VIEW_ORGANIZATION),
    tag=TAG,
)
async def get_org(access: OrganizationAccess) -> OrganizationEnvelopeV1:
    """Read one organization."""
    return _envelope(access.organization)


@operation(
    "PUT",
    "/api/organizations/v1/organizations/{organizationId:str}/user",
    guard=organization_with(Right.EDIT_MEMBERS),
    tag=TAG,
)
async def add_user_to_org(
    access: OrganizationAccess, tx: Transaction, data: OrganizationMemberV1
) -> OrganizationEnvelopeV1:
    """Add a person to an organization, or give a member another role."""
    return _envelope(await service.put_member(tx, access.caller, access.organization, data))


@operation(
    "DELETE",
    "/api/organizations/v1/organizations/{organizationId:str}/user",
    guard=leaving,
    tag=TAG,
)
async def remove_user_from_org(
    access: OrganizationAccess, tx: Transaction, memberToRemoveId: str
) -> OrganizationEnvelopeV1:
    """Remove a member from an organization, or leave it."""
    return _envelope(await service.remove_member(tx, access.caller, access.organization, memberToRemoveId))


def _envelope(organization: Organization) -> OrganizationEnvelopeV1:
    return OrganizationEnvelopeV1(org=OrganizationV1.of(organization), metadata=metadata())


def _page(found: Listed[Organization], page: Page) -> PaginatedOrganizationEnvelopeV1:
    return PaginatedOrganizationEnvelopeV1(
        orgs=[OrganizationV1.of(organization) for organization in found.rows], metadata=paged(page, found.total)
    )
