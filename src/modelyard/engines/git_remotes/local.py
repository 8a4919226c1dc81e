"""Mirrors of repositories elsewhere in a folder of this machine, kept with the git program."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from modelyard.engines.git_remotes import exchange
from modelyard.engines.git_remotes.address import Address
from modelyard.engines.git_remotes.checkout import clone
from modelyard.engines.git_remotes.connection import Connection, Connector
from modelyard.engines.git_remotes.credentials import Secret
from modelyard.engines.git_remotes.exchange import Contact
from modelyard.engines.git_remotes.failures import Damaged, RemoteFailure, failure_of
from modelyard.engines.git_remotes.mirrors import Mirrors
from modelyard.engines.git_remotes.references import Fetched, Reference
from modelyard.engines.git_remotes.rules import AddressRules
from modelyard.engines.git_remotes.threads import to_the_end


class LocalGitRemotes:
    """Each repository's mirror is `<root>/<repositoryId>.git`; `timeout_seconds` bounds every operation."""

    def __init__(self, root: Path, rules: AddressRules, ca_file: str = "", timeout_seconds: float = 600) -> None:
        self._root = root.absolute()
        self._mirrors = Mirrors(self._root)
        self._connector = Connector(self._root, rules, ca_file)
        self._seconds = timeout_seconds

    async def fetch(
        self, repository_id: str, address: Address, secret: Secret | None, reference: Reference
    ) -> Fetched:
        """Brings the mirror up to date and resolves the reference; raises RemoteFailure or BadRequest."""
        async with (
            self._in_time(),
            self._connector.connect(address, secret) as connection,
            self._mirrors.locked(repository_id) as lock,
        ):
            mirror = await to_the_end(self._mirrors.prepare, repository_id)
            try:
                return await exchange.fetch(Contact(mirror, connection, lock), reference)
            except Damaged as damaged:
                return await self._fetch_anew(repository_id, connection, lock, reference, str(damaged))

    async def check_out(self, repository_id: str, fetched: Fetched, address: Address, folder: Path) -> None:
        """An independent clone in an empty or missing folder, at the commit; raises RemoteFailure."""
        async with self._in_time():
            try:
                async with self._mirrors.locked(repository_id, alone=False) as lock:
                    await clone(self._mirrors.path(repository_id), fetched, address.uri, folder, lock)
                return
            except Damaged:
                pass
            async with self._mirrors.locked(repository_id):
                await to_the_end(self._mirrors.discard, repository_id)
            raise RemoteFailure("The server's copy of the repository was damaged and has been removed. Try again.")

    async def push(
        self, source_repository_id: str, address: Address, secret: Secret | None, *, force: bool
    ) -> None:
        """Pushes all branches and tags of a mirror, its default branch first; raises RemoteFailure."""
        async with (
            self._in_time(),
            self._connector.connect(address, secret) as connection,
            self._mirrors.locked(source_repository_id, alone=False) as lock,
        ):
            mirror = self._mirrors.path(source_repository_id)
            if not (mirror / "HEAD").is_file():
                raise RemoteFailure("The repository to copy is not on this server yet. Fetch it first.")
            await exchange.push(Contact(mirror, connection, lock), force=force)

    async def remove(self, repository_id: str) -> None:
        """Removes the mirror, if there is one."""
        async with self._mirrors.locked(repository_id):
            await to_the_end(self._mirrors.discard, repository_id)
            self._mirrors.forget_lock(repository_id)

    async def _fetch_anew(
        self, repository_id: str, connection: Connection, lock: int, reference: Reference, errors: str
    ) -> Fetched:
        """Makes a broken mirror anew; the old one stays until the new one is complete."""
        object_format = "sha256" if "server sha256" in errors else "sha1"
        building = await to_the_end(self._mirrors.make, object_format)
        try:
            fetched = await exchange.fetch(Contact(building, connection, lock, fresh=True), reference)
            await to_the_end(self._mirrors.replace, repository_id, building)
        except Damaged as damaged:
            raise failure_of(str(damaged), connection.host, connection.secret_given, connection.hidden) from None
        finally:
            await to_the_end(_remove, building)
        return fetched

    @contextlib.asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds):
                yield
        except TimeoutError:
            raise RemoteFailure(
                f"Working with the git repository took longer than {self._seconds:g} seconds and was stopped. Try "
                "again; an administrator can give it more time with the setting git_timeout_seconds."
            ) from None


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
