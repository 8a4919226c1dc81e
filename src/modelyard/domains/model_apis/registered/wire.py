"""Shapes of what serves registered models on the wire."""

from datetime import datetime
from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.model_apis.registered.queries import ServingModelApi
from modelyard.domains.registered_models import RegisteredModelProjectSummaryV1
from modelyard.kit.paging import MAX_LIMIT, Page, paged
from modelyard.kit.wire import PaginatedMetadataV1, Wire


class RegisteredModelVersionModelApiV1(Wire):
    """A model API that has a version of a registered model, and the version that it is known by."""

    id: str
    name: str
    description: str
    project: RegisteredModelProjectSummaryV1
    updated_at: datetime
    active_model_version_id: str | UnsetType = UNSET
    active_version_number: int | UnsetType = UNSET
    active_version_status: str | UnsetType = UNSET

    @classmethod
    def of(cls, found: ServingModelApi) -> Self:
        """A stored model API."""
        active = found.active_version
        return cls(
            id=found.id,
            name=found.name,
            description=found.description,
            project=RegisteredModelProjectSummaryV1(
                id=found.project_id,
                name=found.project_name,
                owner_username=found.owner_name,
                is_git_based_project=found.is_git_based,
            ),
            updated_at=found.modified_at,
            active_model_version_id=active.id if active else UNSET,
            active_version_number=active.number if active else UNSET,
            active_version_status=active.status if active else UNSET,
        )


class PaginatedRegisteredModelVersionModelApiEnvelopeV1(Wire):
    """The model APIs that serve something; all of them, as the contract has no way to ask for a second page."""

    items: list[RegisteredModelVersionModelApiV1]
    metadata: PaginatedMetadataV1

    @classmethod
    def of(cls, found: list[ServingModelApi]) -> Self:
        """Stored model APIs."""
        return cls(
            items=[RegisteredModelVersionModelApiV1.of(one) for one in found],
            metadata=paged(Page(0, MAX_LIMIT), len(found)),
        )
