"""Versions as durable work of a runner: which are built and served here, and what they are to be at the moment."""

import asyncio
from pathlib import Path

from modelyard.domains import environments
from modelyard.domains.model_apis.serving import queries
from modelyard.domains.model_apis.serving.places import VersionPlace
from modelyard.domains.model_apis.serving.tools import ServingTools
from modelyard.domains.model_apis.serving.version import VersionServing
from modelyard.domains.model_apis.versions.service import KIND
from modelyard.kit import queries as kit_queries
from modelyard.kit.work import Kind, Lease

# Registered models whose packages are installed at the same time.
BUILDS_AT_ONCE = 2


class ServingWork:
    """The versions that one node serves."""

    def __init__(self, tools: ServingTools) -> None:
        self._tools = tools
        self._db = tools.db
        self._one_of_few = asyncio.Semaphore(BUILDS_AT_ONCE)
        self._served: dict[str, VersionServing] = {}
        self._is_swept = False

    @property
    def kind(self) -> Kind:
        """The kind of work that builds and serves versions."""
        return Kind(KIND, self._claim, self._perform)

    async def _claim(self, holder: str, seconds: float) -> list[Lease]:
        await self._pass_on_targets()
        if not self._is_swept:
            await self._sweep()
        ready = await self._ready()
        return await kit_queries.claim_named(self._db, holder, seconds, KIND, ready) if ready else []

    async def _perform(self, lease: Lease) -> None:
        serving = VersionServing(self._tools, lease, self._one_of_few)
        self._served[lease.subject_id] = serving
        try:
            await serving.live()
        finally:
            self._served.pop(lease.subject_id, None)
            self._is_swept = False

    async def _pass_on_targets(self) -> None:
        if not self._served:
            return
        for version_id, target in (await queries.targets(self._db, list(self._served))).items():
            if serving := self._served.get(version_id):
                serving.aim(target)

    async def _ready(self) -> list[str]:
        """The versions that can be worked on: those that do not wait for the build of their environment."""
        waiting = await queries.waiting(self._db, KIND)
        awaited = sorted({one.revision_id for one in waiting if one.revision_id is not None})
        built = await environments.finished_builds(self._db, awaited) if awaited else {}
        return [one.version_id for one in waiting if one.revision_id is None or one.revision_id in built]

    async def _sweep(self) -> None:
        """Removes the files of versions that will never be served again."""
        self._is_swept = True
        there = await asyncio.to_thread(_names, self._tools.models)
        for version_id in await queries.gone(self._db, there) if there else []:
            await asyncio.to_thread(VersionPlace(self._tools.models, version_id).remove)


def _names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()] if folder.is_dir() else []
