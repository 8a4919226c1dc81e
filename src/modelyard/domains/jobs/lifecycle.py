"""States of a job and its legal moves; every change of state goes through `move`."""

from modelyard.domains.jobs import queries
from modelyard.kit.db import Transaction

SUCCEEDED, FAILED, ERROR, STOPPED = "Succeeded", "Failed", "Error", "Stopped"
TERMINAL = frozenset({SUCCEEDED, FAILED, ERROR, STOPPED})

_STOPS = frozenset({"StopRequested", "StopAndDiscardRequested"})

# Failed: the command did; Error: the platform could not run it.
MOVES: dict[str, frozenset[str]] = {
    "Queued": frozenset({"Preparing", ERROR, STOPPED}),
    "Preparing": frozenset({"Running", ERROR, STOPPED}) | _STOPS,
    "Running": frozenset({"Finishing", ERROR}) | _STOPS,
    "StopRequested": frozenset({"Stopping", "StopAndDiscardRequested", "Finishing", ERROR, STOPPED}),
    "StopAndDiscardRequested": frozenset({"Stopping", "Finishing", ERROR, STOPPED}),
    "Stopping": frozenset({"Finishing", ERROR, STOPPED}),
    "Finishing": TERMINAL,
    **{state: frozenset() for state in TERMINAL},
}


async def move(tx: Transaction, job_id: str, to: str) -> bool:
    """Moves a job to a state, from any state that may come before it.

    False when the job is not in such a state, and nothing was changed.
    """
    before = [state for state, following in MOVES.items() if to in following]
    return await queries.set_status(tx, job_id, to, before)
