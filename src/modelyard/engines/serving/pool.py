"""Endpoints on an event loop: the replicas of one version of a model behind one bounded queue."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence

from modelyard.engines.serving import (
    Answer,
    CallTimeout,
    Endpoint,
    Endpoints,
    NoReplica,
    QueueFull,
    ReplicaLost,
)
from modelyard.engines.serving.calls import Call, new_call
from modelyard.engines.serving.link import Link, LinkState

# How long requests wait for a replica that can be reached before they are refused.
PATIENCE_SECONDS = 5.0
# A replica that has said nothing for so long is not given a second request while it works.
STALLED_SECONDS = 0.02
# Deadlines are looked at no more often than this.
_TICK = 0.01

_NONE = "No replica of the model is running."
_AWAY = "No replica of the model can be reached at the moment; try again a little later."
_LOST = "The model's process ended while it worked on this request, which may have had effects."
_CLOSING = "The server is stopping; try again a little later."


class LocalEndpoints(Endpoints):
    """Replicas of this machine, called by their sockets."""

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds

    def open(self, *, queue_size: int) -> "LocalEndpoint":
        """An endpoint without replicas whose queue holds so many requests; needs a running event loop."""
        return LocalEndpoint(queue_size, self._patience)


class LocalEndpoint(Endpoint):
    """One version of a model on one event loop."""

    def __init__(self, queue_size: int, patience_seconds: float) -> None:
        self._queue_size = queue_size
        self._patience = patience_seconds
        self._loop = asyncio.get_running_loop()
        self._links: dict[str, Link] = {}
        self._up: list[Link] = []
        self._retired: set[Link] = set()
        self._waiting: OrderedDict[Call, None] = OrderedDict()
        self._sequence = 0
        self._room, self._most, self._pure = 1, 2, False
        self._deadline = math.inf
        self._expiring: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.TimerHandle | None = None
        self._refusing: str | None = _NONE

    @property
    def waiting(self) -> int:
        """How many requests wait for a replica."""
        return len(self._waiting)

    def use(self, addresses: Sequence[str], *, concurrency: int, pure: bool, max_batch_size: int = 1) -> None:
        """Replaces the replicas that are called; those no longer named still answer what they were given."""
        self._room = concurrency * max_batch_size
        # While a batch is worked on, the next one gathers before the replica; so does one quick request.
        self._most = 2 * self._room if max_batch_size > 1 or concurrency == 1 else self._room
        self._is_batching = max_batch_size > 1
        self._pure = pure
        gone = [address for address in self._links if address not in addresses]
        for address in gone:
            link = self._links.pop(address)
            self._retired.add(link)
            link.retire()
        for address in addresses:
            if address not in self._links:
                self._links[address] = Link(address, self, self._loop)
        self._refusing = None if self._links else _NONE
        self._stop_giving_up()
        self.changed()

    async def call(self, body: bytes, request_id: str, timeout_seconds: float) -> Answer:
        """Asks the replica with the fewest outstanding requests; see Endpoint."""
        now = self._loop.time()
        call = new_call(body, request_id, now + timeout_seconds, self._loop)
        link = None if self._waiting else self._choose(now)
        if link is not None:
            self._sequence = link.used_at = self._sequence + 1
            link.send(call, now)
        else:
            self._queue(call)
        if call.deadline < self._deadline:
            self._expire_at(call.deadline)
        try:
            return await call.answered
        except asyncio.CancelledError:
            self._waiting.pop(call, None)
            raise

    async def close(self) -> None:
        """Gives up all connections; requests that wait are refused with NoReplica."""
        self._refusing = _CLOSING
        for link in (*self._links.values(), *self._retired):
            link.close()
        self._links, self._up, self._retired = {}, [], set()
        self._refuse_waiting()
        self._stop_giving_up()
        if self._expiring is not None:
            self._expiring.cancel()

    def changed(self) -> None:
        """A link came up or went."""
        self._up = [link for link in self._links.values() if link.state is LinkState.UP]
        self._retired = {link for link in self._retired if link.state is not LinkState.CLOSED}
        if self._up:
            self._stop_giving_up()
            self._refusing = None
            self.freed()
        elif self._refusing is None and self._giving_up is None:
            self._giving_up = self._loop.call_later(self._patience, self._give_up)
        elif self._refusing is not None:
            self._refuse_waiting()

    def freed(self) -> None:
        """Sends what waits to who has room."""
        while self._waiting:
            now = self._loop.time()
            link = self._choose(now)
            if link is None:
                return
            call, _ = self._waiting.popitem(last=False)
            if not call.is_over:
                self._sequence = link.used_at = self._sequence + 1
                link.send(call, now)

    def lost(self, begun: list[Call], unbegun: list[Call]) -> None:
        """Asks others what a replica has not begun, or may do again; tells the callers of the rest."""
        again = []
        for call in begun:
            if self._pure and not call.was_begun:
                call.was_begun = True
                again.append(call)
            else:
                call.fail(ReplicaLost(_LOST))
        for call in reversed(again + unbegun):
            self._waiting[call] = None
            self._waiting.move_to_end(call, last=False)

    def _choose(self, now: float) -> Link | None:
        """The link with the fewest outstanding requests that has room; of several the one unused for longest."""
        best, least = None, self._most
        for link in self._up:
            load = len(link.outstanding)
            if load > least or link.state is not LinkState.UP:
                continue
            if load >= self._room and not self._takes_more(link, load, now):
                continue
            if load < least or (best is not None and link.used_at < best.used_at):
                best, least = link, load
        return best

    def _takes_more(self, link: Link, load: int, now: float) -> bool:
        """Whether a replica that has as much as it can do is given what it will do next."""
        if load >= self._most:
            return False
        return self._is_batching or (link.is_quick and now - link.heard_at < STALLED_SECONDS)

    def _queue(self, call: Call) -> None:
        if self._refusing is not None:
            raise NoReplica(self._refusing)
        if len(self._waiting) >= self._queue_size:
            raise QueueFull(
                f"{self._queue_size} requests wait for this model, as many as may; try again a little later."
            )
        self._waiting[call] = None

    def _expire_at(self, deadline: float) -> None:
        if self._expiring is not None:
            self._expiring.cancel()
        self._deadline = deadline
        self._expiring = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        """Tells the callers whose time is over; a replica's late answer is dropped when it comes."""
        now, nearest = self._loop.time(), math.inf
        for call in list(self._waiting):
            if call.deadline <= now:
                del self._waiting[call]
                call.fail(CallTimeout("No replica of the model was free in time; try again a little later."))
            else:
                nearest = min(nearest, call.deadline)
        for link in (*self._links.values(), *self._retired):
            for call in link.outstanding.values():
                if call.is_over:
                    continue
                if call.deadline <= now:
                    call.fail(CallTimeout("The model did not answer in time."))
                else:
                    nearest = min(nearest, call.deadline)
        for link in list(self._retired):
            link.close_if_done()
        self._deadline, self._expiring = math.inf, None
        if nearest < math.inf:
            self._expire_at(max(nearest, now + _TICK))

    def _give_up(self) -> None:
        self._giving_up = None
        self._refusing = _AWAY
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        while self._waiting:
            call, _ = self._waiting.popitem(last=False)
            call.fail(NoReplica(self._refusing or _AWAY))

    def _stop_giving_up(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
