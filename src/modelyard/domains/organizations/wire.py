"""Shapes of organizations on the wire."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.organizations.queries import Organization
from modelyard.domains.users import OrganizationRole
from modelyard.kit.wire import MetadataV1, PaginatedMetadataV1, Wire


class OrganizationMemberV1(Wire):
    """A person in an organization."""

    user_id: str
    organization_role: OrganizationRole


class NewOrganizationV1(Wire):
    """Body of createOrg; whoever makes an organization is an admin of it, listed or not."""

    name: str
    members: Annotated[list[OrganizationMemberV1], Meta(max_length=10_000)]


class OrganizationV1(Wire):
    """An organization; its id is that of its account, and works wherever an account's id does."""

    id: str
    name: str
    members: list[OrganizationMemberV1]
    default_environment_id: str | UnsetType = UNSET

    @classmethod
    def of(cls, organization: Organization) -> Self:
        """A stored organization."""
        return cls(
            id=organization.id,
            name=organization.name,
            members=[
                OrganizationMemberV1(user_id=member.user_id, organization_role=member.role)
                for member in organization.people
            ],
        )


class OrganizationEnvelopeV1(Wire):
    """One organization."""

    org: OrganizationV1
    metadata: MetadataV1


class PaginatedOrganizationEnvelopeV1(Wire):
    """A page of organizations."""

    orgs: list[OrganizationV1]
    metadata: PaginatedMetadataV1
