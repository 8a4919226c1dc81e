"""SQL of environment variables; setting them stands with model APIs, which begin with some."""

from modelyard.kit.db import Executor, Transaction


async def keys_of(db: Executor, model_api_id: str) -> list[str]:
    """The names of the variables of a model API, in order."""
    return await db.values(
        "SELECT key FROM model_api_variables WHERE model_api_id = $1 ORDER BY key", model_api_id
    )


async def remove_variable(tx: Transaction, model_api_id: str, key: str) -> bool:
    """Removes a variable; False when there is none of that name."""
    removed = await tx.execute(
        "DELETE FROM model_api_variables WHERE model_api_id = $1 AND key = $2", model_api_id, key
    )
    return removed == 1
