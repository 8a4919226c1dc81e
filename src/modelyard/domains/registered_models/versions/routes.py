"""Operations on versions of registered models."""

from modelyard.domains.registered_models.access import version_with, versions_of_model
from modelyard.domains.registered_models.versions.queries import ListedVersions, ModelVersion
from modelyard.domains.registered_models.versions.wire import (
    PaginatedRegisteredModelVersionOverviewEnvelopeV1,
    RegisteredModelVersionDetailsV1,
    RegisteredModelVersionOverviewV1,
)
from modelyard.domains.registered_models.wire import PaginatedRegisteredModelVersionModelApiEnvelopeV1
from modelyard.domains.users import Right
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged

TAG = "RegisteredModels"
VERSIONS = "/api/registeredmodels/v1/{modelName:str}/versions"
VERSION = f"{VERSIONS}/{{version:int}}"


@operation("GET", VERSIONS, guard=versions_of_model, tag=TAG)
async def get_registered_model_versions(
    listed: ListedVersions,
) -> PaginatedRegisteredModelVersionOverviewEnvelopeV1:
    """The versions of a model, newest first."""
    return PaginatedRegisteredModelVersionOverviewEnvelopeV1(
        items=[RegisteredModelVersionOverviewV1.of(listed.model, version) for version in listed.rows],
        metadata=paged(listed.page, listed.total),
    )


@operation("GET", VERSION, guard=version_with(Right.VIEW_JOBS), tag=TAG)
async def get_registered_model_version(
    model_version: ModelVersion, public_url: str
) -> RegisteredModelVersionDetailsV1:
    """Read one version of a model, with what is known of its run."""
    return RegisteredModelVersionDetailsV1.of(model_version, public_url)


@operation("GET", f"{VERSION}/modelapis", guard=version_with(Right.VIEW_JOBS), tag=TAG)
async def get_model_apis_from_registered_model_version(
    model_version: ModelVersion,  # noqa: ARG001 - it takes what its guard provides
) -> PaginatedRegisteredModelVersionModelApiEnvelopeV1:
    """The model APIs that serve a version; nothing serves models yet."""
    return PaginatedRegisteredModelVersionModelApiEnvelopeV1(items=[], metadata=paged(Page(0, 10), 0))
