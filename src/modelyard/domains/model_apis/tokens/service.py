"""Rules of access tokens: a secret is shown when it is made, and never again."""

from modelyard.domains.model_apis import queries as model_apis
from modelyard.domains.model_apis.queries import AccessToken, ModelApi
from modelyard.domains.model_apis.tokens import queries
from modelyard.domains.users import Caller
from modelyard.kit import crypto, events
from modelyard.kit.db import Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id

PREFIX = "mdm_"
MOST, LONGEST_NAME = 100, 200


def token_of(model_api: ModelApi, token_id: str) -> AccessToken:
    """A token of a model API by its id; raises NotFound."""
    for token in model_api.access_tokens:
        if token.id == token_id:
            return token
    raise _no_token(model_api, token_id)


async def create(
    tx: Transaction, caller: Caller, model_api: ModelApi, name: str | None
) -> tuple[AccessToken, str]:
    """A new token, and its secret, which is not stored; raises BadRequest when there are too many."""
    checked = _checked_name(name)
    await model_apis.lock_model_api(tx, model_api.id)
    if await queries.count_tokens(tx, model_api.id) >= MOST:
        raise BadRequest(f"The model API {model_api.name} has {MOST} access tokens; revoke one that is not used.")
    secret = crypto.new_secret(PREFIX)
    token = await queries.add_token(tx, new_id(), model_api.id, checked, crypto.digest(secret), caller.id)
    await _record(tx, caller, "modelApi.accessTokenCreated", model_api, token)
    return token, secret


async def renew(
    tx: Transaction, caller: Caller, model_api: ModelApi, token_id: str, name: str | None
) -> tuple[AccessToken, str]:
    """Gives a token a new secret, which is not stored, and a new name if there is one; the old secret ends.

    Raises NotFound.
    """
    secret = crypto.new_secret(PREFIX)
    token = await queries.renew_token(
        tx, model_api.id, token_id, _checked_name(name), crypto.digest(secret), caller.id
    )
    if token is None:
        raise _no_token(model_api, token_id)
    await _record(tx, caller, "modelApi.accessTokenRenewed", model_api, token)
    return token, secret


async def revoke(tx: Transaction, caller: Caller, model_api: ModelApi, token_id: str) -> None:
    """Ends a token; raises NotFound."""
    token = token_of(model_api, token_id)
    if not await queries.delete_token(tx, model_api.id, token.id):
        raise _no_token(model_api, token_id)
    await _record(tx, caller, "modelApi.accessTokenRevoked", model_api, token)


async def _record(tx: Transaction, caller: Caller, action: str, model_api: ModelApi, token: AccessToken) -> None:
    await model_apis.touch(tx, model_api.id)
    await events.record(
        tx, caller, action, "modelApi", model_api.id,
        project_id=model_api.project_id, tokenId=token.id, name=token.name,
    )  # fmt: skip


def _checked_name(name: str | None) -> str | None:
    stripped = (name or "").strip()
    if len(stripped) > LONGEST_NAME:
        raise BadRequest(f"name: an access token's name has at most {LONGEST_NAME} characters.")
    return stripped or None


def _no_token(model_api: ModelApi, token_id: str) -> NotFound:
    return NotFound(f"The model API {model_api.name} has no access token with the id {token_id[:100]}.")
