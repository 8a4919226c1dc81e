"""Rules of environment variables: what they are is sealed, and only replicas that start later see it."""

from modelyard.domains.model_apis import queries as model_apis
from modelyard.domains.model_apis.queries import ModelApi
from modelyard.domains.model_apis.service import seal_variables
from modelyard.domains.model_apis.variables import queries
from modelyard.domains.model_apis.wire import ModelApiEnvironmentVariable
from modelyard.domains.users import Caller
from modelyard.kit import events
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound

# What replies have in the place of a value, which the contract wants there.
MASK = "********"
MOST = 200


async def check_there(db: Executor, model_api: ModelApi, key: str) -> None:
    """Raises NotFound when a model API has no variable of this name."""
    if key not in await queries.keys_of(db, model_api.id):
        raise _no_variable(model_api, key)


async def add(
    tx: Transaction, vault: Vault, caller: Caller, model_api: ModelApi, new: ModelApiEnvironmentVariable
) -> None:
    """Adds a variable; raises BadRequest for what no process can have, and when it is there already."""
    await model_apis.lock_model_api(tx, model_api.id)
    there = await queries.keys_of(tx, model_api.id)
    if new.key in there:
        raise BadRequest(f"key: {new.key[:100]} is set already; change it by a PUT of the variable.")
    if len(there) >= MOST:
        raise BadRequest(f"The model API {model_api.name} has {MOST} environment variables; remove some first.")
    await _put(tx, vault, model_api, new)
    await _record(tx, caller, "modelApi.variableAdded", model_api, new.key)


async def change(
    tx: Transaction, vault: Vault, caller: Caller, model_api: ModelApi, key: str, new: ModelApiEnvironmentVariable
) -> None:
    """Gives a variable another value; raises NotFound, and BadRequest when the body names another variable."""
    if new.key != key:
        raise BadRequest(f"key: the path names {key[:100]} and the body {new.key[:100]}; name the same in both.")
    await model_apis.lock_model_api(tx, model_api.id)
    await check_there(tx, model_api, key)
    await _put(tx, vault, model_api, new)
    await _record(tx, caller, "modelApi.variableChanged", model_api, key)


async def remove(tx: Transaction, caller: Caller, model_api: ModelApi, key: str) -> None:
    """Removes a variable; raises NotFound."""
    if not await queries.remove_variable(tx, model_api.id, key):
        raise _no_variable(model_api, key)
    await _record(tx, caller, "modelApi.variableRemoved", model_api, key)


async def _put(tx: Transaction, vault: Vault, model_api: ModelApi, new: ModelApiEnvironmentVariable) -> None:
    # Somebody who sends back what was read would replace the secret by its mask.
    if new.value == MASK:
        raise BadRequest(f"value: {MASK} stands for a value that is not shown; send the value itself.")
    await model_apis.add_variables(tx, model_api.id, seal_variables(vault, [new]))


async def _record(tx: Transaction, caller: Caller, action: str, model_api: ModelApi, key: str) -> None:
    await model_apis.touch(tx, model_api.id)
    await events.record(tx, caller, action, "modelApi", model_api.id, project_id=model_api.project_id, key=key)


def _no_variable(model_api: ModelApi, key: str) -> NotFound:
    return NotFound(f"The model API {model_api.name} has no environment variable {key[:100]}.")
