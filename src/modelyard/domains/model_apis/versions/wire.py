"""Shapes of versions of model APIs on the wire; times are epoch milliseconds."""

from typing import Literal, Self

from msgspec import UNSET, UnsetType

from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Version, VersionSource
from modelyard.kit.wire import Wire, milliseconds, present

# There is one data plane: where this server and its runners are.
LOCAL_DATA_PLANE = "000000000000000000000000"


class ModelApiSource(Wire):
    """What a version serves: `file` and `function` of type File, a registered model's version of type Registry."""

    type: Literal["File", "Registry"]
    file: str | UnsetType | None = UNSET
    function: str | UnsetType | None = UNSET
    exclude_files: list[str] | UnsetType | None = UNSET
    registered_model_name: str | UnsetType | None = UNSET
    registered_model_version: int | UnsetType | None = UNSET

    @classmethod
    def of(cls, source: VersionSource) -> Self:
        """A stored source."""
        return cls(
            type="Registry" if source.type == "Registry" else "File",
            file=present(source.file),
            function=present(source.function),
            exclude_files=source.exclude_files or UNSET,
            registered_model_name=present(source.registered_model_name),
            registered_model_version=present(source.registered_model_version),
        )


class ModelApiVersionDeployment(Wire):
    """How a version is; `is_pending` while something is under way."""

    status: str
    is_pending: bool

    @classmethod
    def of(cls, status: str, *, is_wanted: bool) -> Self:
        """A stored state, against the one that is wanted."""
        on_the_way = is_wanted and status in {lifecycle.READY_TO_RUN, lifecycle.STOPPED}
        stopping = not is_wanted and status in lifecycle.ALIVE
        return cls(status=status, is_pending=status in lifecycle.TRANSITIONAL or on_the_way or stopping)


class ModelApiVersionMetadata(Wire):
    """When and by whom a version was made."""

    created: int
    created_by: str
    summary: str | UnsetType = UNSET


class ModelApiVersionCreationRequest(Wire):
    """A new version; its commit is the project's newest unless named, its environment that of the model API."""

    project_id: str
    source: ModelApiSource
    log_http_request_response: bool
    monitoring_enabled: bool
    record_invocation: bool | None = None
    should_deploy: bool | None = None
    commit_id: str | None = None
    description: str | None = None
    environment_id: str | None = None
    prediction_dataset_resource_id: str | None = None
    provenance_checkpoint_id: str | None = None


class ModelApiVersion(Wire):
    """A version of a model API."""

    id: str
    model_api_id: str
    project_id: str
    source: ModelApiSource
    commit_id: str
    data_plane_id: str
    environment_revision_id: str
    log_http_request_response: bool
    monitoring_enabled: bool
    record_invocation: bool
    labels: list[str]
    metadata: ModelApiVersionMetadata
    number: int | UnsetType = UNSET
    description: str | UnsetType = UNSET
    deployment: ModelApiVersionDeployment | UnsetType = UNSET
    bundle_id: str | UnsetType = UNSET
    prediction_dataset_resource_id: str | UnsetType = UNSET
    provenance_checkpoint_id: str | UnsetType = UNSET

    @classmethod
    def of(cls, version: Version) -> Self:
        """A stored version."""
        return cls(
            id=version.id,
            model_api_id=version.model_api_id,
            project_id=version.project_id,
            number=version.number,
            description=version.description,
            source=ModelApiSource.of(version.source),
            commit_id=version.commit_id,
            data_plane_id=LOCAL_DATA_PLANE,
            environment_revision_id=version.environment_revision_id,
            log_http_request_response=version.log_http_request_response,
            monitoring_enabled=version.monitoring_enabled,
            record_invocation=version.record_invocation,
            labels=["prod"] if version.is_production else [],
            deployment=ModelApiVersionDeployment.of(version.status, is_wanted=version.is_wanted),
            metadata=ModelApiVersionMetadata(
                created=milliseconds(version.created_at),
                created_by=version.created_by_id,
            ),
            prediction_dataset_resource_id=present(version.prediction_dataset_id),
            provenance_checkpoint_id=present(version.provenance_checkpoint_id),
        )


class ModelApiVersionProductionLabel(Wire):
    """Whether a version is the one in production."""

    is_prod: bool


class ModelApiVersionTargetState(Wire):
    """Whether a version is to run."""

    is_running: bool
