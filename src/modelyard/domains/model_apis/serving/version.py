"""The life of one version on this runner: built, served while it is wanted, ended.

Every step can be taken again by a later runner: what has happened is told by the version's status, the rows of
its replicas and their folders.
"""

import asyncio

from modelyard.domains.model_apis.serving import queries
from modelyard.domains.model_apis.serving.building import Building
from modelyard.domains.model_apis.serving.log import VersionLog, log_of
from modelyard.domains.model_apis.serving.queries import Target
from modelyard.domains.model_apis.serving.replicas import Replicas
from modelyard.domains.model_apis.serving.standing import Standing
from modelyard.domains.model_apis.serving.tools import ServingTools
from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Version, find_by_id
from modelyard.kit.work import Lease, LeaseLost, applying, patiently


class VersionServing:
    """One version in the hands of this runner."""

    def __init__(self, tools: ServingTools, lease: Lease, one_of_few: asyncio.Semaphore) -> None:
        self._tools = tools
        self._lease = lease
        self._one_of_few = one_of_few
        self._replicas: Replicas | None = None

    def aim(self, target: Target) -> None:
        """Takes note of what the version is to be now."""
        if self._replicas is not None:
            self._replicas.aim(target)

    async def live(self) -> None:
        """Takes the version from wherever it is until nobody wants it to run, or until it has failed."""
        version = await self._find()
        if version is None:
            async with applying(self._tools.db, self._lease, finish=True):
                return
        async with log_of(self._tools.db, version.id) as log:
            if version.built_at is None:
                building = Building(self._tools, self._lease, version, log, self._one_of_few)
                if not await building.build():
                    return
            is_over = False
            while not is_over:
                is_over = await self._serve(log)

    async def _serve(self, log: VersionLog) -> bool:
        """Serves the version while it is wanted; False when it is wanted again."""
        version = await self._find()
        assert version is not None  # noqa: S101 - versions are never deleted
        standing = Standing(self._tools, self._lease, version, log)
        target = await self._target()
        # What ran when an earlier runner ended is not given up because of one bad start.
        again = version.status in lifecycle.ALIVE and version.interface is not None
        replicas = Replicas(self._tools, version, target, standing, log, again=again)
        try:
            await replicas.adopt()
            self._replicas = replicas
            # What has changed before somebody could say so.
            replicas.aim(await self._target())
            problem = await replicas.serve()
            if problem is not None:
                log.deployment(f"Version {version.number} has failed")
            is_over = await patiently(lambda: standing.finish(problem))
            await asyncio.to_thread(replicas.clean)
        except (asyncio.CancelledError, LeaseLost):
            await replicas.leave()
            raise
        except Exception:
            replicas.abandon()
            raise
        finally:
            self._replicas = None
        return is_over

    async def _find(self) -> Version | None:
        return await patiently(lambda: find_by_id(self._tools.db, self._lease.subject_id))

    async def _target(self) -> Target:
        subject = self._lease.subject_id
        return (await patiently(lambda: queries.targets(self._tools.db, [subject])))[subject]
