"""Who may call a model API: anybody when it is public, else its tokens, and people who have the right."""

import base64
import binascii
import functools
from typing import Any

from litestar import Request

from modelyard.domains.model_apis.access import model_api_by_id
from modelyard.domains.model_apis.calls.routing import Route, Router
from modelyard.domains.users import Right, caller_of
from modelyard.kit import crypto
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import Unauthenticated, Unavailable

# Its answer is the same whether there is such a model API or not.
_NO_CREDENTIALS = (
    "No credentials: send a token of the model API as Authorization: Basic or Bearer, or an API key as"
    " X-Domino-Api-Key."
)


async def admit(
    db: Database, route: Route | None, model_api_id: str, authorization: str, api_key: str
) -> tuple[Route, str | None]:
    """The route of a model API for somebody with these credentials, and the id of the token or account.

    Raises Unauthenticated without valid credentials, and NotFound for a model API that is unknown or not to be
    called by that account.
    """
    secrets = [api_key] if api_key else secrets_in(authorization)
    if route is not None:
        for secret in secrets:
            if token_id := route.token_ids.get(crypto.digest(secret)):
                return route, token_id
        if route.routes.is_public:
            return route, None
    return await _admit_account(db, route, model_api_id, secrets)


async def _admit_account(
    db: Database, route: Route | None, model_api_id: str, secrets: list[str]
) -> tuple[Route, str | None]:
    if not secrets:
        raise Unauthenticated(_NO_CREDENTIALS)
    caller = await caller_of(db, secrets[0])
    await model_api_by_id(db, caller, model_api_id, Right.CALL_MODEL_API)
    if route is None:
        raise Unavailable("The model API is being made; try again.")
    return route, caller.id


def secrets_in(authorization: str) -> list[str]:
    """What an `Authorization` header may have as a token: a bearer's, or user and password of basic (RFC 7617)."""
    scheme, _, value = authorization.partition(" ")
    scheme = scheme.lower()
    if scheme == "bearer":
        return [value.strip()]
    if scheme != "basic":
        return []
    try:
        name, _, password = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [one for one in dict.fromkeys((password, name)) if one]


@functools.cache
def model_called_by(name: str) -> Guard:
    """The guard of operations that those who may call a model API may do, by its id in the path: `route`."""

    async def load(request: Request[Any, Any, Any], db: Database, router: Router) -> Route:
        model_api_id = str(request.path_params[name])
        headers = request.headers
        authorization, api_key = headers.get("authorization", ""), headers.get("x-domino-api-key", "")
        route = await router.find(model_api_id)
        return (await admit(db, route, model_api_id, authorization, api_key))[0]

    return Guard("route", load, rights=(Right.CALL_MODEL_API,), scope="callable model API")
