"""Shapes of environments on the wire."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from modelyard.kit.wire import MetadataV1, PaginatedMetadataV1, Wire

ClusterTypeV1 = Literal["dask", "mpi", "ray", "spark"]
EnvironmentVisibilityV1 = Literal["global", "private", "organization"]
EnvironmentRevisionBuildStatusV1 = Literal[
    "queued", "starting", "pulling", "building", "pushing", "succeeded", "failed", "killed"
]
Script = Annotated[str, Meta(max_length=100_000)]


class ProxyConfigV1(Wire):
    """How an interactive tool is reached."""

    internal_path: str
    port: int
    require_subdomain: bool | UnsetType = UNSET
    rewrite: bool | UnsetType = UNSET


class EnvironmentToolV1(Wire):
    """An interactive tool of an environment."""

    name: str
    title: str
    start_scripts: list[str]
    icon_url: str | UnsetType = UNSET
    proxy_config: ProxyConfigV1 | UnsetType = UNSET
    supported_file_extensions: list[str] | UnsetType = UNSET


class EnvironmentVariableV1(Wire):
    """A variable that jobs find in their environment; older clients call its key `name`."""

    value: str
    key: str | None = None
    name: str | None = None


class EnvironmentRevisionV1(Wire):
    """A revision; without a status it has not been built yet."""

    id: str
    number: int
    available_tools: list[EnvironmentToolV1]
    status: EnvironmentRevisionBuildStatusV1 | UnsetType = UNSET


class EnvironmentOwnerV1(Wire):
    """Who owns an environment."""

    id: str
    username: str
    owner_type: Literal["individual", "organization"]


class EnvironmentV1(Wire):
    """An environment."""

    id: str
    name: str
    archived: bool
    visibility: EnvironmentVisibilityV1
    rebuild_on_base_changes: Literal["never", "followActive"]
    supported_clusters: list[ClusterTypeV1]
    active_revision_tags: list[str] | UnsetType = UNSET
    internal_tags: list[str] | UnsetType = UNSET
    is_curated: bool | UnsetType = UNSET
    latest_revision: EnvironmentRevisionV1 | UnsetType = UNSET
    owner: EnvironmentOwnerV1 | UnsetType = UNSET
    restricted_revision: EnvironmentRevisionV1 | UnsetType = UNSET
    selected_revision: EnvironmentRevisionV1 | UnsetType = UNSET


class NewEnvironmentRevisionV1(Wire):
    """Body of createEnvironmentRevision; empty texts and lists mean absent."""

    image: Annotated[str, Meta(max_length=1000)] | None = None
    dockerfile_instructions: Script | None = None
    environment_variables: list[EnvironmentVariableV1] | None = None
    pre_run_script: Script | None = None
    post_run_script: Script | None = None
    pre_setup_script: Script | None = None
    post_setup_script: Script | None = None
    skip_cache: bool | None = None
    summary: Annotated[str, Meta(max_length=10_000)] | None = None
    supported_clusters: list[ClusterTypeV1] | None = None
    tags: list[str] | None = None
    use_vpn: bool | None = None
    workspace_tools: list[EnvironmentToolV1] | None = None


class NewEnvironmentV1(NewEnvironmentRevisionV1):
    """Body of createEnvironment: a first revision, or another environment to take everything from."""

    name: Annotated[str, Meta(max_length=200)] | None = None
    visibility: str | None = None
    add_base_dependencies: bool | None = None
    description: str | None = None
    duplicate_from_environment_id: str | None = None
    is_curated: bool | None = None
    is_restricted: bool | None = None
    org_owner_id: str | None = None
    rebuild_on_base_changes: Literal["never", "followActive"] | None = None


class UpdateEnvironmentRevisionV1(Wire):
    """Body of updateEnvironmentRevisionIsRestricted."""

    is_restricted: bool


class EnvironmentEnvelopeV1(Wire):
    """One environment."""

    environment: EnvironmentV1
    metadata: MetadataV1


class PaginatedEnvironmentEnvelopeV1(Wire):
    """A page of environments."""

    environments: list[EnvironmentV1]
    metadata: PaginatedMetadataV1


class EnvironmentRevisionEnvelopeV1(Wire):
    """One revision."""

    environment_revision: EnvironmentRevisionV1
    metadata: MetadataV1


class EnvironmentRevisionUpdateEnvelopeV1(Wire):
    """The revision that was changed."""

    id: str


class BuildLogLine(Wire):
    """A line of a build's log; the time in nanoseconds since 1970, as text."""

    time_nano: str
    text: str


class BuildLog(Wire):
    """A build's log, as far as it has come."""

    status: str | UnsetType
    is_complete: bool
    lines: list[BuildLogLine]


class RevisionDetails(Wire):
    """A revision on the private routes."""

    id: str
    number: int
    docker_image: str
    status: str | UnsetType


class DefaultEnvironment(Wire):
    """The default environment on the private route."""

    id: str
    name: str
    latest_revision_details: RevisionDetails


class SetDefaultEnvironment(Wire):
    """Body of the private route that changes the default."""

    environment_id: str


class ListedEnvironment(Wire):
    """An environment in first-generation lists."""

    id: str
    name: str
    visibility: str


class EnvironmentList(Wire):
    """All environments, first generation."""

    object_type: str
    url: str
    data: list[ListedEnvironment]


class UseableEnvironments(Wire):
    """The environments that a project may use."""

    environments: list[ListedEnvironment]
    currently_selected_environment: ListedEnvironment | UnsetType = UNSET
