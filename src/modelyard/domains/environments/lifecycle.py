"""States of a revision's build and their legal moves; every change of state goes through `move`."""

from modelyard.domains.environments import queries
from modelyard.kit.db import Transaction

SUCCEEDED, FAILED, KILLED = "succeeded", "failed", "killed"
ENDED = frozenset({SUCCEEDED, FAILED, KILLED})

# A build that was cut off begins again, so every state of a running build may go back to `starting`.
MOVES: dict[str | None, frozenset[str]] = {
    None: frozenset({"queued"}),
    "queued": frozenset({"starting", KILLED}),
    "starting": frozenset({"starting", "pulling", "building", FAILED, KILLED}),
    "pulling": frozenset({"starting", "building", FAILED, KILLED}),
    "building": frozenset({"starting", "pushing", FAILED, KILLED}),
    "pushing": frozenset({"starting", SUCCEEDED, FAILED, KILLED}),
    SUCCEEDED: frozenset(),
    FAILED: frozenset({"queued"}),
    KILLED: frozenset({"queued"}),
}


async def move(tx: Transaction, revision_id: str, to: str) -> bool:
    """Moves a build to a state, from any state that may come before it; False when it is not in one."""
    before = [state for state, following in MOVES.items() if to in following]
    states = [state for state in before if state is not None]
    return await queries.set_status(tx, revision_id, to, states, from_none=None in before)


async def move_from_none(tx: Transaction, revision_id: str) -> bool:
    """Queues the first build of a revision; False when one was asked for before."""
    return await queries.set_status(tx, revision_id, "queued", [], from_none=True)
