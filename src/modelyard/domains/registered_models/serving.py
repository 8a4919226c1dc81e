"""How many model APIs serve models: whoever serves models knows, and says so here."""

from collections.abc import Awaitable, Callable

from modelyard.domains.users import Caller
from modelyard.kit.db import Executor

Count = Callable[[Executor, Caller, list[str]], Awaitable[dict[str, int]]]
_counts: list[Count] = []


def counts_model_apis(count: Count) -> Count:
    """Registers how another domain counts what serves these models, as far as the caller may see that."""
    _counts.append(count)
    return count


async def model_apis_serving(db: Executor, caller: Caller, model_ids: list[str]) -> dict[str, int]:
    """How many model APIs that the caller may see serve a version of each of these models; none left out are 0."""
    if not model_ids:
        return {}
    found = [await count(db, caller, model_ids) for count in _counts]
    return {model_id: sum(one.get(model_id, 0) for one in found) for model_id in model_ids}
