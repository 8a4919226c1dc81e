"""Shapes of git credentials on the wire."""

from typing import Annotated, Self

from msgspec import Meta

from modelyard.domains.git_credentials.queries import GitCredential, GitServiceProvider
from modelyard.kit.wire import MetadataV1, Wire

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Domain = Annotated[str, Meta(max_length=255)]
SecretText = Annotated[str, Meta(min_length=1, max_length=20_000)]


class GitCredentialsAccessorV1(Wire):
    """The handle of a git credential; its secret is never sent."""

    id: str
    name: str
    domain: str
    git_service_provider: GitServiceProvider
    protocol: str
    fingerprint: str

    @classmethod
    def of(cls, credential: GitCredential) -> Self:
        """A stored credential."""
        return cls(
            id=credential.id,
            name=credential.name,
            domain=credential.domain,
            git_service_provider=credential.provider,
            protocol=credential.protocol,
            fingerprint=credential.fingerprint,
        )


class PaginatedGitCredentialsAccessorEnvelopeV1(Wire):
    """All git credential handles of a user."""

    credentials: list[GitCredentialsAccessorV1]
    metadata: MetadataV1


class GitCredentialAccessorEnvelopeV1(Wire):
    """One git credential handle."""

    credential: GitCredentialsAccessorV1
    metadata: MetadataV1


class NewGitCredential(Wire):
    """A new credential: an access `token`, a `username` and `password`, or a private SSH `key`.

    Without a `domain` it is the public host of the provider.
    """

    name: Name
    git_service_provider: GitServiceProvider
    domain: Domain | None = None
    token: SecretText | None = None
    username: SecretText | None = None
    password: SecretText | None = None
    key: SecretText | None = None
    passphrase: SecretText | None = None


class TokenGitCredentialV1(Wire):
    """Body of updateUserGitCred."""

    name: Name
    git_service_provider: GitServiceProvider
    domain: Domain
    token: SecretText
