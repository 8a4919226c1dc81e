"""What a replica is doing, noted by the thread that works and read by the one that answers probes."""

from __future__ import annotations

import time


class Activity:
    """Plain attributes: each is written by one thread only."""

    def __init__(self) -> None:
        self.busy_since = 0.0
        self.waiting = 0
        self.served = 0

    def report(self) -> dict[str, float]:
        """How it is, as the platform's Health has it."""
        since = self.busy_since
        busy = time.monotonic() - since if since else 0.0
        return {"busy_seconds": max(0.0, busy), "waiting": self.waiting, "served": self.served}
