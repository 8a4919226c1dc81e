"""Why an execution waits, in words."""

import msgspec

from modelyard.domains.hardware_tiers import queries
from modelyard.domains.hardware_tiers.admission import could_ever_fit
from modelyard.domains.hardware_tiers.queries import Execution
from modelyard.kit.db import Executor


class Waiting(msgspec.Struct, frozen=True):
    """Why something waits, how long it may take, and what helps."""

    explanation: str
    expected_wait: str
    help_text: str


async def explain_wait(db: Executor, execution_id: str) -> Waiting | None:
    """Why an execution waits; None when it is not in the queue."""
    execution = await queries.find_execution(db, execution_id)
    if execution is None or execution.node is not None:
        return None
    nodes = await queries.live_nodes(db)
    tier = execution.hardware_tier_id
    if not nodes:
        return Waiting("No runner is alive to start it.", "unknown", "Is the server still starting?")
    if not any(could_ever_fit(execution, node) for node in nodes):
        return Waiting(
            f"The tier {tier} is larger than any machine here.", "never", "Stop it and choose a smaller tier."
        )
    own, others = await queries.waiting_before(db, execution_id)
    load = (await queries.loads(db)).get(tier)
    executing = load.executing if load else 0
    parts = [_limit_or_room(execution, executing)]
    if own or others:
        parts.append(f"{_runs(own)} of yours and {_runs(others)} of others wait longer.")
    return Waiting(" ".join(parts), "until running ones end", "A smaller hardware tier may start earlier.")


def _limit_or_room(execution: Execution, executing: int) -> str:
    limit = execution.max_simultaneous_executions
    tier = execution.hardware_tier_id
    if limit is not None and executing >= limit:
        return f"The tier {tier} allows {limit} at a time, and {_runs(executing)} use it now."
    return (
        f"The tier {tier} needs {execution.cores:g} cores and {execution.memory_bytes / 2**30:.1f} GiB"
        " of memory free."
    )


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"
