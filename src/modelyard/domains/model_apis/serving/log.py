"""What the platform says of a version: of its build, and of its replicas' comings and goings."""

import contextlib
import functools
from collections.abc import AsyncIterator

from modelyard.domains.model_apis.serving import queries
from modelyard.kit.db import Database
from modelyard.kit.lines import Lines, stored_lines

BUILD, DEPLOYMENT = "build", "deployment"


class VersionLog:
    """The two logs of a version."""

    def __init__(self, build: Lines, deployment: Lines) -> None:
        self._build, self._deployment = build, deployment

    def build(self, text: str) -> None:
        """Adds to the build log."""
        self._build.say(text)

    def deployment(self, text: str) -> None:
        """Adds to the deployment log."""
        self._deployment.say(text)


@contextlib.asynccontextmanager
async def log_of(db: Database, version_id: str) -> AsyncIterator[VersionLog]:
    """The logs of a version, whose lines are stored while the block runs."""
    store = functools.partial(queries.add_lines, db, version_id)
    async with (
        stored_lines(functools.partial(store, BUILD)) as build,
        stored_lines(functools.partial(store, DEPLOYMENT)) as deployment,
    ):
        yield VersionLog(build, deployment)
