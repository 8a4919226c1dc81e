"""Admission: which waiting executions may start now, and where.

An execution starts when its tier has room below its limit and the machine has the cores, memory and GPUs
of the tier free. Users take turns: whoever runs fewest is next, and of one user's the oldest. What does not
fit lets smaller ones pass, but not for ever: once it has waited for `PATIENCE_SECONDS`, nothing starts before
it does.
"""

from collections import Counter

import msgspec

from modelyard.domains.hardware_tiers import queries
from modelyard.domains.hardware_tiers.queries import Execution, Node
from modelyard.kit.db import Database

CANDIDATES = 200
PATIENCE_SECONDS = 120.0
_ROUNDING = 1e-9


class Admitted(msgspec.Struct, frozen=True):
    """An execution that may start, and the GPUs it got."""

    execution_id: str
    gpus: list[int]


async def admit(db: Database, node: Node) -> list[Admitted]:
    """Admits to a node all that may start now; they are noted as running there."""
    if not await queries.is_anything_waiting(db):
        return []
    async with db.transaction() as tx:
        await queries.lock_admission(tx)
        waiting = await queries.waiting_executions(tx, CANDIDATES)
        running = await queries.admitted_executions(tx)
        chosen = choose(waiting, running, node)
        for admitted in chosen:
            await queries.set_admitted(tx, admitted.execution_id, node.name, admitted.gpus)
    return chosen


def choose(waiting: list[Execution], running: list[Execution], node: Node) -> list[Admitted]:
    """Which of the waiting executions (oldest first) a node takes, given all that run anywhere."""
    room = _Room(node, running)
    by_tier = Counter(execution.hardware_tier_id for execution in running)
    by_user = Counter(execution.user_id for execution in running)
    queue = list(waiting)
    chosen: list[Admitted] = []
    while queue:
        candidate = min(queue, key=lambda execution: by_user[execution.user_id])
        queue.remove(candidate)
        limit = candidate.max_simultaneous_executions
        if limit is not None and by_tier[candidate.hardware_tier_id] >= limit:
            continue
        if not room.fits(candidate):
            if candidate.waited_seconds > PATIENCE_SECONDS and could_ever_fit(candidate, node):
                break
            continue
        chosen.append(Admitted(candidate.id, room.take(candidate)))
        by_tier[candidate.hardware_tier_id] += 1
        by_user[candidate.user_id] += 1
    return chosen


def could_ever_fit(execution: Execution, node: Node) -> bool:
    """Whether an execution would fit on a node that runs nothing else."""
    return _Room(node, []).fits(execution)


class _Room:
    """What a node has left."""

    def __init__(self, node: Node, running: list[Execution]) -> None:
        here = [execution for execution in running if execution.node == node.name]
        self.cores = node.cores - sum(execution.cores for execution in here)
        self.memory = node.memory_bytes - sum(execution.memory_bytes for execution in here)
        used = {number for execution in here for number in execution.gpu_numbers}
        self.gpus = [number for number in range(node.gpus) if number not in used]

    def fits(self, execution: Execution) -> bool:
        return (
            execution.cores <= self.cores + _ROUNDING
            and execution.memory_bytes <= self.memory
            and execution.gpus <= len(self.gpus)
        )

    def take(self, execution: Execution) -> list[int]:
        self.cores -= execution.cores
        self.memory -= execution.memory_bytes
        taken, self.gpus = self.gpus[: execution.gpus], self.gpus[execution.gpus :]
        return taken
