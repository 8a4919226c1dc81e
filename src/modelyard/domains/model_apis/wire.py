"""Shapes of model APIs on the wire; times are epoch milliseconds."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.model_apis.queries import (
    AccessToken,
    ActiveVersion,
    Collaborator,
    HealthCheck,
    Volume,
)
from modelyard.domains.model_apis.queries import ModelApi as StoredModelApi
from modelyard.domains.model_apis.versions.wire import (
    LOCAL_DATA_PLANE,
    ModelApiVersionCreationRequest,
    ModelApiVersionDeployment,
)
from modelyard.domains.users import ModelApiRole
from modelyard.kit.wire import AnyCase, PaginatedMetadataV1, Wire, milliseconds, present

Replicas = Annotated[int, Meta(ge=1, le=32)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]


class ModelApiEnvironmentVariable(Wire):
    """An environment variable; its value is never sent back."""

    key: str
    value: str


class ModelApiAccessToken(Wire):
    """An access token, without its secret."""

    id: str
    created: int
    created_by: str
    last_generated: int
    last_generated_by: str
    name: str | UnsetType = UNSET

    @classmethod
    def of(cls, token: AccessToken) -> Self:
        """A stored token."""
        return cls(
            id=token.id,
            name=present(token.name),
            created=milliseconds(token.created_at),
            created_by=token.created_by_id,
            last_generated=milliseconds(token.generated_at),
            last_generated_by=token.generated_by_id,
        )


class ModelApiAccessConfiguration(Wire):
    """Who may call a model API: everybody, or who has a token of it (and whoever may see it, by their own key)."""

    is_public: bool
    access_tokens: list[ModelApiAccessToken]


class ModelApiAccessRequest(Wire):
    """What may be chosen of who may call."""

    is_public: bool | None = None


class ModelApiHealthCheckConfiguration(Wire):
    """When a replica counts as ill and is replaced."""

    failure_threshold: Annotated[int, Meta(ge=1, le=100)]
    initial_delay_seconds: Annotated[int, Meta(ge=0, le=86_400)]
    period_seconds: Seconds
    timeout_seconds: Seconds

    @classmethod
    def of(cls, check: HealthCheck) -> Self:
        """Stored settings."""
        return cls(
            failure_threshold=check.failure_threshold,
            initial_delay_seconds=check.initial_delay_seconds,
            period_seconds=check.period_seconds,
            timeout_seconds=check.timeout_seconds,
        )

    def stored(self) -> HealthCheck:
        """As it is stored."""
        return HealthCheck(
            initial_delay_seconds=self.initial_delay_seconds,
            period_seconds=self.period_seconds,
            timeout_seconds=self.timeout_seconds,
            failure_threshold=self.failure_threshold,
        )


class ModelApiCollaboratorRole(Wire):
    """What a person or an organization is in a model API."""

    collaborator: str
    role: ModelApiRole

    @classmethod
    def of(cls, collaborator: Collaborator) -> Self:
        """A stored collaborator."""
        return cls(collaborator=collaborator.account_id, role=collaborator.role)


class VolumeType(AnyCase):
    """What a volume has: the live files of a dataset, or a snapshot."""

    DATASET = "Dataset"
    SNAPSHOT = "Snapshot"


class ModelApiVolume(Wire):
    """A dataset or a snapshot that the replicas of a model API see at a path."""

    name: str
    mount_path: str
    volume_type: VolumeType
    read_only: bool

    @classmethod
    def of(cls, volume: Volume) -> Self:
        """A stored volume."""
        return cls(
            name=volume.name,
            mount_path=volume.mount_path,
            volume_type=VolumeType(volume.volume_type),
            read_only=volume.read_only,
        )


class ModelApiMetadata(Wire):
    """When and by whom a model API was made, and when it was last changed."""

    created: int
    created_by: str
    last_modified: int


class ModelApiVersionSummary(Wire):
    """The version that a model API is known by."""

    id: str
    data_plane_id: str
    number: int | UnsetType = UNSET
    deployment: ModelApiVersionDeployment | UnsetType = UNSET

    @classmethod
    def of(cls, version: ActiveVersion) -> Self:
        """A stored version."""
        return cls(
            id=version.id,
            data_plane_id=LOCAL_DATA_PLANE,
            number=version.number,
            deployment=ModelApiVersionDeployment.of(version.status, is_wanted=version.is_wanted),
        )


class ModelApiCreationRequest(Wire):
    """A new model API with its first version."""

    name: str
    description: str
    environment_id: str
    is_async: bool
    strict_node_anti_affinity: bool
    environment_variables: list[ModelApiEnvironmentVariable]
    version: ModelApiVersionCreationRequest
    replicas: Replicas | None = None
    hardware_tier_id: str | None = None
    resource_quota_id: str | None = None
    bundle_id: str | None = None
    access: ModelApiAccessRequest | None = None
    health_check: ModelApiHealthCheckConfiguration | None = None
    override_request_timeout_secs: Seconds | None = None
    volumes: list[ModelApiVolume] | None = None


class ModelApiUpdateRequest(Wire):
    """New settings of a model API; what a version serves is not among them."""

    name: str
    description: str
    replicas: Replicas
    environment_id: str
    hardware_tier_id: str | None = None
    resource_quota_id: str | None = None
    access: ModelApiAccessRequest | None = None
    health_check: ModelApiHealthCheckConfiguration | None = None
    override_request_timeout_secs: Seconds | None = None


class ModelApi(Wire):
    """A model API."""

    id: str
    name: str
    description: str
    is_archived: bool
    environment_id: str
    replicas: int
    routing_mode: str
    is_async: bool
    strict_node_anti_affinity: bool
    access: ModelApiAccessConfiguration
    health_check: ModelApiHealthCheckConfiguration
    collaborators: list[ModelApiCollaboratorRole]
    volumes: list[ModelApiVolume]
    metadata: ModelApiMetadata
    active_version: ModelApiVersionSummary | UnsetType = UNSET
    bundle_id: str | UnsetType = UNSET
    hardware_tier_id: str | UnsetType = UNSET
    resource_quota_id: str | UnsetType = UNSET
    override_request_timeout_secs: int | UnsetType = UNSET

    @classmethod
    def of(cls, stored: StoredModelApi) -> Self:
        """A stored model API."""
        return cls(
            id=stored.id,
            name=stored.name,
            description=stored.description,
            is_archived=False,
            environment_id=stored.environment_id,
            replicas=stored.replicas,
            routing_mode="Advanced",
            is_async=stored.is_async,
            strict_node_anti_affinity=stored.strict_node_anti_affinity,
            access=ModelApiAccessConfiguration(
                is_public=stored.is_public,
                access_tokens=[ModelApiAccessToken.of(token) for token in stored.access_tokens],
            ),
            health_check=ModelApiHealthCheckConfiguration.of(stored.health_check),
            collaborators=[ModelApiCollaboratorRole.of(one) for one in stored.collaborators],
            volumes=[ModelApiVolume.of(volume) for volume in stored.volumes],
            metadata=ModelApiMetadata(
                created=milliseconds(stored.created_at),
                created_by=stored.created_by_id,
                last_modified=milliseconds(stored.modified_at),
            ),
            active_version=ModelApiVersionSummary.of(stored.active_version) if stored.active_version else UNSET,
            bundle_id=present(stored.bundle_id),
            hardware_tier_id=present(stored.hardware_tier_id),
            resource_quota_id=present(stored.resource_quota_id),
            override_request_timeout_secs=present(stored.request_timeout_seconds),
        )


class ModelApiPaginatedList(Wire):
    """One page of model APIs."""

    items: list[ModelApi]
    metadata: PaginatedMetadataV1
