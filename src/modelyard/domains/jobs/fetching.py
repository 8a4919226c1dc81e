"""The code of a job on its way from git hosts into the job's folder, with the credentials of who started it."""

import asyncio
from pathlib import Path

import msgspec

from modelyard.domains.jobs.code import MountedRepository
from modelyard.domains.jobs.queries import Job
from modelyard.domains.projects import reading_secret
from modelyard.engines.git_remotes import AddressRules, GitRemotes, parse_address
from modelyard.kit.crypto import Vault
from modelyard.kit.db import Database
from modelyard.kit.errors import Failure, Unavailable

FOLDER = "code"
MAIN = "main"
IMPORTED = "imported"

# Repositories of one job that are fetched at the same time.
AT_ONCE = 4


class CannotFetch(Exception):
    """A repository of a job is not to be had; the message says which and why."""


class CodeFetcher:
    """Fetches the repositories of jobs, each with a clone of its own."""

    def __init__(self, db: Database, vault: Vault, remotes: GitRemotes, rules: AddressRules) -> None:
        self._db = db
        self._vault = vault
        self._remotes = remotes
        self._rules = rules

    async def fetch(self, job: Job, folder: Path) -> list[MountedRepository]:
        """Puts every repository of a job below `<folder>/code`; with the commits they have. Raises CannotFetch."""
        places = asyncio.Semaphore(AT_ONCE)
        tasks = [asyncio.create_task(self._one(job, each, folder, places)) for each in job.code]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def _one(
        self, job: Job, repository: MountedRepository, folder: Path, places: asyncio.Semaphore
    ) -> MountedRepository:
        async with places:
            try:
                return await self._fetched(job, repository, place_of(folder, repository))
            except Unavailable:
                raise
            except Failure as failure:
                raise CannotFetch(
                    f"The git repository {repository.name} cannot be fetched: {failure}"
                ) from failure

    async def _fetched(self, job: Job, repository: MountedRepository, place: Path) -> MountedRepository:
        address = parse_address(repository.uri, self._rules)
        secret = await reading_secret(
            self._db, self._vault, job.started_by_id, repository.id, repository.host, repository.protocol
        )
        fetched = await self._remotes.fetch(repository.id, address, secret, repository.wanted)
        # What is asked for by its commit for the second time is still on the branch of the first time.
        fetched = msgspec.structs.replace(fetched, branch=fetched.branch or repository.branch)
        await self._remotes.check_out(repository.id, fetched, address, place)
        return msgspec.structs.replace(repository, commit_id=fetched.commit_id, branch=fetched.branch)


def place_of(folder: Path, repository: MountedRepository) -> Path:
    """Where a repository lies in a job's folder."""
    if repository.is_main:
        return folder / FOLDER / MAIN
    return folder / FOLDER / IMPORTED / repository.name
