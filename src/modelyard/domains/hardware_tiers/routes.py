"""Public operations on hardware tiers."""

from modelyard.domains.hardware_tiers import queries, service
from modelyard.domains.hardware_tiers.queries import Tier
from modelyard.domains.hardware_tiers.replies import tier_from, tier_from_new, tier_reply
from modelyard.domains.hardware_tiers.wire import (
    HardwareTierEnvelopeV1,
    HardwareTierV1,
    NewHardwareTierV1,
    PaginatedHardwareTierEnvelopeV1,
)
from modelyard.domains.users import Caller, Right, authenticated_with
from modelyard.kit.db import Database, Executor, Transaction
from modelyard.kit.errors import NotFound
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import metadata

TAG = "HardwareTier"

_VIEW = authenticated_with(Right.VIEW_HARDWARE_TIERS)
_MANAGE = authenticated_with(Right.MANAGE_HARDWARE_TIERS)


@operation("GET", "/api/hardwaretiers/v1/hardwaretiers", guard=_VIEW, tag=TAG)
async def get_all_hardware_tiers(
    caller: Caller,  # noqa: ARG001
    db: Database,
    page: Page,
    includeArchived: bool = False,
) -> PaginatedHardwareTierEnvelopeV1:
    """List the hardware tiers, with what runs on them."""
    found = await queries.list_tiers(db, page, archived=includeArchived)
    loads, nodes = await queries.loads(db), await queries.live_nodes(db)
    tiers = [tier_reply(tier, loads.get(tier.id), nodes) for tier in found.rows]
    return PaginatedHardwareTierEnvelopeV1(hardware_tiers=tiers, metadata=paged(page, found.total))


@operation("POST", "/api/hardwaretiers/v1/hardwaretiers", guard=_MANAGE, tag=TAG)
async def create_hardware_tier(caller: Caller, tx: Transaction, data: NewHardwareTierV1) -> HardwareTierEnvelopeV1:
    """Create a hardware tier."""
    return await _envelope(tx, await service.add_tier(tx, caller, tier_from_new(data)))


@operation("PUT", "/api/hardwaretiers/v1/hardwaretiers", guard=_MANAGE, tag=TAG)
async def update_hardware_tier(caller: Caller, tx: Transaction, data: HardwareTierV1) -> HardwareTierEnvelopeV1:
    """Change a hardware tier; its id is in the body."""
    return await _envelope(tx, await service.change_tier(tx, caller, tier_from(data)))


@operation("GET", "/api/hardwaretiers/v1/hardwaretiers/{hardwareTierId:str}", guard=_VIEW, tag=TAG)
async def get_hardware_tier_by_id(
    caller: Caller,  # noqa: ARG001
    db: Database,
    hardwareTierId: str,
) -> HardwareTierEnvelopeV1:
    """Read one hardware tier."""
    return await _envelope(db, await _found(db, hardwareTierId))


@operation("DELETE", "/api/hardwaretiers/v1/hardwaretiers/{hardwareTierId:str}", guard=_MANAGE, tag=TAG)
async def archive_hardware_tier(caller: Caller, tx: Transaction, hardwareTierId: str) -> HardwareTierEnvelopeV1:
    """Take a hardware tier out of use."""
    tier = await service.archive_tier(tx, caller, await _found(tx, hardwareTierId))
    return await _envelope(tx, tier)


async def _found(db: Executor, tier_id: str) -> Tier:
    tier = await queries.find_tier(db, tier_id)
    if tier is None:
        raise NotFound(f"There is no hardware tier {tier_id}.")
    return tier


async def _envelope(db: Executor, tier: Tier) -> HardwareTierEnvelopeV1:
    loads, nodes = await queries.loads(db), await queries.live_nodes(db)
    return HardwareTierEnvelopeV1(hardware_tier=tier_reply(tier, loads.get(tier.id), nodes), metadata=metadata())
