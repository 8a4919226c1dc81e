"""States of a snapshot and its legal moves; every change of state goes through `move`."""

from modelyard.domains.datasets import queries
from modelyard.kit.db import Transaction

PENDING, COPYING, ACTIVE, FAILED = "pending", "copying", "active", "failed"
MARKED, DELETING, DELETED = "markForDeletion", "deletionInProgress", "deleted"

MOVES: dict[str, frozenset[str]] = {
    PENDING: frozenset({COPYING, FAILED}),
    COPYING: frozenset({ACTIVE, FAILED}),
    ACTIVE: frozenset({MARKED}),
    FAILED: frozenset({MARKED}),
    MARKED: frozenset({DELETING}),
    DELETING: frozenset({DELETED}),
    DELETED: frozenset(),
}


async def move(tx: Transaction, snapshot_ids: list[str], to: str) -> list[str]:
    """Moves snapshots to a state, from any state that may come before it; the ids of those that were moved."""
    before = [state for state, following in MOVES.items() if to in following]
    return await queries.set_status(tx, snapshot_ids, to, before)
