"""Shapes of registered models on the wire, and what they share with those of versions."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.projects import Project
from modelyard.domains.registered_models.queries import ModelFilter, ModelForUI, RegisteredModel
from modelyard.domains.users import Right
from modelyard.kit import context
from modelyard.kit.paging import next_token
from modelyard.kit.wire import AnyCase, MetadataV1, PaginatedMetadataV1, Wire, present

Description = Annotated[str, Meta(max_length=20_000)]


class RegisteredModelProjectSummaryV1(Wire):
    """The project that a model belongs to."""

    id: str
    name: str
    owner_username: str
    is_git_based_project: bool

    @classmethod
    def of(cls, project: Project) -> Self:
        """A stored project."""
        return cls(
            id=project.id,
            name=project.name,
            owner_username=project.owner_name,
            is_git_based_project=project.main_code is not None,
        )


class RegisteredModelRequestingUserAccessV1(Wire):
    """What the caller may do with a model and look at around it."""

    can_edit_model: bool
    can_edit_project_assets: bool
    can_view_experiment_runs: bool
    can_view_model_apis: bool
    can_view_project: bool
    can_view_project_files: bool

    @classmethod
    def of(cls, rights: frozenset[Right]) -> Self:
        """What these rights in the model's project allow."""
        return cls(
            can_edit_model=Right.EDIT in rights,
            can_edit_project_assets=Right.EDIT in rights,
            can_view_experiment_runs=Right.VIEW_JOBS in rights,
            can_view_model_apis=Right.VIEW_JOBS in rights,
            can_view_project=Right.LIST_PROJECT in rights,
            can_view_project_files=Right.VIEW_FILES in rights,
        )


class NewRegisteredModelV1(Wire):
    """Body of createRegisteredModelFromRun."""

    model_name: str
    experiment_run_id: str
    discoverable: bool
    description: Description | None = None
    tags: dict[str, str] | None = None


class PatchRegisteredModelV1(Wire):
    """Body of patchRegisteredModelByName; what is absent stays as it is."""

    description: Description | None = None
    discoverable: bool | None = None


class RegisteredModelV1(Wire):
    """The basic details of a model."""

    name: str
    description: str
    project: RegisteredModelProjectSummaryV1
    tags: dict[str, str]
    owner_username: str
    created_at: datetime
    updated_at: datetime
    requesting_user_access: RegisteredModelRequestingUserAccessV1
    discoverable: bool | UnsetType = UNSET
    latest_version: int | UnsetType = UNSET

    @classmethod
    def of(cls, model: RegisteredModel) -> Self:
        """A stored model."""
        return cls(
            name=model.name,
            description=model.description,
            project=RegisteredModelProjectSummaryV1.of(model.project),
            tags=model.tags,
            owner_username=model.owner_name,
            created_at=model.created_at,
            updated_at=model.updated_at,
            requesting_user_access=RegisteredModelRequestingUserAccessV1.of(model.rights),
            discoverable=model.discoverable,
            latest_version=present(model.latest_version),
        )


class TokenPaginationV1(Wire):
    """Where a list goes on; the token is absent on the last page."""

    next_page_token: str | UnsetType = UNSET


class TokenPaginatedMetadataV1(MetadataV1):
    """Metadata of a list that is paged by tokens.

    The contract describes the token here, and requires `pagination` without describing it: both are sent.
    """

    pagination: TokenPaginationV1
    next_page_token: str | UnsetType = UNSET


def token_paged(wanted: ModelFilter, found: int) -> TokenPaginatedMetadataV1:
    """Metadata of a list whose query looked for one row more than its page has."""
    token = present(next_token(wanted.offset, wanted.limit, found))
    return TokenPaginatedMetadataV1(
        request_id=context.request_id.get(),
        notices=[],
        pagination=TokenPaginationV1(next_page_token=token),
        next_page_token=token,
    )


class PaginatedRegisteredModelsEnvelopeV1(Wire):
    """A page of models."""

    items: list[RegisteredModelV1]
    metadata: TokenPaginatedMetadataV1


class LatestVersionModelType(AnyCase):
    """What kind of model a version is, where that is known."""

    LLM = "llm"
    EMBEDDING = "embedding"
    OTHER_GENAI = "other-genai"
    ML = "ml"


class RegisteredModelForUIV1(Wire):
    """A model with what a list for people shows."""

    name: str
    description: str
    project: RegisteredModelProjectSummaryV1
    tags: dict[str, str]
    owner_username: str
    created_at: datetime
    updated_at: datetime
    model_api_count: int
    discoverable: bool | UnsetType = UNSET
    latest_version: int | UnsetType = UNSET
    latest_version_experiment_metrics: dict[str, float] | UnsetType = UNSET
    latest_version_model_type: LatestVersionModelType | UnsetType = UNSET
    prediction_count: int | UnsetType = UNSET

    @classmethod
    def of(cls, model: ModelForUI, model_api_count: int) -> Self:
        """A stored model, which so many model APIs serve."""
        metrics = model.latest_metrics
        readable = Right.VIEW_JOBS in model.rights
        return cls(
            name=model.name,
            description=model.description,
            project=RegisteredModelProjectSummaryV1.of(model.project),
            tags=model.tags,
            owner_username=model.owner_name,
            created_at=model.created_at,
            updated_at=model.updated_at,
            model_api_count=model_api_count,
            discoverable=model.discoverable,
            latest_version=present(model.latest_version),
            latest_version_experiment_metrics=UNSET
            if metrics is None or not readable
            else {metric.key: metric.value for metric in metrics},
        )


class PaginatedRegisteredModelsForUIEnvelopeV1(Wire):
    """A page of models for people."""

    items: list[RegisteredModelForUIV1]
    metadata: TokenPaginatedMetadataV1


class PaginatedRegisteredModelNamesV1(Wire):
    """A page of names of models."""

    items: list[str]
    metadata: PaginatedMetadataV1
