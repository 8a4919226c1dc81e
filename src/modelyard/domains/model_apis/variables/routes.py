"""Operations on the environment variables of a model API; their values are never sent back."""

from modelyard.domains.model_apis.access import ModelApiAccess, model_api_with
from modelyard.domains.model_apis.routes import MODEL_API, TAG
from modelyard.domains.model_apis.variables import queries, service
from modelyard.domains.model_apis.wire import ModelApiEnvironmentVariable
from modelyard.domains.users import Right
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Transaction
from modelyard.kit.edge import decoded
from modelyard.kit.operation import operation

VARIABLES = f"{MODEL_API}/environmentVariables"
VARIABLE = f"{VARIABLES}/{{environmentVariableName:str}}"

_editing = model_api_with(Right.EDIT_MODEL_API)


@operation("GET", VARIABLES, guard=_editing, tag=TAG)
async def list_model_api_environment_variables(
    access: ModelApiAccess, db: Database
) -> list[ModelApiEnvironmentVariable]:
    """The environment variables of a model API by name, with a mask for every value."""
    return [_masked(key) for key in await queries.keys_of(db, access.model_api.id)]


@operation("POST", VARIABLES, guard=_editing, tag=TAG, status=201)
async def create_model_api_environment_variable(
    access: ModelApiAccess, tx: Transaction, vault: Vault, data: ModelApiEnvironmentVariable
) -> ModelApiEnvironmentVariable:
    """Set an environment variable for versions that start from now on."""
    await service.add(tx, vault, access.caller, access.model_api, data)
    return _masked(data.key)


@operation("GET", VARIABLE, guard=_editing, tag=TAG)
async def get_model_api_environment_variable(
    access: ModelApiAccess, db: Database, environmentVariableName: str
) -> ModelApiEnvironmentVariable:
    """See that an environment variable is set; its value is not shown."""
    key = decoded(environmentVariableName)
    await service.check_there(db, access.model_api, key)
    return _masked(key)


@operation("PUT", VARIABLE, guard=_editing, tag=TAG)
async def update_model_api_environment_variable(
    access: ModelApiAccess,
    tx: Transaction,
    vault: Vault,
    environmentVariableName: str,
    data: ModelApiEnvironmentVariable,
) -> ModelApiEnvironmentVariable:
    """Give an environment variable another value, for versions that start from now on."""
    await service.change(tx, vault, access.caller, access.model_api, decoded(environmentVariableName), data)
    return _masked(data.key)


@operation("DELETE", VARIABLE, guard=_editing, tag=TAG, status=204)
async def delete_model_api_environment_variable(
    access: ModelApiAccess, tx: Transaction, environmentVariableName: str
) -> None:
    """Remove an environment variable; versions that run keep it until they start anew."""
    await service.remove(tx, access.caller, access.model_api, decoded(environmentVariableName))


def _masked(key: str) -> ModelApiEnvironmentVariable:
    return ModelApiEnvironmentVariable(key=key, value=service.MASK)
