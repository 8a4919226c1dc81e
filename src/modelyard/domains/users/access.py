"""Authentication, and the guards that ask for a right on the whole platform."""

import base64
import binascii
import functools

import msgspec
from litestar import Request

from modelyard.domains.users import queries
from modelyard.domains.users.permissions import PLATFORM_RIGHTS, PlatformRole, Right
from modelyard.kit import crypto
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden, NotFound, Unauthenticated

RUN_TOKEN_PREFIX, SESSION_PREFIX = "mdr_", "mds_"
# The browser sends it to MLflow's pages and their protocol only.
SESSION_COOKIE = "modelyard_session"

_FIND = {RUN_TOKEN_PREFIX: queries.run_credential, SESSION_PREFIX: queries.session_credential}


class Caller(msgspec.Struct, frozen=True):
    """Who is asking: an account, through one of its keys or through a run that acts for it."""

    id: str
    user_name: str
    is_admin: bool
    key_id: str | None = None
    run_id: str | None = None

    @property
    def platform_rights(self) -> frozenset[Right]:
        """What this account may do on the platform as a whole."""
        return PLATFORM_RIGHTS[PlatformRole.SYS_ADMIN if self.is_admin else PlatformRole.PRACTITIONER]

    def demand(self, *rights: Right) -> None:
        """Raises Forbidden unless the account has all these platform rights."""
        missing = [right for right in rights if right not in self.platform_rights]
        if missing:
            raise Forbidden(f"This needs the right {', '.join(missing)}; ask an administrator.")


async def caller_of(db: Database, secret: str) -> Caller:
    """The account behind an API key or a run's token; raises Unauthenticated."""
    digest = crypto.digest(secret)
    found = await _FIND.get(secret[: len(RUN_TOKEN_PREFIX)], queries.key_credential)(db, digest[:16])
    if found is None or not crypto.same(found.digest, digest):
        raise Unauthenticated("The API key or token is not valid, was revoked or has expired.")
    if found.stale and found.key_id:
        await queries.touch_key(db, found.key_id)
    return Caller(found.user_id, found.user_name, found.is_admin, found.key_id, found.run_id)


async def authenticate(request: Request, db: Database) -> Caller:  # type: ignore[type-arg]
    """The caller of a request, by `X-Domino-Api-Key`, `Authorization`, or the cookie of a login."""
    secret = (
        request.headers.get("x-domino-api-key")
        or _authorized(request.headers.get("authorization", ""))
        or request.cookies.get(SESSION_COOKIE)
    )
    if not secret:
        raise Unauthenticated(
            "No credentials: send an API key as X-Domino-Api-Key or a token as Authorization: Bearer."
        )
    return await caller_of(db, secret)


def _authorized(header: str) -> str:
    """The secret in an `Authorization` header: a bearer's, or the password of basic authentication (RFC 7617)."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        name, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password or name


authenticated = Guard("caller", authenticate, scope="any account")


@functools.cache
def authenticated_with(*rights: Right) -> Guard:
    """The guard of operations on the platform as a whole: hands over the caller who has these rights."""

    async def load(request: Request, db: Database) -> Caller:  # type: ignore[type-arg]
        caller = await authenticate(request, db)
        caller.demand(*rights)
        return caller

    return Guard("caller", load, rights=rights)


def user_with(right: Right) -> Guard:
    """The guard of operations on one person's account: that person, or an administrator.

    Organizations have no keys and no credentials of their own; their members act with theirs.
    """

    async def load(caller: Caller, db: Database, userId: str) -> queries.User:
        user = await queries.find_user(db, userId)
        if user is None or user.kind != "individual":
            raise NotFound(f"There is no person with the id {userId[:100]}.")
        if user.id != caller.id:
            caller.demand(right)
        return user

    return Guard("user", load, rights=(right,), scope="the account itself")
