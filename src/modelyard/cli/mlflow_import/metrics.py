"""What runs have logged, in batches that every server takes."""

from typing import Literal

import msgspec

from modelyard.cli.mlflow_import.queries import Thing
from modelyard.cli.mlflow_import.rest import API, Json, Rest
from modelyard.cli.mlflow_import.transfer import Transfer

Part = Literal["metrics", "params", "tags"]
# What MLflow takes at once: entries of each kind, of all kinds, bytes of the request.
MOST: dict[Part, int] = {"metrics": 1000, "params": 100, "tags": 100}
MOST_ENTRIES, MOST_BYTES = 1000, 900_000
HISTORY_PAGE = 5000


class Batch:
    """Entries on their way to a run, sent when as many have come together as go at once."""

    def __init__(self, target: Rest, run_id: str, most_metrics: int = MOST_ENTRIES) -> None:
        self._target, self._run_id = target, run_id
        self._most = {**MOST, "metrics": most_metrics}
        self._parts: dict[Part, list[Json]] = {"metrics": [], "params": [], "tags": []}
        self._size = 0

    async def add(self, part: Part, entry: Json) -> None:
        """One more metric value, parameter or tag."""
        size = len(msgspec.json.encode(entry)) + 1
        count = sum(map(len, self._parts.values()))
        if len(self._parts[part]) >= self._most[part] or count >= MOST_ENTRIES or self._size + size > MOST_BYTES:
            await self.flush()
        self._parts[part].append(entry)
        self._size += size

    async def flush(self) -> None:
        """Sends what has not been sent yet. All of it may be sent twice."""
        if self._size:
            parts: Json = {name: entries for name, entries in self._parts.items() if entries}
            await self._target.post(f"{API}/runs/log-batch", {"run_id": self._run_id, **parts})
            self._parts, self._size = {"metrics": [], "params": [], "tags": []}, 0


async def copy_history(transfer: Transfer, run: Thing, key: str, batch: Batch) -> int:
    """Every value of a metric; their number."""
    count = 0
    window: Json = {"run_id": run.source, "metric_key": key, "max_results": HISTORY_PAGE}
    async for value in transfer.source.entries(f"{API}/metrics/get-history", "metrics", **window):
        await batch.add("metrics", plain_value(value))
        count += 1
    return count


def plain_value(metric: Json) -> Json:
    """A value of a metric without what it is linked to."""
    return {
        "key": metric["key"],
        "value": metric.get("value", 0.0),
        "timestamp": metric.get("timestamp", 0),
        "step": metric.get("step", 0),
    }
