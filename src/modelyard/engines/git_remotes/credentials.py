"""What opens a repository: an access token, a password or an SSH key. Sealed as JSON by who keeps them."""

import msgspec

# GitHub, Gitea and Azure take any user name beside a token, GitLab's OAuth tokens and Bitbucket's want their own.
_TOKEN_USERS = {"gitlab": "oauth2", "bitbucket": "x-token-auth"}
_ANY_TOKEN_USER = "x-access-token"  # noqa: S105


class AccessToken(msgspec.Struct, frozen=True, tag="AccessToken"):
    """A personal, project or app token of a git host, for https."""

    token: str

    def __repr__(self) -> str:
        return "AccessToken(***)"


class Password(msgspec.Struct, frozen=True, tag="Password"):
    """A user name and a password (or a token that belongs to a user name), for https."""

    username: str
    password: str

    def __repr__(self) -> str:
        return "Password(***)"


class SshKey(msgspec.Struct, frozen=True, tag="SshKey"):
    """A private key in OpenSSH's form, without a passphrase. See `read_ssh_key`."""

    private_key: str

    def __repr__(self) -> str:
        return "SshKey(***)"


Secret = AccessToken | Password | SshKey


def sign_in(secret: AccessToken | Password, host: str) -> tuple[str, str]:
    """The user name and password that an https git server is given."""
    match secret:
        case AccessToken(token):
            named = (user for name, user in _TOKEN_USERS.items() if name in host)
            return next(named, _ANY_TOKEN_USER), token
        case Password(username, password):
            return username, password


def hidden_words(secret: Secret | None) -> list[str]:
    """The texts that no message may hold."""
    match secret:
        case AccessToken(token):
            return [token]
        case Password(username, password):
            return [password, username]
        case _:
            return []
