"""Shapes of grants on the wire."""

from typing import Self

from modelyard.domains.datasets.grants.queries import Grant
from modelyard.domains.users import DatasetRole
from modelyard.kit.wire import MetadataV1, Wire


class DatasetRwGrantV1(Wire):
    """A role on a dataset, and the person or organization that has it."""

    target_id: str
    target_role: DatasetRole

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """A stored grant."""
        return cls(target_id=grant.account_id, target_role=DatasetRole(grant.role))


class DatasetRwGrantDetailsV1(Wire):
    """A grant with the name of its account."""

    target_id: str
    target_name: str
    target_role: DatasetRole
    is_organization: bool

    @classmethod
    def of(cls, grant: Grant) -> Self:
        """A stored grant."""
        return cls(
            target_id=grant.account_id,
            target_name=grant.account_name,
            target_role=DatasetRole(grant.role),
            is_organization=grant.is_organization,
        )


class DatasetRwGrantEnvelopeV1(Wire):
    """All grants of a dataset."""

    grants: list[DatasetRwGrantV1]
    metadata: MetadataV1


class DatasetRwGrantDetailsEnvelopeV1(Wire):
    """All grants of a dataset, with names."""

    grant_details: list[DatasetRwGrantDetailsV1]
    metadata: MetadataV1
