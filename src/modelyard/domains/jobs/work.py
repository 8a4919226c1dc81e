"""Jobs as durable work of a runner: which may start, which are to stop, and the life of each."""

import structlog

from modelyard.domains import environments, hardware_tiers
from modelyard.domains.environments import BuildState
from modelyard.domains.hardware_tiers import Node
from modelyard.domains.jobs import lifecycle, queries
from modelyard.domains.jobs.queries import Job, Outcome
from modelyard.domains.jobs.run import JobRun, Tools
from modelyard.domains.jobs.service import KIND
from modelyard.kit import events
from modelyard.kit import queries as kit_queries
from modelyard.kit.db import Transaction
from modelyard.kit.work import Kind, Lease

log = structlog.get_logger()


class JobWork:
    """The jobs of one node."""

    def __init__(self, tools: Tools, node: Node) -> None:
        self._tools = tools
        self._db = tools.db
        self._node = node
        self._runs: dict[str, JobRun] = {}

    @property
    def kind(self) -> Kind:
        """The kind of work that runs jobs."""
        return Kind(KIND, self._claim, self._perform)

    async def _claim(self, holder: str, seconds: float) -> list[Lease]:
        await self._pass_on_stops()
        await self._end_waiting_for_builds()
        await hardware_tiers.admit(self._db, self._node)
        return await kit_queries.claim_admitted(self._db, holder, seconds, KIND)

    async def _perform(self, lease: Lease) -> None:
        run = JobRun(self._tools, self._node, lease)
        self._runs[lease.subject_id] = run
        try:
            await run.live()
        finally:
            self._runs.pop(lease.subject_id, None)

    async def _pass_on_stops(self) -> None:
        if not self._runs:
            return
        for job_id in await queries.stopping_jobs(self._db, self._node.name):
            if run := self._runs.get(job_id):
                run.ask_to_stop()

    async def _end_waiting_for_builds(self) -> None:
        """Queues the jobs whose environment is built by now, and ends those whose build failed."""
        awaited = await queries.awaited_revisions(self._db)
        if not awaited:
            return
        for revision_id, state in (await environments.finished_builds(self._db, awaited)).items():
            settle = _queue if state is BuildState.SUCCEEDED else _give_up
            async with self._db.transaction() as tx:
                for job in await queries.jobs_awaiting(tx, revision_id):
                    await settle(tx, job)


async def _queue(tx: Transaction, job: Job) -> None:
    tier = await hardware_tiers.find_tier(tx, job.hardware_tier_id)
    assert tier is not None  # noqa: S101 - tiers are archived, never deleted
    await queries.end_waiting(tx, [job.id])
    await hardware_tiers.queue_execution(tx, job.id, "job", tier, job.started_by_id)


async def _give_up(tx: Transaction, job: Job) -> None:
    if not await kit_queries.cancel_work(tx, KIND, job.id):
        return
    problem = "The environment revision could not be built; its build log says why."
    await lifecycle.move(tx, job.id, lifecycle.ERROR)
    await queries.set_outcome(tx, job.id, Outcome(problem=problem))
    await events.record(tx, None, "job.ended", "job", job.id, project_id=job.project_id, status="Error")
