"""Probing one replica: often enough that it knows it is not forgotten, and by the rules of its model API."""

import time

import msgspec

from modelyard.domains.model_apis.queries import HealthCheck
from modelyard.engines.serving import Health, Replica
from modelyard.kit.errors import Unavailable

# A replica that nobody asks for a minute ends itself.
LONGEST_SILENCE_SECONDS = 20.0
# In which a replica answers that does well.
QUICK_SECONDS = 1.0


class Rules(msgspec.Struct, frozen=True):
    """When a replica counts as ill; the seconds that one request may take."""

    health_check: HealthCheck
    request_timeout_seconds: float


class Probes:
    """The probes of one replica, which began at a moment of `time.monotonic`."""

    def __init__(self, began: float, rules: Rules) -> None:
        self._next_counted = began + rules.health_check.initial_delay_seconds
        self._failures = 0

    def pause(self) -> float:
        """Seconds until it is to be asked again."""
        return max(0.0, min(LONGEST_SILENCE_SECONDS, self._next_counted - time.monotonic()))

    async def look(self, replica: Replica, rules: Rules) -> str | None:
        """Asks a replica how it is; why it counts as ill, or None. What is not answered counts when it is due."""
        check, now = rules.health_check, time.monotonic()
        is_counted = now >= self._next_counted
        health = await _asked(replica, check.timeout_seconds)
        if not is_counted:
            return None
        self._next_counted = now + check.period_seconds
        problem = _problem(health, rules)
        self._failures = self._failures + 1 if health is None else 0
        if problem is None and self._failures >= check.failure_threshold:
            return f"It did not answer {self._failures} probes in a row."
        return problem


async def is_idle(replica: Replica) -> bool:
    """Whether nothing is known of requests that a replica still has to answer."""
    health = await _asked(replica, QUICK_SECONDS)
    return health is None or (health.busy_seconds == 0 and health.waiting == 0)


async def _asked(replica: Replica, timeout_seconds: float) -> Health | None:
    try:
        return await replica.health(timeout_seconds)
    except Unavailable:
        return None


def _problem(health: Health | None, rules: Rules) -> str | None:
    """What is wrong with a replica that has answered."""
    check = rules.health_check
    longest = rules.request_timeout_seconds + check.failure_threshold * check.period_seconds
    if health is not None and health.busy_seconds > longest:
        return f"It has worked on one request for {health.busy_seconds:,.0f} seconds; {longest:,.0f} are allowed."
    return None
