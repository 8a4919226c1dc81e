"""Public operations on users."""

from modelyard.domains.users import queries
from modelyard.domains.users.access import Caller, authenticated
from modelyard.domains.users.wire import (
    PaginatedUserEnvelopeV1,
    UserEnvelopeV1,
    UserV1,
)
from modelyard.kit.db import Database
from modelyard.kit.errors import Unauthenticated
from modelyard.kit.operation import operation
from modelyard.kit.paging import Page, paged
from modelyard.kit.wire import metadata

TAG = "Users"


@operation("GET", "/api/users/v1/self", guard=authenticated, tag=TAG)
async def get_current_user(caller: Caller, db: Database) -> UserEnvelopeV1:
    """The account of the caller."""
    user = await queries.find_user(db, caller.id)
    if user is None:
        raise Unauthenticated("The account of this key is gone.")
    return UserEnvelopeV1(user=UserV1.of(user, private=True), metadata=metadata())


@operation("GET", "/api/users/v1/users", guard=authenticated, tag=TAG)
async def get_visible_users(caller: Caller, db: Database, page: Page) -> PaginatedUserEnvelopeV1:
    """The people whom the caller may name as collaborators."""
    found = await queries.list_people(db, page)
    users = [UserV1.of(user, private=caller.is_admin or user.id == caller.id) for user in found.rows]
    return PaginatedUserEnvelopeV1(users=users, metadata=paged(page, found.total))
