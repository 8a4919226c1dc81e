"""Rules of git credentials: what each kind needs, and which one is sent to which host."""

import re

import msgspec

from modelyard.domains.git_credentials import queries
from modelyard.domains.git_credentials.queries import GitCredential, Protocol
from modelyard.domains.git_credentials.wire import NewGitCredential
from modelyard.domains.users import Caller, User
from modelyard.engines.git_remotes import AccessToken, Password, Secret, read_ssh_key
from modelyard.kit import events
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.ids import new_id

_PUBLIC_HOSTS = {"Bitbucket": "bitbucket.org", "Github": "github.com", "GitLab": "gitlab.com"}
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[?[0-9a-f:]+\]?")


async def put(
    tx: Transaction, vault: Vault, caller: Caller, user: User, new: NewGitCredential, credential_id: str = ""
) -> GitCredential:
    """Stores a new credential of an account, or replaces the one with this id.

    Raises BadRequest when it is not exactly one kind of secret or has no host, NotFound for an unknown id.
    """
    if credential_id and await queries.find_credential(tx, user.id, credential_id) is None:
        raise NotFound(f"This account has no git credential with the id {credential_id[:100]}.")
    secret, protocol, fingerprint = _secret(vault, new)
    credential = GitCredential(
        id=credential_id or new_id(),
        user_id=user.id,
        name=new.name,
        domain=_domain(new),
        provider=new.git_service_provider,
        protocol=protocol,
        fingerprint=fingerprint,
        sealed=vault.seal(msgspec.json.encode(secret).decode()),
    )
    await queries.put_credential(tx, credential)
    await events.record(
        tx, caller, "gitCredential.updated" if credential_id else "gitCredential.added", "user", user.id,
        credentialId=credential.id, domain=credential.domain, protocol=protocol, fingerprint=fingerprint,
    )  # fmt: skip
    return credential


async def remove(tx: Transaction, caller: Caller, user: User, credential_id: str) -> None:
    """Forgets a credential; raises NotFound."""
    if not await queries.remove_credential(tx, user.id, credential_id):
        raise NotFound(f"This account has no git credential with the id {credential_id[:100]}.")
    await events.record(tx, caller, "gitCredential.removed", "user", user.id, credentialId=credential_id)


async def find_own_credential(db: Executor, user_id: str, credential_id: str) -> GitCredential:
    """A credential of this account, for whatever host; raises BadRequest."""
    credential = await queries.find_credential(db, user_id, credential_id)
    if credential is None:
        raise BadRequest(f"You have no git credential with the id {credential_id[:100]}.")
    return credential


async def own_credential(
    db: Executor, user_id: str, credential_id: str, domain: str | None, protocol: str
) -> GitCredential:
    """A credential of this account that may be sent to this host over this protocol; raises BadRequest."""
    credential = await find_own_credential(db, user_id, credential_id)
    if not credential.serves(domain, protocol):
        raise BadRequest(
            f"The git credential {credential.name} is for {credential.domain} over {credential.protocol}; it is"
            " not sent anywhere else."
        )
    return credential


async def credential_for(
    db: Executor, user_id: str, domain: str | None, protocol: str, preferred_id: str | None = None
) -> GitCredential | None:
    """The credential by which this account reaches a host: the preferred one, else the newest that serves."""
    serving = [one for one in await queries.credentials_of(db, user_id) if one.serves(domain, protocol)]
    return max(serving, key=lambda one: (one.id == preferred_id, one.id), default=None)


def open_secret(vault: Vault, credential: GitCredential) -> Secret:
    """The secret itself, for the one child process that needs it."""
    return msgspec.json.decode(vault.unseal(credential.sealed), type=Secret)  # type: ignore[no-any-return]


def _domain(new: NewGitCredential) -> str:
    domain = (new.domain or _PUBLIC_HOSTS.get(new.git_service_provider, "")).strip().lower()
    if not domain:
        raise BadRequest(f"domain: name the host of this {new.git_service_provider} credential.")
    if not _DOMAIN.fullmatch(domain):
        raise BadRequest("domain: give the name of the host alone, such as git.example.org.")
    return domain.strip("[]")


def _secret(vault: Vault, new: NewGitCredential) -> tuple[Secret, Protocol, str]:
    given = [name for name in ("token", "password", "key") if getattr(new, name)]
    if len(given) != 1:
        raise BadRequest("Give one secret: a token, a username with a password, or a private SSH key.")
    if new.key:
        key, fingerprint = read_ssh_key(new.key, new.passphrase)
        return key, "ssh", fingerprint
    if new.token:
        return AccessToken(new.token), "https", vault.fingerprint(new.token)
    if not new.username or not new.password:
        raise BadRequest("username: a password needs the name that it belongs to.")
    return Password(new.username, new.password), "https", vault.fingerprint(new.password)
