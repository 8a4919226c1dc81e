"""The tokens by which a run speaks for the user who started it."""

from modelyard.domains.users import queries
from modelyard.domains.users.access import RUN_TOKEN_PREFIX
from modelyard.kit import crypto
from modelyard.kit.db import Executor


async def issue_run_token(db: Executor, run_id: str, user_id: str, seconds: float) -> str:
    """A new token of a run; earlier ones live on until they expire."""
    token = crypto.new_secret(RUN_TOKEN_PREFIX)
    digest = crypto.digest(token)
    await queries.add_run_token(db, digest[:16], digest, run_id, user_id, seconds)
    return token


async def extend_run_token(db: Executor, run_id: str, seconds: float) -> None:
    """Prolongs the first token of a run, which the run has as a variable."""
    await queries.extend_first_run_token(db, run_id, seconds)


async def revoke_run_tokens(db: Executor, run_id: str) -> None:
    """Ends all tokens of a run that is over."""
    await queries.delete_run_tokens(db, run_id)
