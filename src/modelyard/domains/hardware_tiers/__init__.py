"""Hardware tiers: sizes of executions, what the machines have for them, and who may start when."""

from modelyard.domains.hardware_tiers.admission import Admitted, admit
from modelyard.domains.hardware_tiers.queries import (
    Execution,
    Node,
    Tier,
    find_execution,
    find_tier,
    register_node,
    release_execution,
)
from modelyard.domains.hardware_tiers.service import queue_execution, seed_tiers, tier_for, tier_for_model_api
from modelyard.domains.hardware_tiers.waiting import Waiting, explain_wait

__all__ = [
    "Admitted",
    "Execution",
    "Node",
    "Tier",
    "Waiting",
    "admit",
    "explain_wait",
    "find_execution",
    "find_tier",
    "queue_execution",
    "register_node",
    "release_execution",
    "seed_tiers",
    "tier_for",
    "tier_for_model_api",
]
