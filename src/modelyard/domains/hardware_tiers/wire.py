"""Shapes of hardware tiers on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from modelyard.kit.wire import MetadataV1, PaginatedMetadataV1, Wire

BYTES = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


class InformationV1(Wire):
    """An amount of memory."""

    value: Annotated[float, Meta(ge=0, le=1e15)]
    units: Literal["MB", "MiB", "GB", "GiB"]

    @property
    def bytes(self) -> int:
        """The amount in bytes."""
        return int(self.value * BYTES[self.units])


class HardwareTierResourcesV1(Wire):
    """What an execution gets."""

    cores: Annotated[float, Meta(gt=0, le=100_000)]
    memory: InformationV1
    allow_shared_memory_to_exceed_default: bool
    cores_limit: float | UnsetType | None = UNSET
    memory_limit: InformationV1 | UnsetType | None = UNSET
    memory_swap_limit: InformationV1 | UnsetType | None = UNSET
    shared_memory_limit: InformationV1 | UnsetType | None = UNSET


class HardwareTierFlagsV1(Wire):
    """What a tier is for."""

    is_archived: bool
    is_data_analyst_tier: bool
    is_default: bool
    is_global: bool
    is_visible: bool
    is_default_for_model_api: bool | UnsetType = UNSET
    is_model_api_tier: bool | UnsetType = UNSET


class NewHardwareTierFlagsV1(Wire):
    """What a new tier is for."""

    is_data_analyst_tier: bool = False
    is_default: bool = False
    is_default_for_model_api: bool | None = None
    is_global: bool = True
    is_model_api_tier: bool | None = None
    is_visible: bool = True


class HardwareTierGpuConfigurationV1(Wire):
    """The GPUs of an execution."""

    gpu_key: str
    number_of_gpus: Annotated[int, Meta(ge=0, le=1024)]


class HardwareTierComputeClusterRestrictionsV1(Wire):
    """The cluster kinds that a tier is limited to."""

    restrict_to_dask: bool
    restrict_to_mpi: bool
    restrict_to_ray: bool
    restrict_to_spark: bool


class HardwareTierOverProvisioningV1(Wire):
    """Machines started ahead, on a weekly schedule; kept, not acted on."""

    instances: int
    scheduling_enabled: bool
    days_of_week: list[str]
    timezone: str
    from_time: str
    to_time: str


class HardwareTierPodCustomizationV1(Wire):
    """Details for a cluster; kept, not acted on."""

    additional_annotations: dict[str, str] | UnsetType | None = UNSET
    additional_labels: dict[str, str] | UnsetType | None = UNSET
    additional_limits: dict[str, str] | UnsetType | None = UNSET
    additional_requests: dict[str, str] | UnsetType | None = UNSET
    capabilities: list[str] | UnsetType | None = UNSET
    hugepages: dict[str, str] | UnsetType | None = UNSET


class HardwareTierCapacityV1(Wire):
    """What runs on a tier and waits for it, and what more would fit."""

    capacity_level: Literal["CanExecuteWithCurrentInstances", "RequiresLaunchingInstance", "Full", "Unknown"]
    executing_runs: int
    queued_runs: int
    available_capacity_without_launching: int
    max_available_capacity: int
    max_concurrent_runs: int
    max_number_of_executors: int
    number_of_executors: int


class HardwareTierV1(Wire):
    """A hardware tier."""

    id: str
    name: str
    cents_per_minute: float
    creation_time: datetime
    update_time: datetime
    flags: HardwareTierFlagsV1
    metadata: dict[str, str]
    pod_customization: HardwareTierPodCustomizationV1
    resources: HardwareTierResourcesV1
    availability_zones: list[str] | UnsetType = UNSET
    capacity: HardwareTierCapacityV1 | UnsetType = UNSET
    compute_cluster_restrictions: HardwareTierComputeClusterRestrictionsV1 | UnsetType = UNSET
    data_plane_id: str | UnsetType = UNSET
    gpu_configuration: HardwareTierGpuConfigurationV1 | UnsetType = UNSET
    max_simultaneous_executions: int | UnsetType = UNSET
    node_pool: str | UnsetType = UNSET
    over_provisioning: HardwareTierOverProvisioningV1 | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET


class NewHardwareTierV1(Wire):
    """Body of createHardwareTier."""

    id: str
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    resources: HardwareTierResourcesV1
    node_pool: str
    cents_per_minute: Annotated[float, Meta(ge=0, le=1e9)] | None = None
    flags: NewHardwareTierFlagsV1 | None = None
    gpu_configuration: HardwareTierGpuConfigurationV1 | None = None
    max_simultaneous_executions: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    availability_zones: list[str] | None = None
    compute_cluster_restrictions: HardwareTierComputeClusterRestrictionsV1 | None = None
    data_plane_id: str | None = None
    over_provisioning: HardwareTierOverProvisioningV1 | None = None
    pod_customization: HardwareTierPodCustomizationV1 | None = None
    tags: list[str] | None = None


class HardwareTierEnvelopeV1(Wire):
    """One hardware tier."""

    hardware_tier: HardwareTierV1
    metadata: MetadataV1


class PaginatedHardwareTierEnvelopeV1(Wire):
    """A page of hardware tiers."""

    hardware_tiers: list[HardwareTierV1]
    metadata: PaginatedMetadataV1


class HwtFlags(Wire):
    """Flags on the private route."""

    is_default: bool


class ProjectTier(Wire):
    """A tier on the private route."""

    id: str
    name: str
    cores: float
    memory: float
    hwt_flags: HwtFlags


class ProjectTierEnvelope(Wire):
    """A tier that a project may use."""

    hardware_tier: ProjectTier
