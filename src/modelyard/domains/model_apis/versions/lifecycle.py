"""States of versions and their legal moves. Names are those of the contract's `deployment.status`."""

from modelyard.domains.model_apis.versions import queries
from modelyard.kit.db import Transaction

PREPARING, BUILDING, READY_TO_RUN = "Preparing to build", "Building", "Ready to run"
STARTING, RUNNING, STALLED, STOPPED, FAILED = "Starting", "Running", "Stalled", "Stopped", "Failed"

MOVES: dict[str, tuple[str, ...]] = {
    PREPARING: (BUILDING, FAILED),
    BUILDING: (READY_TO_RUN, FAILED),
    READY_TO_RUN: (STARTING,),
    STARTING: (RUNNING, STALLED, FAILED, STOPPED),
    RUNNING: (STALLED, STOPPED, STARTING, FAILED),
    STALLED: (RUNNING, STOPPED, STARTING, FAILED),
    STOPPED: (STARTING, FAILED),
    FAILED: (STARTING, STOPPED),
}

# Something is under way without anybody having to do anything.
TRANSITIONAL = frozenset({PREPARING, BUILDING, STARTING, STALLED})
ALIVE = frozenset({STARTING, RUNNING, STALLED})


async def move(tx: Transaction, version_id: str, to: str, problem: str | None = None) -> bool:
    """Moves a version where that is legal; False where it is not, or where it is there already.

    `problem` says why, for the states that need a reason.
    """
    before = [state for state, after in MOVES.items() if to in after]
    return await queries.set_status(tx, version_id, to, before, problem)
