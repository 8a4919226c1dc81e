"""Private routes on users: the client's account list, and account and key administration."""

from msgspec import UNSET

from modelyard.domains.users import queries, service
from modelyard.domains.users.access import Caller, authenticated, authenticated_with, user_with
from modelyard.domains.users.permissions import Right
from modelyard.domains.users.queries import User
from modelyard.domains.users.wire import (
    ApiKeySummary,
    CreatedApiKey,
    CreatedUser,
    NewApiKey,
    NewUser,
    UserSummary,
    UserV1,
)
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.wire import present

TAG = "Users (private)"


@operation("GET", "/v4/users", guard=authenticated, tag=TAG)
async def list_accounts(caller: Caller, db: Database) -> list[UserSummary]:
    """Every account that can own projects or collaborate."""
    return [
        UserSummary(
            id=user.id,
            user_name=user.user_name,
            full_name=f"{user.first_name} {user.last_name}".strip() or user.user_name,
            email=present(user.email) if caller.is_admin or user.id == caller.id else UNSET,
            kind=user.kind,
        )
        for user in await queries.list_accounts(db)
    ]


@operation("POST", "/v4/users", guard=authenticated_with(Right.MANAGE_USERS), tag=TAG)
async def add_account(caller: Caller, tx: Transaction, data: NewUser) -> CreatedUser:
    """Makes an account; its first API key is in this reply only."""
    user, secret = await service.create_user(tx, caller, data)
    return CreatedUser(user=UserV1.of(user, private=True), api_key=secret)


@operation("GET", "/v4/users/{userId:str}/apiKeys", guard=user_with(Right.MANAGE_USERS), tag=TAG)
async def list_api_keys(user: User, db: Database) -> list[ApiKeySummary]:
    """The live API keys of an account, with their last use."""
    return [ApiKeySummary.of(key) for key in await queries.keys_of(db, user.id)]


@operation("POST", "/v4/users/{userId:str}/apiKeys", guard=user_with(Right.MANAGE_USERS), tag=TAG)
async def add_api_key(user: User, caller: Caller, tx: Transaction, data: NewApiKey) -> CreatedApiKey:
    """Makes an API key; its secret is in this reply only."""
    key_id, secret = await service.create_key(tx, caller, user, data.label)
    return CreatedApiKey(id=key_id, api_key=secret)


@operation(
    "DELETE",
    "/v4/users/{userId:str}/apiKeys/{keyId:str}",
    guard=user_with(Right.MANAGE_USERS),
    tag=TAG,
    status=204,
)
async def revoke_api_key(user: User, caller: Caller, tx: Transaction, keyId: str) -> None:
    """Ends an API key at once."""
    await service.revoke_key(tx, caller, user, keyId)
