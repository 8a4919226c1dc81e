"""Shapes of access tokens on the wire, beside the one that model APIs show, too."""

from typing import Self

import msgspec

from modelyard.domains.model_apis.queries import AccessToken
from modelyard.domains.model_apis.wire import ModelApiAccessToken
from modelyard.kit.wire import Wire


class ModelApiAccessTokenCreationRequest(Wire):
    """What a token is called, for people; it may have no name."""

    name: str | None = None


class ModelApiAccessTokenWithSecret(ModelApiAccessToken, kw_only=True):
    """An access token with its secret, which no other reply has."""

    token: str

    @classmethod
    def with_secret(cls, stored: AccessToken, secret: str) -> Self:
        """A token whose secret was made just now."""
        return cls(token=secret, **msgspec.structs.asdict(ModelApiAccessToken.of(stored)))
