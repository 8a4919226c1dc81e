"""The guard of one collaborator of a model API, named in the path by account id or name."""

import functools

import msgspec

from modelyard.domains.model_apis.access import demand_on, model_api_by_id
from modelyard.domains.model_apis.queries import Collaborator, ModelApi
from modelyard.domains.users import Caller, Right, User, find_user, find_user_by_name
from modelyard.kit.access import Guard
from modelyard.kit.db import Database, Executor
from modelyard.kit.edge import decoded
from modelyard.kit.errors import NotFound


class CollaboratorAccess(msgspec.Struct, frozen=True):
    """A collaborator, its model API, and who asks."""

    collaborator: Collaborator
    account: User
    model_api: ModelApi
    caller: Caller


async def account_by_reference(db: Executor, reference: str) -> User | None:
    """The person or organization with this id, or else with this name in any case."""
    return await find_user(db, reference) or await find_user_by_name(db, reference)


@functools.cache
def collaborator_with(*rights: Right, or_oneself: bool = False) -> Guard:
    """The guard of operations on one collaborator: provides `access`.

    With `or_oneself` a collaborator needs no right for what it does with itself.
    """

    async def load(caller: Caller, db: Database, modelApiId: str, collaborator: str) -> CollaboratorAccess:
        model_api = await model_api_by_id(db, caller, modelApiId)
        account = await account_by_reference(db, decoded(collaborator))
        if not (or_oneself and account is not None and account.id == caller.id):
            demand_on(model_api, *rights)
        for one in model_api.collaborators:
            if account is not None and account.id == one.account_id:
                return CollaboratorAccess(one, account, model_api, caller)
        raise NotFound(
            f"The model API {model_api.name} has no collaborator {decoded(collaborator)[:100]}; name one by the id"
            " or the name of the account."
        )

    return Guard("access", load, rights=rights, scope="model API")
