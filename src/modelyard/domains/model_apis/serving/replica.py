"""One replica in the hands of this runner: prepared, started or adopted, watched, drained, ended."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import structlog

from modelyard.domains.model_apis.serving.health import Probes, Rules, is_idle
from modelyard.domains.model_apis.serving.places import ReplicaPlace
from modelyard.domains.model_apis.serving.tools import CannotServe, ServingTools
from modelyard.engines.compute import Exit
from modelyard.engines.logs import Follower
from modelyard.engines.serving import Description, NotReady, Replica, ReplicaProgram

log = structlog.get_logger()

FOLLOW_SECONDS, FOLLOW_IDLE_SECONDS = 0.1, 1.0
# Endpoints get so long to let go of a replica before it is told to end; not much longer when it stays busy.
LET_GO_SECONDS, LET_GO_AT_MOST_SECONDS, LOOK_SECONDS = 0.5, 5.0, 0.1
TAIL_BYTES = 2000

Program = Callable[[], Awaitable[ReplicaProgram]]


class State(StrEnum):
    """The states of a replica, as they are stored."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    ENDED = "ended"


class Served:
    """A replica; `changed` is called whenever its state has changed, `stored` is what its row says."""

    def __init__(
        self, tools: ServingTools, replica_id: str, rules: Callable[[], Rules], changed: Callable[[], None]
    ) -> None:
        self.id = replica_id
        self.state = State.STARTING
        self.stored: State | None = None
        self.address = ""
        self.problem: str | None = None
        self.description: Description | None = None
        self.ready_at: float | None = None
        self.is_lost = False
        self._tools = tools
        self._rules = rules
        self._changed = changed
        self._place = ReplicaPlace(tools.runs, replica_id)
        self._began = time.monotonic()
        self._replica: Replica | None = None
        self._task: asyncio.Task[None] | None = None
        self._retiring = asyncio.Event()
        self._let_go = asyncio.Event()

    @property
    def is_begun(self) -> bool:
        """Whether it has been started or adopted."""
        return self._task is not None

    @property
    def counts(self) -> bool:
        """Whether it is, or is about to be, one of those that are called."""
        return self.state in {State.STARTING, State.READY}

    def start(self, program: Program) -> None:
        """Prepares and starts it."""
        self._run(lambda: self._started(program))

    def adopt(self, replica: Replica, state: State, age_seconds: float) -> None:
        """Goes on with one that an earlier runner started."""
        self._began -= age_seconds
        self.state = self.stored = state
        self._replica, self.address = replica, replica.address
        if state is State.READY:
            self.ready_at = self._began
        if state is State.DRAINING:
            self._retiring.set()
            self._let_go.set()
        self._run(lambda: self._live(replica))

    def lost(self) -> None:
        """Notes the end of one that an earlier runner started and that is gone."""
        self.state, self.stored = State.DRAINING, State.STARTING
        self.problem, self.is_lost = "It was gone when the runner came back.", True
        self._run(self._finish_log)

    def retire(self) -> None:
        """Begins to end it: nobody is to call it any more. It is drained when `let_go` says that all know."""
        if self.state is State.STARTING:
            self.stop()
        elif self.state is State.READY:
            self.state = State.DRAINING
            self._retiring.set()

    def let_go(self) -> None:
        """Says that whoever routes calls has been told that it retires."""
        self._let_go.set()

    def stop(self) -> None:
        """Ends it soon; one that is still being prepared is never started."""
        if self.counts:
            self.state = State.DRAINING
        self._retiring.set()
        self._let_go.set()
        if self._task is None:
            self.state = State.ENDED
        elif self._replica is None:
            self._task.cancel()
        else:
            self._replica.stop(self._tools.stop_grace_seconds)

    def abandon(self) -> None:
        """Lets a later runner go on with it."""
        if self._task is not None:
            self._task.cancel()

    async def over(self) -> None:
        """Waits for its end."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def _run(self, life: Callable[[], Awaitable[None]]) -> None:
        self._task = asyncio.create_task(self._to_the_end(life))

    async def _to_the_end(self, life: Callable[[], Awaitable[None]]) -> None:
        try:
            await life()
        except CannotServe as reason:
            self.problem = str(reason)
        except Exception:
            log.exception("a replica could not be looked after", replica=self.id)
            self.problem = "The platform could not look after it; the server's log says why."
        finally:
            self.state = State.ENDED
            self._changed()

    async def _started(self, program: Program) -> None:
        made = await program()
        if self._retiring.is_set():
            return
        try:
            self._replica = self._tools.serving.start(made)
        except OSError as error:
            raise CannotServe(f"The model's process cannot be started: {error.strerror or error}.") from error
        self.address = self._replica.address
        await self._live(self._replica)

    async def _live(self, replica: Replica) -> None:
        ended = asyncio.ensure_future(replica.wait())
        following = asyncio.create_task(self._follow(ended))
        try:
            if self.state is State.STARTING:
                await self._become_ready(replica)
            if self.state is State.READY:
                await self._watch(replica, ended)
            await self._end(replica, ended)
            await following
        except Exception:
            replica.stop(self._tools.stop_grace_seconds)
            raise
        finally:
            following.cancel()
            ended.cancel()
        await asyncio.to_thread(self._place.clean)

    async def _become_ready(self, replica: Replica) -> None:
        asking = asyncio.ensure_future(replica.ready(self._tools.start_timeout_seconds))
        try:
            await _either(asking, self._retiring)
        finally:
            asking.cancel()
        if not asking.done():
            return
        try:
            self.description = asking.result()
        except NotReady as reason:
            said = str(reason)
            self.problem = said if "\n" in said else await self._with_tail(said)
            return
        if self.state is State.STARTING:
            self.state, self.ready_at = State.READY, time.monotonic()
            self._changed()

    async def _watch(self, replica: Replica, ended: asyncio.Future[Exit]) -> None:
        """Asks how it is until it ends, is ill or is to retire."""
        probes = Probes(self._began, self._rules())
        while self.problem is None:
            await _either(ended, self._retiring, probes.pause())
            if ended.done() or self._retiring.is_set():
                return
            self.problem = await probes.look(replica, self._rules())

    async def _end(self, replica: Replica, ended: asyncio.Future[Exit]) -> None:
        """Has it end: politely when it is to retire, else as soon as can be."""
        if self._retiring.is_set():
            await self._drain(replica, ended)
            await ended
            return
        if self.problem is None:
            self.problem = await self._with_tail(_how(await ended))
        # It is not called any more, and may be replaced.
        self.state = State.DRAINING
        self._changed()
        replica.stop(self._tools.stop_grace_seconds)
        await ended

    async def _drain(self, replica: Replica, ended: asyncio.Future[Exit]) -> None:
        await _either(ended, self._let_go)
        began = time.monotonic()
        while not ended.done() and time.monotonic() - began < LET_GO_AT_MOST_SECONDS:
            await asyncio.wait({ended}, timeout=LOOK_SECONDS)
            if time.monotonic() - began >= LET_GO_SECONDS and await is_idle(replica):
                break
        if not ended.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(replica.drain(), LET_GO_AT_MOST_SECONDS)
            # What it was given before is finished.
            await asyncio.wait({ended}, timeout=self._rules().request_timeout_seconds)
        if not ended.done():
            replica.stop(self._tools.stop_grace_seconds)

    async def _with_tail(self, said: str) -> str:
        """A sentence, and the last lines that it wrote on its standard error."""
        tail = await asyncio.to_thread(self._tools.logs.tail, self.id, ["stderr"], TAIL_BYTES)
        return f"{said}\n{tail.strip()}".strip()

    async def _follow(self, ended: asyncio.Future[Exit]) -> None:
        """Stamps its log until it has ended, seldom while nothing comes."""
        follower = await asyncio.to_thread(self._follow_log)
        pause = FOLLOW_SECONDS
        while not ended.done():
            stamped = await asyncio.to_thread(follower.advance)
            pause = FOLLOW_SECONDS if stamped else min(pause * 1.3, FOLLOW_IDLE_SECONDS)
            await asyncio.wait({ended}, timeout=pause)
        await asyncio.to_thread(follower.finish)

    def _follow_log(self) -> Follower:
        """A replica has no end that could be waited for: its log may begin anew."""
        return self._tools.logs.follow(self.id, self._tools.max_log_bytes, begins_anew=True)

    async def _finish_log(self) -> None:
        follower = await asyncio.to_thread(self._follow_log)
        await asyncio.to_thread(follower.finish)
        await asyncio.to_thread(self._place.clean)


def _how(ended: Exit) -> str:
    if ended.reason == "lost":
        return "Its process was ended from outside."
    return ended.reason or f"It ended with the exit code {ended.code}."


async def _either(future: asyncio.Future[Any], event: asyncio.Event, seconds: float | None = None) -> None:
    """Waits until something is done or an event is set, or the time is over."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({future, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
