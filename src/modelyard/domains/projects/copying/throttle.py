"""How many copies one account may have made at the same time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from modelyard.kit.errors import TooManyRequests


class Throttle:
    """Counts what runs for each account, in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running: Counter[str] = Counter()

    @contextmanager
    def of(self, account_id: str) -> Iterator[None]:
        """A place among the running ones; raises TooManyRequests when the account has none left."""
        if self._running[account_id] >= self._limit:
            raise TooManyRequests(
                f"{self._limit} copies are being made for you already; try again when one of them is done."
            )
        self._running[account_id] += 1
        try:
            yield
        finally:
            self._running[account_id] -= 1
            if not self._running[account_id]:
                del self._running[account_id]
