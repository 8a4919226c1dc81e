"""Rules of accounts: creation, the first administrator, keys."""

import re
from collections.abc import Awaitable, Callable

from modelyard.domains.users import queries
from modelyard.domains.users.queries import User
from modelyard.domains.users.wire import NewUser
from modelyard.kit import crypto, events
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id

ADMIN_KEY_LABEL = "first administrator"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")

Created = Callable[[Transaction, User], Awaitable[None]]
_followers: list[Created] = []


def on_user_created(follow: Created) -> Created:
    """Registers what another domain does, in the same transaction, for every new account."""
    _followers.append(follow)
    return follow


async def create_user(tx: Transaction, actor: events.Actor | None, new: NewUser) -> tuple[User, str]:
    """A new person and the first API key; raises BadRequest when the name is taken."""
    user = User(
        id=new_id(),
        kind="individual",
        user_name=new.user_name,
        email=new.email,
        first_name=new.first_name or "",
        last_name=new.last_name or "",
        company_name=None,
        phone_number=None,
        is_admin=new.is_admin,
    )
    await _add(tx, user)
    await events.record(tx, actor, "user.created", "user", user.id, userName=user.user_name, isAdmin=user.is_admin)
    _, secret = await create_key(tx, actor, user, "first key")
    for follow in _followers:
        await follow(tx, user)
    return user, secret


async def create_organization_account(tx: Transaction, actor: events.Actor, name: str) -> User:
    """The account of a new organization; raises BadRequest when the name is taken."""
    user = User(
        id=new_id(),
        kind="organization",
        user_name=name,
        email=None,
        first_name="",
        last_name="",
        company_name=None,
        phone_number=None,
        is_admin=False,
    )
    await _add(tx, user)
    await events.record(tx, actor, "user.created", "user", user.id, userName=name, kind=user.kind)
    return user


async def _add(tx: Transaction, user: User) -> None:
    if not _NAME.fullmatch(user.user_name):
        raise BadRequest(
            "The name of an account is 1 to 100 letters, digits, dots, dashes, underscores or @, and begins with a"
            " letter or digit."
        )
    if not await queries.add_user(tx, user):
        raise BadRequest(f"The name {user.user_name} is taken by another account; choose another one.")


async def create_key(
    tx: Transaction, actor: events.Actor | None, user: User, label: str, secret: str = ""
) -> tuple[str, str]:
    """A new API key of an account: its id, and the secret that is not stored."""
    secret = secret or crypto.new_secret()
    digest = crypto.digest(secret)
    key_id = new_id()
    await queries.add_key(tx, key_id, user.id, label, digest[:16], digest)
    await events.record(tx, actor, "apiKey.created", "user", user.id, keyId=key_id, label=label)
    return key_id, secret


async def revoke_key(tx: Transaction, actor: events.Actor | None, user: User, key_id: str) -> None:
    """Ends a key at once; raises NotFound."""
    if not await queries.revoke_key(tx, user.id, key_id):
        raise NotFound(f"There is no live API key with the id {key_id}.")
    await events.record(tx, actor, "apiKey.revoked", "user", user.id, keyId=key_id)


async def ensure_administrator(db: Database, api_key: str) -> User:
    """The account `admin`, made when missing, with this API key as the only one of its label."""
    digest = crypto.digest(api_key)
    async with db.transaction() as tx:
        admin = await queries.find_user_by_name(tx, "admin")
        if admin is None:
            admin, first_key = await create_user(
                tx,
                None,
                NewUser(user_name="admin", first_name="First", last_name="Administrator", is_admin=True),
            )
            for key in await queries.keys_of(tx, admin.id):
                await revoke_key(tx, None, admin, key.id)
            del first_key
        found = await queries.key_credential(tx, digest[:16])
        if found is None or found.user_id != admin.id:
            await create_key(tx, None, admin, ADMIN_KEY_LABEL, api_key)
        for key_id in await queries.revoke_keys_labelled(tx, admin.id, ADMIN_KEY_LABEL, digest[:16]):
            await events.record(tx, None, "apiKey.revoked", "user", admin.id, keyId=key_id)
    return admin
