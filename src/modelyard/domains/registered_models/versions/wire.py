"""Shapes of model versions on the wire."""

from datetime import UTC, datetime
from typing import Self

from msgspec import UNSET, UnsetType

from modelyard.domains.registered_models.queries import RegisteredModel, VersionMetric
from modelyard.domains.registered_models.reviews.wire import RegisteredModelReviewSummaryV1
from modelyard.domains.registered_models.versions.queries import ModelVersion, SeenSnapshot, StoredVersion
from modelyard.domains.registered_models.wire import Description, RegisteredModelProjectSummaryV1
from modelyard.kit.wire import PaginatedMetadataV1, Wire


class NewRegisteredModelVersionV1(Wire):
    """Body of createRegisteredModelVersionFromRun: a folder of the run's artifacts, or a model that it logged."""

    description: Description
    experiment_run_id: str
    artifact: str


class RegisteredModelVersionOverviewV1(Wire):
    """A version in a list."""

    model_name: str
    model_version: int
    experiment_run_id: str
    project: RegisteredModelProjectSummaryV1
    owner_username: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, model: RegisteredModel, version: StoredVersion) -> Self:
        """A stored version."""
        return cls(
            model_name=model.name,
            model_version=version.version,
            experiment_run_id=version.run_id or "",
            project=RegisteredModelProjectSummaryV1.of(model.project),
            owner_username=version.owner_name,
            created_at=version.created_at,
            updated_at=version.updated_at,
        )


class PaginatedRegisteredModelVersionOverviewEnvelopeV1(Wire):
    """A page of versions."""

    items: list[RegisteredModelVersionOverviewV1]
    metadata: PaginatedMetadataV1


class RegisteredModelVersionExperimentRunMetricV1(Wire):
    """The last value of a metric of a run."""

    key: str
    value: float
    timestamp: datetime

    @classmethod
    def of(cls, metric: VersionMetric) -> Self:
        """A stored metric."""
        return cls(key=metric.key, value=metric.value, timestamp=_moment(metric.timestamp))


class RegisteredModelVersionExperimentRunParamV1(Wire):
    """A parameter of a run."""

    key: str
    value: str


class RegisteredModelVersionExperimentRunInfoV1(Wire):
    """What is known of the run that a version was made from, and where people look at it."""

    metrics: list[RegisteredModelVersionExperimentRunMetricV1]
    params: list[RegisteredModelVersionExperimentRunParamV1]
    run_url: str


class RegisteredModelVersionDataSourceDetailsV1(Wire):
    """A data source that the run read."""

    id: str
    name: str
    data_source_type: str


class RegisteredModelVersionDatasetDetailsV1(Wire):
    """A snapshot of a dataset that the run's job saw."""

    id: str
    name: str
    snapshot_id: str

    @classmethod
    def of(cls, seen: SeenSnapshot) -> Self:
        """A stored mount."""
        return cls(id=seen.dataset_id, name=seen.dataset_name, snapshot_id=seen.snapshot_id)


class RegisteredModelVersionUiDetailsV1(Wire):
    """Where a version comes from."""

    experiment_run_info: RegisteredModelVersionExperimentRunInfoV1
    model_version_data_sources: list[RegisteredModelVersionDataSourceDetailsV1]
    model_version_datasets: list[RegisteredModelVersionDatasetDetailsV1]

    @classmethod
    def of(cls, version: ModelVersion, public_url: str) -> Self:
        """A stored version's; `public_url` is where people reach this server."""
        run = f"{public_url}/mlflow/#/experiments/{version.experiment_id}/runs/{version.run_id}"
        return cls(
            experiment_run_info=RegisteredModelVersionExperimentRunInfoV1(
                metrics=[RegisteredModelVersionExperimentRunMetricV1.of(metric) for metric in version.metrics],
                params=[
                    RegisteredModelVersionExperimentRunParamV1(key=param.key, value=param.value)
                    for param in version.params
                ],
                run_url=run if version.run_id else "",
            ),
            model_version_data_sources=[],
            model_version_datasets=[RegisteredModelVersionDatasetDetailsV1.of(seen) for seen in version.snapshots],
        )


class RegisteredModelVersionDetailsV1(Wire):
    """A version of a model."""

    model_name: str
    model_version: int
    model_version_description: str
    experiment_run_id: str
    project: RegisteredModelProjectSummaryV1
    version_ui_details: RegisteredModelVersionUiDetailsV1
    tags: dict[str, str]
    owner_username: str
    created_at: datetime
    updated_at: datetime
    current_stage: str | UnsetType = UNSET
    review_summary: RegisteredModelReviewSummaryV1 | UnsetType = UNSET

    @classmethod
    def of(cls, version: ModelVersion, public_url: str) -> Self:
        """A stored version; `public_url` is where people reach this server."""
        return cls(
            model_name=version.model.name,
            model_version=version.version,
            model_version_description=version.description,
            experiment_run_id=version.run_id or "",
            project=RegisteredModelProjectSummaryV1.of(version.model.project),
            version_ui_details=RegisteredModelVersionUiDetailsV1.of(version, public_url),
            tags=version.tags,
            owner_username=version.owner_name,
            created_at=version.created_at,
            updated_at=version.updated_at,
            current_stage=version.stage,
            review_summary=RegisteredModelReviewSummaryV1.of(version.review) if version.review else UNSET,
        )


def _moment(milliseconds: int) -> datetime:
    """A time of a run's clock, as near as a date can be: clients may log any number."""
    seconds = min(max(milliseconds / 1000, -6e10), 2.5e11)
    return datetime.fromtimestamp(seconds, UTC)
