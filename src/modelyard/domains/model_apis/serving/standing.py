"""How a version stands, as it is stored: its status, its replicas, and what that means for other versions."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from modelyard.domains.model_apis.queries import announce, lock_model_api
from modelyard.domains.model_apis.serving import queries
from modelyard.domains.model_apis.serving.log import VersionLog
from modelyard.domains.model_apis.serving.places import ReplicaPlace
from modelyard.domains.model_apis.serving.replica import Served, State
from modelyard.domains.model_apis.serving.tools import ServingTools
from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Interface, Version, lock_version
from modelyard.domains.model_apis.versions.service import KIND
from modelyard.engines.serving import Description
from modelyard.kit import events
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Transaction
from modelyard.kit.work import Lease, LeaseLost, applying

# So many ended replicas of a version are kept with their logs.
KEPT_REPLICAS = 50

_EVENTS = {
    lifecycle.STALLED: "modelApi.versionStalled",
    lifecycle.FAILED: "modelApi.versionFailed",
    lifecycle.STOPPED: "modelApi.versionEnded",
}


class Standing:
    """The rows of one version. It `is_open` once it has run since it was last started."""

    def __init__(self, tools: ServingTools, lease: Lease, version: Version, log: VersionLog) -> None:
        self._tools = tools
        self._lease = lease
        self._version = version
        self._log = log
        self._status = version.status
        self._problem = version.problem
        self.is_open = False

    def reopen(self) -> None:
        """Notes that a replica of an earlier runner is ready: a version that ran goes on running."""
        self.is_open = self._status in {lifecycle.RUNNING, lifecycle.STALLED}

    async def store(
        self,
        changed: Sequence[Served],
        states: Mapping[str, State],
        status: str | None,
        problem: str | None,
        description: Description | None,
    ) -> None:
        """Stores new states of replicas, and the version's with them if it is a new one."""
        is_same = status is None or (status, problem) == (self._status, self._problem)
        if is_same and not changed:
            return
        forgotten: list[str] = []
        async with applying(self._tools.db, self._lease) as tx:
            if status == lifecycle.RUNNING and not self.is_open:
                # Other versions are changed, too: the model API first, as everywhere.
                await lock_model_api(tx, self._version.model_api_id)
            for one in changed:
                await self._put(tx, one, states[one.id])
            if any(states[one.id] is State.ENDED for one in changed):
                forgotten = await queries.forget_replicas(tx, self._version.id, KEPT_REPLICAS)
            if description is not None:
                said = msgspec.to_builtins(description) | {"input_names": list(description.inputs)}
                interface = msgspec.convert(said, Interface)
                await queries.set_interface(tx, self._version.id, interface)
            ended = [] if is_same or status is None else await self._enter(tx, status, problem)
            await announce(tx, self._version.model_api_id)
        if status is not None and not is_same:
            self._status, self._problem = status, problem
            self.is_open = self.is_open or status == lifecycle.RUNNING
            self._tell(status, ended)
        for replica_id in forgotten:
            await asyncio.to_thread(ReplicaPlace(self._tools.runs, replica_id).remove)

    async def finish(self, problem: str | None) -> bool:
        """Ends the work on a version that nobody wants, or that fails; False when somebody wants it again."""
        async with self._tools.db.transaction() as tx:
            # The version before the work, as whoever asks for it does.
            version = await lock_version(tx, self._version.id)
            is_failed = problem is not None
            if version is not None and version.is_wanted and not is_failed:
                return False
            status = lifecycle.FAILED if is_failed else lifecycle.STOPPED
            if is_failed or self._status in lifecycle.ALIVE:
                await self._enter(tx, status, problem)
            if not await kit_queries.finish_work(tx, self._lease.token):
                raise LeaseLost(self._version.id)
            await announce(tx, self._version.model_api_id)
        return True

    async def _put(self, tx: Transaction, served: Served, state: State) -> None:
        await queries.put_replica(
            tx, served.id, self._version.id, self._tools.node, state, served.address, served.problem
        )
        if state is State.ENDED:
            await self._tools.datasets.release(tx, served.id)

    async def _enter(self, tx: Transaction, status: str, problem: str | None) -> list[int]:
        """Moves the version to a status; the numbers of the older versions that end therefore."""
        version = self._version
        if not await lifecycle.move(tx, version.id, status, problem):
            await queries.set_problem(tx, version.id, problem)
            return []
        ended: list[int] = []
        if status == lifecycle.RUNNING and not self.is_open:
            ended = await queries.supersede(tx, version.model_api_id, version.number)
            await kit_queries.notify(tx, KIND)
            await self._record(tx, "modelApi.versionReleased", replaced=ended)
        elif status == lifecycle.RUNNING:
            await self._record(tx, "modelApi.versionRecovered")
        elif action := _EVENTS.get(status):
            await self._record(tx, action, **({"problem": problem} if problem else {}))
        return ended

    def _tell(self, status: str, ended: list[int]) -> None:
        self._log.deployment(f"Version {self._version.number} is {status.lower()}")
        for number in ended:
            self._log.deployment(f"Version {number} is not wanted any more, since this one runs")

    async def _record(self, tx: Transaction, action: str, **details: object) -> None:
        version = self._version
        await events.record(
            tx, None, action, "modelApi", version.model_api_id,
            project_id=version.project_id, version=version.number, **details,
        )  # fmt: skip
