"""Private route on hardware tiers: those that a project may use."""

from modelyard.domains.hardware_tiers import queries
from modelyard.domains.hardware_tiers.wire import HwtFlags, ProjectTier, ProjectTierEnvelope
from modelyard.domains.projects import Project, project_with
from modelyard.domains.users import Right
from modelyard.kit.db import Database
from modelyard.kit.operation import operation
from modelyard.kit.paging import MAX_LIMIT, Page


@operation(
    "GET",
    "/v4/projects/{projectId:str}/hardwareTiers",
    guard=project_with(Right.LIST_PROJECT),
    tag="Hardware tiers (private)",
)
async def list_project_tiers(project: Project, db: Database) -> list[ProjectTierEnvelope]:  # noqa: ARG001
    """The hardware tiers that jobs of a project may use."""
    found = await queries.list_tiers(db, Page(0, MAX_LIMIT), archived=False)
    return [
        ProjectTierEnvelope(
            hardware_tier=ProjectTier(
                id=tier.id,
                name=tier.name,
                cores=tier.cores,
                memory=round(tier.memory_bytes / 2**30, 2),
                hwt_flags=HwtFlags(is_default=tier.is_default),
            )
        )
        for tier in found.rows
    ]
