"""Operations on the access tokens of a model API."""

from modelyard.domains.model_apis.access import ModelApiAccess, model_api_with
from modelyard.domains.model_apis.calls.routing import Router
from modelyard.domains.model_apis.routes import MODEL_API, TAG
from modelyard.domains.model_apis.tokens import service
from modelyard.domains.model_apis.tokens.wire import (
    ModelApiAccessTokenCreationRequest,
    ModelApiAccessTokenWithSecret,
)
from modelyard.domains.model_apis.wire import ModelApiAccessToken
from modelyard.domains.users import Right
from modelyard.kit.db import Transaction
from modelyard.kit.operation import operation

TOKENS = f"{MODEL_API}/accessTokens"
TOKEN = f"{TOKENS}/{{accessTokenId:str}}"

_reading, _changing = model_api_with(Right.VIEW_MODEL_API), model_api_with(Right.EDIT_MODEL_API)


@operation("GET", TOKENS, guard=_reading, tag=TAG)
async def list_model_api_access_tokens(access: ModelApiAccess) -> list[ModelApiAccessToken]:
    """The access tokens of a model API, oldest first, without their secrets."""
    return [ModelApiAccessToken.of(token) for token in access.model_api.access_tokens]


@operation("POST", TOKENS, guard=_changing, tag=TAG, status=201)
async def create_model_api_access_token(
    access: ModelApiAccess, tx: Transaction, data: ModelApiAccessTokenCreationRequest
) -> ModelApiAccessTokenWithSecret:
    """Make an access token; its secret is shown in this reply only."""
    token, secret = await service.create(tx, access.caller, access.model_api, data.name)
    return ModelApiAccessTokenWithSecret.with_secret(token, secret)


@operation("GET", TOKEN, guard=_reading, tag=TAG)
async def get_model_api_access_token(access: ModelApiAccess, accessTokenId: str) -> ModelApiAccessToken:
    """Read one access token, without its secret."""
    return ModelApiAccessToken.of(service.token_of(access.model_api, accessTokenId))


@operation("PUT", TOKEN, guard=_changing, tag=TAG)
async def update_model_api_access_token(
    access: ModelApiAccess,
    router: Router,
    accessTokenId: str,
    data: ModelApiAccessTokenCreationRequest,
) -> ModelApiAccessTokenWithSecret:
    """Give an access token a new secret, shown in this reply only, and a new name if there is one."""
    async with router.changing(access.model_api.id) as tx:
        token, secret = await service.renew(tx, access.caller, access.model_api, accessTokenId, data.name)
    return ModelApiAccessTokenWithSecret.with_secret(token, secret)


@operation("DELETE", TOKEN, guard=_changing, tag=TAG, status=204)
async def delete_model_api_access_token(access: ModelApiAccess, router: Router, accessTokenId: str) -> None:
    """Revoke an access token: it opens nothing any more when this has answered."""
    async with router.changing(access.model_api.id) as tx:
        await service.revoke(tx, access.caller, access.model_api, accessTokenId)
