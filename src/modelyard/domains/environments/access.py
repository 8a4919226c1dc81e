"""Guards of environments."""

import msgspec
from litestar import Request

from modelyard.domains.environments import queries
from modelyard.domains.environments.queries import Environment
from modelyard.domains.organizations import belongs_to
from modelyard.domains.users import Caller, Right, authenticate
from modelyard.kit.access import Guard
from modelyard.kit.db import Database, Executor
from modelyard.kit.errors import Forbidden, NotFound


class EnvironmentAccess(msgspec.Struct, frozen=True):
    """An environment, and who asks."""

    environment: Environment
    caller: Caller


async def visible_environment(db: Executor, caller: Caller, environment_id: str) -> Environment:
    """An environment that the caller may see; raises NotFound."""
    found = await queries.find_visible(db, environment_id, caller.id, is_admin=caller.is_admin)
    if found is None:
        raise NotFound(f"There is no environment with the id {environment_id}.")
    return found


def environment_with(*rights: Right) -> Guard:
    """The guard of operations on one environment.

    Everybody who sees it may view it; to change it one must own it or have the rights on the platform.
    """

    async def load(request: Request, db: Database, environmentId: str) -> EnvironmentAccess:  # type: ignore[type-arg]
        caller = await authenticate(request, db)
        environment = await visible_environment(db, caller, environmentId)
        missing = [right for right in rights if right not in caller.platform_rights]
        ownable = Right.CLASSIFY_ENVIRONMENTS not in rights
        if missing and not (ownable and await _owns(db, caller, environment)):
            raise Forbidden(f"This needs the right {', '.join(missing)} or to own the environment.")
        return EnvironmentAccess(environment, caller)

    return Guard("access", load, rights=rights, scope="environment")


async def _owns(db: Executor, caller: Caller, environment: Environment) -> bool:
    owner_id = environment.owner_id
    return owner_id == caller.id or (owner_id is not None and await belongs_to(db, caller.id, owner_id))
