"""Sessions of browsers: somebody logs in with an API key, and the browser holds a token of its own."""

from modelyard.domains.users import queries
from modelyard.domains.users.access import SESSION_PREFIX, Caller, caller_of
from modelyard.kit import crypto, events
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden

SESSION_SECONDS = 12 * 3600


async def log_in(db: Database, api_key: str) -> str:
    """Begins a session; its token. Raises Unauthenticated, and Forbidden for what is no API key."""
    caller = await caller_of(db, api_key)
    if caller.key_id is None or api_key.startswith(SESSION_PREFIX):
        raise Forbidden("Log in with an API key.")
    token = crypto.new_secret(SESSION_PREFIX)
    digest = crypto.digest(token)
    async with db.transaction() as tx:
        await queries.add_session(tx, digest[:16], digest, caller.key_id, SESSION_SECONDS)
        await events.record(tx, caller, "session.begun", "user", caller.id, keyId=caller.key_id)
    return token


async def log_out(db: Database, caller: Caller, token: str) -> None:
    """Ends a session."""
    async with db.transaction() as tx:
        await queries.delete_session(tx, crypto.digest(token)[:16])
        await events.record(tx, caller, "session.ended", "user", caller.id)
