"""The replicas of one version: as many as are wanted, replaced when they fail, ended when they are not wanted.

One loop decides and stores; replicas only tell it that something has changed. So the rows say of no replica that
it is there before it is, and nobody is drained before everybody has been told not to call it.
"""

import asyncio
import contextlib
import time
from datetime import UTC, datetime

from modelyard.domains.model_apis.serving import queries
from modelyard.domains.model_apis.serving.health import Rules
from modelyard.domains.model_apis.serving.log import VersionLog
from modelyard.domains.model_apis.serving.preparing import Preparing
from modelyard.domains.model_apis.serving.queries import Target
from modelyard.domains.model_apis.serving.replica import Served, State
from modelyard.domains.model_apis.serving.standing import Standing
from modelyard.domains.model_apis.serving.tools import ServingTools
from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Version
from modelyard.kit.ids import new_id
from modelyard.kit.work import LeaseLost, patiently

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 30.0
# A replica that was ready for so long was healthy: what comes after it is not a row of failures.
HEALTHY_SECONDS = 60.0
# What it may take to store that replicas have ended, when the runner ends.
LEAVE_SECONDS = 5.0
# So many failures in a row are told one by one.
TOLD_FAILURES, TOLD_EVERY = 5, 20


class Replicas:
    """The replicas of one version in the hands of this runner.

    A version that is started for the first time, or by hand, fails with its first replica that does (`again` is
    false); one that has run before goes on trying.
    """

    def __init__(
        self,
        tools: ServingTools,
        version: Version,
        target: Target,
        standing: Standing,
        log: VersionLog,
        *,
        again: bool,
    ) -> None:
        self._tools = tools
        self._version = version
        self._target = target
        self._standing = standing
        self._log = log
        self._again = again
        self._preparing = Preparing(tools, version, log)
        self._all: dict[str, Served] = {}
        self._noted: set[str] = set()
        self._changed = asyncio.Event()
        self._failures = 0
        self._not_before = 0.0
        self._problem: str | None = None

    def aim(self, target: Target) -> None:
        """Takes note of what the version is to be now."""
        if target != self._target:
            self._target = target
            self._changed.set()

    async def adopt(self) -> None:
        """Goes on with the replicas that an earlier runner started, as far as they live."""
        stored = await patiently(
            lambda: queries.living_replicas(self._tools.db, self._version.id, self._tools.node)
        )
        for one in stored:
            program = await patiently(lambda one=one: self._preparing.bare(one.id))  # type: ignore[misc]
            served = self._new(one.id)
            replica = self._tools.serving.adopt(program)
            if replica is None:
                served.lost()
            else:
                age = (datetime.now(UTC) - one.started_at).total_seconds()
                served.adopt(replica, State(one.state), max(0.0, age))
        lost = sum(one.is_lost for one in self._all.values())
        if stored:
            self._log.deployment(
                f"The runner was started again: {len(stored) - lost} replicas live, {lost} are gone"
            )
        if any(one.state is State.READY for one in self._all.values()):
            self._standing.reopen()

    async def serve(self) -> str | None:
        """Keeps the version as it is wanted until it is not wanted any more; else why it cannot be served."""
        while True:
            self._changed.clear()
            failed = self._note_failures()
            if failed is not None and not self._again and not self._standing.is_open:
                await self._end_all()
                return failed
            if self._target.is_wanted:
                self._scale()
            else:
                self._retire_all()
            await patiently(self._store)
            self._begin()
            if not self._all and not self._target.is_wanted:
                return None
            await self._rest()

    async def leave(self) -> None:
        """Ends all replicas soon, since this runner ends; the next one starts the version anew."""
        with contextlib.suppress(LeaseLost, TimeoutError):
            await asyncio.wait_for(self._end_all(), self._tools.stop_grace_seconds + LEAVE_SECONDS)

    def abandon(self) -> None:
        """Leaves the replicas to the runner's next try to look after them."""
        for served in self._all.values():
            served.abandon()

    def clean(self) -> None:
        """Removes what is made again at the next start. Blocks."""
        self._preparing.place.clean()

    async def _end_all(self) -> None:
        for served in self._all.values():
            served.stop()
        await asyncio.gather(*(served.over() for served in self._all.values()))
        self._note_failures()
        await patiently(self._store)

    def _scale(self) -> None:
        """Decides which replicas there are to be: new ones are begun when they are stored."""
        there = [one for one in self._all.values() if one.counts]
        missing = self._target.replicas - len(there)
        if missing > 0 and time.monotonic() >= self._not_before:
            for _ in range(missing):
                self._new(new_id())
        elif missing < 0:
            # Those that are not ready yet first, then the youngest.
            there.sort(key=lambda one: (one.state is State.READY, -int(one.id, 16)))
            self._log.deployment(f"{-missing} of {len(there)} replicas are not wanted any more and end")
            for one in there[:-missing]:
                one.retire()

    def _retire_all(self) -> None:
        there = [one for one in self._all.values() if one.counts]
        if there:
            self._log.deployment("The version is not wanted any more; its replicas end")
        for one in there:
            one.retire()

    def _new(self, replica_id: str) -> Served:
        served = Served(self._tools, replica_id, self._rules, self._changed.set)
        self._all[replica_id] = served
        return served

    def _rules(self) -> Rules:
        seconds = self._target.request_timeout_seconds or self._tools.request_timeout_seconds
        return Rules(self._target.health_check, seconds)

    def _begin(self) -> None:
        """Starts and drains those of which it is stored that they are about to be."""
        for served in list(self._all.values()):
            if served.stored is State.STARTING and not served.is_begun:
                anew = not any(one.is_begun and one.state is not State.ENDED for one in self._all.values())
                served.start(lambda served=served, anew=anew: self._preparing.program(served.id, anew=anew))  # type: ignore[misc]
            elif served.stored is State.DRAINING:
                served.let_go()
            elif served.stored is State.ENDED:
                del self._all[served.id]
                self._noted.discard(served.id)

    def _note_failures(self) -> str | None:
        """Takes account of replicas that have failed or ended; why the last of them failed."""
        problem = None
        for served in self._all.values():
            if served.id in self._noted or (served.problem is None and served.state is not State.ENDED):
                continue
            self._noted.add(served.id)
            if served.problem is None:
                self._log.deployment(f"Replica {served.id} has ended")
            elif not served.is_lost:
                problem = served.problem
                self._fail(served, problem)
        return problem

    def _fail(self, served: Served, problem: str) -> None:
        was_healthy = served.ready_at is not None and time.monotonic() - served.ready_at > HEALTHY_SECONDS
        self._failures = 1 if was_healthy else self._failures + 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self._failures - 1), LONGEST_PAUSE_SECONDS)
        self._not_before = time.monotonic() + pause
        self._problem = problem
        if self._failures > 1:
            row = f"{self._failures} replicas in a row have failed; another one is tried in {pause:.1f} seconds."
            self._problem = f"{row}\n{problem}"
        if self._failures <= TOLD_FAILURES or self._failures % TOLD_EVERY == 0:
            self._log.deployment(f"Replica {served.id} has failed. {problem}")

    async def _store(self) -> None:
        """Stores what has changed, all at once."""
        now = {served.id: served.state for served in self._all.values()}
        changed = [one for one in self._all.values() if one.stored is not now[one.id]]
        ready = [one for one in changed if now[one.id] is State.READY]
        description = next((one.description for one in ready if one.description is not None), None)
        count = sum(state is State.READY for state in now.values())
        status, problem = self._status(count)
        await self._standing.store(changed, now, status, problem, description)
        for one in changed:
            one.stored = now[one.id]
        for one in ready:
            self._log.deployment(f"Replica {one.id} is ready")

    def _status(self, ready: int) -> tuple[str | None, str | None]:
        """What the version is with so many replicas ready, and why; None where its end is decided elsewhere."""
        if not self._target.is_wanted:
            return None, None
        is_open = self._standing.is_open
        if ready and (is_open or self._again or ready >= self._target.replicas):
            return lifecycle.RUNNING, None
        if is_open or (self._again and self._failures):
            return lifecycle.STALLED, self._problem or "None of its replicas is there; they are started again."
        return lifecycle.STARTING, None

    async def _rest(self) -> None:
        """Waits until something has changed, or a replica may be tried again."""
        there = sum(one.counts for one in self._all.values())
        pause = None
        if self._target.is_wanted and there < self._target.replicas:
            pause = max(0.0, self._not_before - time.monotonic())
        try:
            await asyncio.wait_for(self._changed.wait(), pause)
        except TimeoutError:
            return
