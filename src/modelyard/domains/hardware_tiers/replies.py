"""Hardware tiers between their rows and the wire."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from modelyard.domains.hardware_tiers.queries import Load, Node, Tier
from modelyard.domains.hardware_tiers.wire import (
    HardwareTierCapacityV1,
    HardwareTierFlagsV1,
    HardwareTierV1,
    NewHardwareTierFlagsV1,
    NewHardwareTierV1,
)

# What is stored as it came, and acted on elsewhere or not at all.
_KEPT = (
    "availabilityZones",
    "computeClusterRestrictions",
    "dataPlaneId",
    "gpuConfiguration",
    "nodePool",
    "overProvisioning",
    "podCustomization",
    "tags",
)
_ACTIVE = {"isArchived", "isDefault", "isDefaultForModelApi"}


def tier_from_new(new: NewHardwareTierV1) -> Tier:
    """The row of a tier that is to be made."""
    flags = new.flags or NewHardwareTierFlagsV1()
    return _tier(
        msgspec.to_builtins(new),
        flags=msgspec.to_builtins(flags),
        memory=new.resources.memory.bytes,
        created=datetime.now(UTC),
    )


def tier_from(given: HardwareTierV1) -> Tier:
    """The row of a tier that is to be changed; computed fields are passed over."""
    return _tier(
        msgspec.to_builtins(given),
        flags=msgspec.to_builtins(given.flags),
        memory=given.resources.memory.bytes,
        created=given.creation_time,
    )


def _tier(body: dict[str, Any], *, flags: dict[str, Any], memory: int, created: datetime) -> Tier:
    kept = {name: body[name] for name in _KEPT if body.get(name) is not None}
    kept["resources"] = {k: v for k, v in body["resources"].items() if v is not None}
    kept["flags"] = {name: value for name, value in flags.items() if name not in _ACTIVE and value is not None}
    gpus = kept.get("gpuConfiguration", {}).get("numberOfGpus", 0)
    return Tier(
        id=body["id"],
        name=body["name"],
        cores=body["resources"]["cores"],
        memory_bytes=memory,
        gpus=gpus,
        cents_per_minute=body.get("centsPerMinute") or 0.0,
        max_simultaneous_executions=body.get("maxSimultaneousExecutions"),
        is_default=bool(flags.get("isDefault")),
        is_default_for_model_api=bool(flags.get("isDefaultForModelApi")),
        is_archived=bool(flags.get("isArchived")),
        settings=kept,
        created_at=created,
        updated_at=datetime.now(UTC),
    )


def tier_reply(tier: Tier, load: Load | None, nodes: list[Node]) -> HardwareTierV1:
    """A tier as the API shows it."""
    kept = dict(tier.settings)
    kept_flags = kept.pop("flags", {})
    resources = kept.pop("resources", None) or {
        "cores": tier.cores,
        "memory": {"value": round(tier.memory_bytes / 2**30, 2), "units": "GiB"},
        "allowSharedMemoryToExceedDefault": False,
    }
    flags = HardwareTierFlagsV1(
        is_archived=tier.is_archived,
        is_default=tier.is_default,
        is_default_for_model_api=tier.is_default_for_model_api,
        is_data_analyst_tier=bool(kept_flags.get("isDataAnalystTier", False)),
        is_global=bool(kept_flags.get("isGlobal", True)),
        is_visible=bool(kept_flags.get("isVisible", True)),
        is_model_api_tier=kept_flags.get("isModelApiTier", UNSET),
    )
    body: dict[str, Any] = {
        "id": tier.id,
        "name": tier.name,
        "centsPerMinute": tier.cents_per_minute,
        "creationTime": tier.created_at,
        "updateTime": tier.updated_at,
        "flags": msgspec.to_builtins(flags),
        "metadata": {},
        "podCustomization": kept.pop("podCustomization", {}),
        "resources": resources,
        "capacity": msgspec.to_builtins(capacity(tier, load, nodes)),
        **kept,
    }
    if tier.max_simultaneous_executions is not None:
        body["maxSimultaneousExecutions"] = tier.max_simultaneous_executions
    return msgspec.convert(body, HardwareTierV1)


def capacity(tier: Tier, load: Load | None, nodes: list[Node]) -> HardwareTierCapacityV1:
    """What runs on a tier and waits for it, and how many more its machines could hold if they were free."""
    executing, queued = (load.executing, load.queued) if load else (0, 0)
    most = sum(_fitting(tier, node) for node in nodes)
    if tier.max_simultaneous_executions is not None:
        most = min(most, tier.max_simultaneous_executions)
    available = max(0, most - executing - queued)
    level = "Unknown" if not nodes else "CanExecuteWithCurrentInstances" if available else "Full"
    return HardwareTierCapacityV1(
        capacity_level=level,  # type: ignore[arg-type]
        executing_runs=executing,
        queued_runs=queued,
        available_capacity_without_launching=available,
        max_available_capacity=available,
        max_concurrent_runs=most,
        max_number_of_executors=len(nodes),
        number_of_executors=len(nodes),
    )


def _fitting(tier: Tier, node: Node) -> int:
    counts = [node.cores / tier.cores, node.memory_bytes / max(tier.memory_bytes, 1)]
    if tier.gpus:
        counts.append(node.gpus / tier.gpus)
    return int(min(counts) + 1e-9)
