"""Shapes of users on the wire."""

from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.users.permissions import PlatformRole
from modelyard.domains.users.queries import ApiKey, User
from modelyard.kit.wire import MetadataV1, PaginatedMetadataV1, Wire, epoch_ms, present

Name = Annotated[str, Meta(min_length=1, max_length=100)]


class UserV1(Wire):
    """A person; e-mail and roles are shown to themselves and to administrators."""

    id: str
    user_name: str
    first_name: str
    last_name: str
    full_name: str
    avatar_url: str
    email: str | UnsetType = UNSET
    company_name: str | UnsetType = UNSET
    phone_number: str | UnsetType = UNSET
    roles: list[str] | UnsetType = UNSET

    @classmethod
    def of(cls, user: User, *, private: bool) -> Self:
        """An account as shown to others, or with its private fields."""
        role = PlatformRole.SYS_ADMIN if user.is_admin else PlatformRole.PRACTITIONER
        return cls(
            id=user.id,
            user_name=user.user_name,
            first_name=user.first_name,
            last_name=user.last_name,
            full_name=f"{user.first_name} {user.last_name}".strip() or user.user_name,
            avatar_url="",
            email=present(user.email) if private else UNSET,
            company_name=present(user.company_name),
            phone_number=present(user.phone_number) if private else UNSET,
            roles=[role.value] if private else UNSET,
        )


class UserEnvelopeV1(Wire):
    """One user."""

    user: UserV1
    metadata: MetadataV1


class PaginatedUserEnvelopeV1(Wire):
    """A page of users."""

    users: list[UserV1]
    metadata: PaginatedMetadataV1


class NewUser(Wire):
    """Body of account creation."""

    user_name: str
    email: Annotated[str, Meta(max_length=320)] | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    is_admin: bool = False


class CreatedUser(Wire):
    """A new account and its first API key, which is shown this once."""

    user: UserV1
    api_key: str


class ApiKeySummary(Wire):
    """An API key without its secret; times in epoch milliseconds."""

    id: str
    label: str
    created_at: int | UnsetType
    last_used_at: int | UnsetType

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """A stored key as shown to its owner."""
        return cls(
            id=key.id,
            label=key.label,
            created_at=epoch_ms(key.created_at),
            last_used_at=epoch_ms(key.last_used_at),
        )


class NewApiKey(Wire):
    """Body of key creation."""

    label: Annotated[str, Meta(max_length=100)] = ""


class CreatedApiKey(Wire):
    """A new key with its secret, which is shown this once."""

    id: str
    api_key: str


class UserSummary(Wire):
    """An account as the private user list has it; its kind is individual or organization."""

    id: str
    user_name: str
    full_name: str
    email: str | UnsetType
    kind: str
