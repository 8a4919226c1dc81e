"""Operations on git credentials: the public list, and how they are added, replaced and removed."""

from modelyard.domains.git_credentials import queries, service
from modelyard.domains.git_credentials.wire import (
    GitCredentialAccessorEnvelopeV1,
    GitCredentialsAccessorV1,
    NewGitCredential,
    PaginatedGitCredentialsAccessorEnvelopeV1,
    TokenGitCredentialV1,
)
from modelyard.domains.users import Caller, Right, User, user_with
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database, Transaction
from modelyard.kit.operation import operation
from modelyard.kit.wire import DeleteEnvelopeV1, deleted, metadata

TAG = "Users"
PRIVATE_TAG = "Users (private)"


@operation("GET", "/api/users/beta/credentials/{userId:str}", guard=user_with(Right.UPDATE_USER), tag=TAG)
async def get_user_git_creds(user: User, db: Database) -> PaginatedGitCredentialsAccessorEnvelopeV1:
    """The git credential handles of a user, without their secrets."""
    found = await queries.credentials_of(db, user.id)
    return PaginatedGitCredentialsAccessorEnvelopeV1(
        credentials=[GitCredentialsAccessorV1.of(one) for one in found], metadata=metadata()
    )


@operation(
    "PUT",
    "/api/users/v1/user/{userId:str}/tokenCredentials/{credentialId:str}",
    guard=user_with(Right.UPDATE_USER),
    tag=TAG,
)
async def update_user_git_cred(
    user: User, caller: Caller, tx: Transaction, vault: Vault, credentialId: str, data: TokenGitCredentialV1
) -> GitCredentialAccessorEnvelopeV1:
    """Replace a credential of a user by another access token."""
    new = NewGitCredential(
        name=data.name, git_service_provider=data.git_service_provider, domain=data.domain, token=data.token
    )
    return _envelope(await service.put(tx, vault, caller, user, new, credentialId))


@operation(
    "POST", "/v4/accounts/{userId:str}/gitcredentials", guard=user_with(Right.UPDATE_USER), tag=PRIVATE_TAG
)  # fmt: skip
async def add_git_credential(
    user: User, caller: Caller, tx: Transaction, vault: Vault, data: NewGitCredential
) -> GitCredentialAccessorEnvelopeV1:
    """Add a git credential: a token, a password or an SSH key."""
    return _envelope(await service.put(tx, vault, caller, user, data))


@operation(
    "DELETE",
    "/v4/accounts/{userId:str}/gitcredentials/{credentialId:str}",
    guard=user_with(Right.UPDATE_USER),
    tag=PRIVATE_TAG,
)
async def remove_git_credential(
    user: User, caller: Caller, tx: Transaction, credentialId: str
) -> DeleteEnvelopeV1:
    """Forget a git credential."""
    await service.remove(tx, caller, user, credentialId)
    return deleted()


def _envelope(credential: queries.GitCredential) -> GitCredentialAccessorEnvelopeV1:
    return GitCredentialAccessorEnvelopeV1(credential=GitCredentialsAccessorV1.of(credential), metadata=metadata())
