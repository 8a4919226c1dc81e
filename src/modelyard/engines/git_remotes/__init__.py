"""Git repositories elsewhere: fetched for jobs, created at a host, pushed to.

Addresses, references and secrets come from people: they are made by `parse_address`, `reference` and
`read_ssh_key`, which refuse what must not reach git. Everything here waits without blocking.
"""

from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from modelyard.engines.git_remotes.address import Address, parse_address
from modelyard.engines.git_remotes.credentials import AccessToken, Password, Secret, SshKey
from modelyard.engines.git_remotes.failures import RemoteFailure
from modelyard.engines.git_remotes.keys import read_ssh_key
from modelyard.engines.git_remotes.references import Fetched, Reference, ReferenceKind, reference
from modelyard.engines.git_remotes.rules import AddressRules

__all__ = [
    "AccessToken",
    "Address",
    "AddressRules",
    "Fetched",
    "GitHost",
    "GitRemotes",
    "Password",
    "Reference",
    "ReferenceKind",
    "RemoteFailure",
    "Secret",
    "SshKey",
    "Visibility",
    "parse_address",
    "read_ssh_key",
    "reference",
]

Visibility = Literal["public", "private", "internal"]


@runtime_checkable
class GitRemotes(Protocol):
    """Mirrors of repositories elsewhere, one for each repository's id."""

    async def fetch(
        self, repository_id: str, address: Address, secret: Secret | None, reference: Reference
    ) -> Fetched:
        """Brings the mirror up to date with this secret, always asking the remote, and resolves the reference.

        Raises RemoteFailure, and BadRequest when the address is not allowed any more.
        """
        ...

    async def check_out(self, repository_id: str, fetched: Fetched, address: Address, folder: Path) -> None:
        """Makes a clone of its own in an empty or missing folder, from what `fetch` brought; nothing is shared.

        It is on the fetched branch, or detached at the commit; `origin` is the address. Nothing of the
        repository is executed. Raises RemoteFailure.
        """
        ...

    async def push(
        self, source_repository_id: str, address: Address, secret: Secret | None, *, force: bool
    ) -> None:
        """Pushes all branches and tags of a mirror to another address; raises RemoteFailure.

        Without `force` nothing that is there is replaced.
        """
        ...

    async def remove(self, repository_id: str) -> None:
        """Removes the mirror, if there is one."""
        ...


@runtime_checkable
class GitHost(Protocol):
    """A service that keeps repositories, such as GitHub."""

    def domain(self) -> str:
        """The host of its repositories, whose credentials it takes."""
        ...

    async def create_repository(
        self, secret: Secret, owner: str, name: str, visibility: Visibility, template: str | None
    ) -> str:
        """Creates a repository, empty or from a template (`owner/name`, or a name of the same owner).

        The https address to clone it from. Raises RemoteFailure, and BadRequest for a secret that is no
        access token and for names that are none.
        """
        ...

    async def clone_url(self, secret: Secret, owner: str, name: str) -> str:
        """The https address of a repository that is there; raises as `create_repository`."""
        ...
