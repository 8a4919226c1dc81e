"""Rules of hardware tiers: the one default, what a job may ask for, the tiers of a fresh installation."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelyard.domains.hardware_tiers import queries
from modelyard.domains.hardware_tiers.queries import Tier
from modelyard.domains.users import Caller
from modelyard.kit import events
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.paging import Page

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_GIB = 2**30
# What events tell of a change, and the field that holds it.
_TOLD = {
    "name": "name",
    "cores": "cores",
    "memoryBytes": "memory_bytes",
    "gpus": "gpus",
    "centsPerMinute": "cents_per_minute",
    "maxSimultaneousExecutions": "max_simultaneous_executions",
    "isDefault": "is_default",
    "isDefaultForModelApi": "is_default_for_model_api",
    "isArchived": "is_archived",
}


async def tier_for(db: Executor, wanted: str | None) -> Tier:
    """The tier to run on, by id or name, or the default one; raises BadRequest when it cannot be used."""
    tier = await (queries.find_live_tier(db, wanted) if wanted else queries.default_tier(db))
    if tier is None:
        reason = f"There is no hardware tier {wanted}" if wanted else "There is no default hardware tier"
        raise BadRequest(f"{reason}; see the list of hardware tiers.")
    nodes = await queries.live_nodes(db)
    fits = any(
        tier.cores <= node.cores and tier.memory_bytes <= node.memory_bytes and tier.gpus <= node.gpus
        for node in nodes
    )
    if nodes and not fits:
        raise BadRequest(f"The hardware tier {tier.id} is larger than any machine here; choose a smaller one.")
    return tier


async def tier_for_model_api(db: Executor, wanted: str | None) -> Tier:
    """As `tier_for`; where none is named, the one that is meant for model APIs, if any is."""
    meant = None if wanted else await queries.default_model_api_tier(db)
    return await tier_for(db, wanted or (meant.id if meant else None))


async def queue_execution(tx: Transaction, execution_id: str, kind: str, tier: Tier, user_id: str) -> None:
    """Puts an execution into the queue for a tier's resources."""
    await queries.add_execution(tx, execution_id, kind, tier, user_id)


async def add_tier(tx: Transaction, caller: Caller, tier: Tier) -> Tier:
    """Adds a tier; raises BadRequest for a bad or taken id."""
    if not _ID.fullmatch(tier.id):
        raise BadRequest("id: must be 1 to 63 letters, digits, dots, dashes and underscores.")
    await _keep_one_default(tx, caller, tier)
    if not await queries.add_tier(tx, tier):
        raise BadRequest(f"There is a hardware tier {tier.id} already; choose another id.")
    await events.record(tx, caller, "hardwareTier.created", "hardwareTier", tier.id)
    return tier


async def change_tier(tx: Transaction, caller: Caller, tier: Tier) -> Tier:
    """Stores a tier's new values; raises NotFound, or BadRequest when no default would be left."""
    before = await queries.find_tier(tx, tier.id)
    if before is None:
        raise NotFound(f"There is no hardware tier {tier.id}.")
    if before.is_default and not (tier.is_default and not tier.is_archived):
        raise BadRequest(f"{tier.id} is the default tier; make another one the default first.")
    await _keep_one_default(tx, caller, tier)
    await queries.change_tier(tx, tier)
    changed = {name: field for name, field in _TOLD.items() if getattr(before, field) != getattr(tier, field)}
    await events.record(
        tx, caller, "hardwareTier.changed", "hardwareTier", tier.id,
        before={name: getattr(before, field) for name, field in changed.items()},
        **{name: getattr(tier, field) for name, field in changed.items()},
    )  # fmt: skip
    return msgspec.structs.replace(tier, created_at=before.created_at)


async def archive_tier(tx: Transaction, caller: Caller, tier: Tier) -> Tier:
    """Takes a tier out of use; what runs on it runs on. Raises BadRequest for the default tier."""
    if tier.is_default:
        raise BadRequest(f"{tier.id} is the default tier; make another one the default first.")
    archived = msgspec.structs.replace(tier, is_archived=True, is_default_for_model_api=False)
    await queries.change_tier(tx, archived)
    await events.record(tx, caller, "hardwareTier.archived", "hardwareTier", tier.id)
    return archived


async def seed_tiers(db: Database, cores: int, memory_bytes: int, gpus: int) -> None:
    """Makes the tiers of a fresh installation from the size of its machine; existing ones stay."""
    page = Page(0, 1)
    if (await queries.list_tiers(db, page, archived=True)).total:
        return
    usable = int(memory_bytes * 0.9)
    sizes: list[tuple[str, float, int, int]] = [
        ("small", 1, min(usable, max(usable // (2 * max(cores, 1)), 2 * _GIB)), 0),
        ("medium", max(1, cores // 2), usable // 2, 0),
        ("large", cores, usable, 0),
    ]
    if gpus:
        sizes.append(("gpu", max(1, cores // gpus), usable // gpus, 1))
    async with db.transaction() as tx:
        await queries.lock_admission(tx)
        if (await queries.list_tiers(tx, page, archived=True)).total:
            return
        for name, count, memory, gpu_count in sizes:
            await queries.add_tier(tx, seeded(name, count, memory, gpu_count))
            await events.record(tx, None, "hardwareTier.created", "hardwareTier", name)


def seeded(name: str, cores: float, memory_bytes: int, gpus: int) -> Tier:
    """A tier as a fresh installation has it; `small` is the default."""
    now = datetime.now(UTC)
    settings: dict[str, Any] = {"nodePool": "default"}
    if gpus:
        settings["gpuConfiguration"] = {"gpuKey": "nvidia.com/gpu", "numberOfGpus": gpus}
    return Tier(
        id=name,
        name=name.capitalize(),
        cores=float(cores),
        memory_bytes=memory_bytes,
        gpus=gpus,
        cents_per_minute=0.0,
        max_simultaneous_executions=None,
        is_default=name == "small",
        is_default_for_model_api=name == "small",
        is_archived=False,
        settings=settings,
        created_at=now,
        updated_at=now,
    )


async def _keep_one_default(tx: Transaction, caller: Caller, tier: Tier) -> None:
    lost = {
        "isDefault": await queries.clear_default(tx, tier.id) if tier.is_default else [],
        "isDefaultForModelApi": (
            await queries.clear_model_default(tx, tier.id) if tier.is_default_for_model_api else []
        ),
    }
    for name, tier_ids in lost.items():
        for tier_id in tier_ids:
            change: dict[str, Any] = {"before": {name: True}, name: False}
            await events.record(tx, caller, "hardwareTier.changed", "hardwareTier", tier_id, **change)
