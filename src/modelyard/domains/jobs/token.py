"""A run's own API token: in a file that the run reads, renewed while it lives."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from modelyard.domains.jobs.queries import Job
from modelyard.domains.users import extend_run_token, issue_run_token
from modelyard.kit.db import Database
from modelyard.kit.errors import Unavailable

log = structlog.get_logger()

TOKEN_FILE = "token"  # noqa: S105


class TokenKeeper:
    """Keeps a fresh token in `<folder>/token` while a run lives.

    A token lives for `seconds` and is replaced after a third of that. The one that the run got as a
    variable at its start cannot be replaced there, so it is prolonged as long as the run lives.
    """

    def __init__(self, db: Database, folder: Path, job: Job, seconds: float) -> None:
        self._db = db
        self._folder = folder
        self._job = job
        self._seconds = seconds
        self._first: str | None = None

    async def renew(self) -> str:
        """Puts a new token into the file, and returns it."""
        token = await issue_run_token(self._db, self._job.id, self._job.started_by_id, self._seconds)
        self._first = self._first or token
        await asyncio.to_thread(self._write, token)
        return token

    @contextlib.asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        """Renews the token again and again while the block runs."""
        renewing = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _keep(self) -> None:
        if self._first is None:  # an adopted run: how old its token is, nobody knows
            await self._try_to_renew()
        while True:
            await asyncio.sleep(self._seconds / 3)
            await self._try_to_renew()

    async def _try_to_renew(self) -> None:
        try:
            await extend_run_token(self._db, self._job.id, self._seconds)
            await self.renew()
        except (Unavailable, OSError) as error:
            log.warning("the token of a run was not renewed", job=self._job.id, error=str(error))

    def _write(self, token: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._folder / ".new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token + "\n")
        fresh.replace(self._folder / TOKEN_FILE)
