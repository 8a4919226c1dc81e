"""SQL of git credentials."""

from typing import Literal

import msgspec

from modelyard.kit.db import Executor, Transaction

GitServiceProvider = Literal[
    "Bitbucket", "BitbucketServer", "Github", "GithubEnterprise", "GitLab", "GitLabEnterprise", "Unknown"
]
Protocol = Literal["https", "ssh"]

_COLUMNS = "id, user_id, name, domain, provider, protocol, fingerprint, sealed"


class GitCredential(msgspec.Struct, frozen=True):
    """A git credential; `domain` is the only host that it is ever sent to."""

    id: str
    user_id: str
    name: str
    domain: str
    provider: GitServiceProvider
    protocol: Protocol
    fingerprint: str
    sealed: bytes

    def serves(self, host: str | None, protocol: str) -> bool:
        """Whether it may be sent to this host over this protocol."""
        return (self.domain, self.protocol) == (host, protocol)


async def credentials_of(db: Executor, user_id: str) -> list[GitCredential]:
    """The git credentials of an account, oldest first."""
    return await db.rows(
        GitCredential, f"SELECT {_COLUMNS} FROM git_credentials WHERE user_id = $1 ORDER BY id", user_id
    )


async def find_credential(db: Executor, user_id: str, credential_id: str) -> GitCredential | None:
    """The credential with this id, if it is one of this account."""
    return await db.row(
        GitCredential,
        f"SELECT {_COLUMNS} FROM git_credentials WHERE user_id = $1 AND id = $2",
        user_id, credential_id,
    )  # fmt: skip


async def put_credential(tx: Transaction, credential: GitCredential) -> None:
    """Adds a credential, or replaces the one with its id."""
    await tx.execute(
        f"INSERT INTO git_credentials ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (id) DO UPDATE SET name = excluded.name, domain = excluded.domain,"
        " provider = excluded.provider, protocol = excluded.protocol, fingerprint = excluded.fingerprint,"
        " sealed = excluded.sealed",
        *msgspec.structs.astuple(credential),
    )


async def remove_credential(tx: Transaction, user_id: str, credential_id: str) -> bool:
    """Removes a credential; False when the account has no such one."""
    removed = await tx.execute(
        "DELETE FROM git_credentials WHERE user_id = $1 AND id = $2", user_id, credential_id
    )
    return removed == 1
