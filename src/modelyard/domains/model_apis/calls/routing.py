"""Where calls go: what is known of model APIs is kept until it changes, and each version has one endpoint.

It is known by one query, and forgotten when a notification says that it has changed. While nobody listens for
notifications nothing is kept, unless the database is away: then nobody can change anything.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import structlog

from modelyard.domains.model_apis.calls import queries
from modelyard.domains.model_apis.calls.queries import Routes, Served
from modelyard.domains.model_apis.calls.releases import release_of
from modelyard.domains.model_apis.queries import CHANNEL
from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Interface
from modelyard.engines.serving import Answer, Endpoint, Endpoints, NoReplica
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import Failure, NotFound, Unavailable
from modelyard.kit.ids import is_id
from modelyard.kit.listening import listen

log = structlog.get_logger()

# How many ids of which nothing is known are remembered.
STRANGERS_KEPT = 1024

# The newest version that runs, the one in production, or the one with this number.
Choice = Literal["latest", "prod"] | int


class Destination:
    """A version that can be called. It lives on while it answers what it was asked, also when it is over."""

    def __init__(self, served: Served, endpoint: Endpoint) -> None:
        self.served = served
        self.release = release_of(served)
        self._endpoint = endpoint
        self._used: tuple[Sequence[str], Interface] | None = None
        self._asked = 0
        self._is_over = False
        self._closing: asyncio.Task[None] | None = None

    async def call(self, body: bytes, request_id: str, timeout_seconds: float) -> Answer:
        """Asks the version; see `Endpoint.call`."""
        self._asked += 1
        try:
            return await self._endpoint.call(body, request_id, timeout_seconds)
        finally:
            self._asked -= 1
            if self._is_over:
                self._close_if_idle()

    def update(self, served: Served) -> None:
        """What is known of the version now.

        One that has lost its replicas and is to have new ones keeps those it had: who waits gets the new ones.
        """
        self.served = served
        interface = served.interface or Interface()
        if not served.addresses and served.is_wanted and self._used is not None:
            return
        if self._used != (served.addresses, interface):
            self._used = (served.addresses, interface)
            self._endpoint.use(
                served.addresses,
                concurrency=interface.concurrency,
                pure=interface.pure,
                max_batch_size=interface.max_batch_size,
            )

    def end(self) -> None:
        """The version is not served any more; who waits is refused, who is being answered is answered."""
        self._is_over = True
        self._endpoint.use((), concurrency=1, pure=False)
        self._close_if_idle()

    async def close(self) -> None:
        """Gives up everything."""
        await self._endpoint.close()

    def _close_if_idle(self) -> None:
        if not self._asked and self._closing is None:
            self._closing = asyncio.ensure_future(self._endpoint.close())


class Route:
    """One model API: what is known of it, and the versions that can be called."""

    def __init__(self, routes: Routes, destinations: dict[str, Destination]) -> None:
        self.routes = routes
        self.token_ids = {digest: token_id for token_id, digest in routes.token_digests.items()}
        self._destinations = destinations
        self._chosen: dict[Choice, Destination] = {}

    def choose(self, choice: Choice) -> Destination:
        """The version that is meant; raises NotFound when there is none, Unavailable when it does not run."""
        chosen = self._chosen.get(choice)
        if chosen is None:
            chosen = self._chosen[choice] = self._choose(choice)
        return chosen

    def _choose(self, choice: Choice) -> Destination:
        served = self._meant(choice)
        destination = self._destinations.get(served.version_id)
        if destination is None:
            raise Unavailable(
                f"Version {served.number} of the model API does not run: its status is {served.status}. Call"
                " another version, or ask its owners to start it."
            )
        return destination

    def _meant(self, choice: Choice) -> Served:
        if choice == "latest":
            return self.latest
        for served in self.routes.versions:
            if served.is_production if choice == "prod" else served.number == choice:
                return served
        if choice == "prod":
            raise NotFound("No version of the model API is in production; call the latest, or promote one.")
        raise NotFound(f"The model API has no version {choice}.")

    @property
    def latest(self) -> Served:
        """The newest version that runs, else the newest that runs again soon, else the newest."""
        versions = self.routes.versions
        for status in (lifecycle.RUNNING, lifecycle.STALLED):
            for served in versions:
                if served.status == status:
                    return served
        if not versions:
            raise Unavailable("The model API has no version.")
        return versions[0]


class Router:
    """The routes of all model APIs, for one process.

    `listen` must run beside it. Endpoints belong to the event loop.
    """

    def __init__(self, db: Database, dsn: str, endpoints: Endpoints, queue_size: int) -> None:
        self._db = db
        self._dsn = dsn
        self._endpoints = endpoints
        self._queue_size = queue_size
        self._is_listening = False
        self._routes: dict[str, Route] = {}
        # What was known when the database went away.
        self._last_known: dict[str, Route] = {}
        self._strangers: dict[str, None] = {}
        self._reading: dict[str, _Reading] = {}
        self._destinations: dict[str, dict[str, Destination]] = {}

    async def listen(self) -> None:
        """Hears of changes until it is cancelled."""
        await listen(self._dsn, CHANNEL, self._heard, began=self._began, lost=self._lost)

    def known(self, model_api_id: str) -> Route | None:
        """The route of a model API if it is at hand."""
        return self._routes.get(model_api_id)

    async def find(self, model_api_id: str) -> Route | None:
        """The route of a model API, or None for an unknown or archived one; who asks meanwhile gets the same.

        Raises Unavailable when the database is away and nothing was known before.
        """
        route = self._routes.get(model_api_id)
        if route is not None or model_api_id in self._strangers or not is_id(model_api_id):
            return route
        try:
            return await asyncio.shield(self._read(model_api_id))
        except Unavailable:
            if (last := self._last_known.get(model_api_id)) is None:
                raise
            return last

    async def call(
        self, route: Route, choice: Choice, body: bytes, request_id: str, timeout_seconds: float
    ) -> tuple[Destination, Answer]:
        """Asks the chosen version; raises what `Route.choose` and `Endpoint.call` raise.

        A version that is replaced refuses who waits for it: nobody has begun that, so the next one is asked.
        """
        destination = route.choose(choice)
        try:
            return destination, await destination.call(body, request_id, timeout_seconds)
        except NoReplica:
            now = await self.find(route.routes.model_api_id)
            other = now.choose(choice) if now else destination
            if other is destination:
                raise
        return other, await other.call(body, request_id, timeout_seconds)

    def forget(self, model_api_id: str) -> None:
        """Has what is known read again before the next call: whoever has changed it calls this on commit."""
        for known in (self._routes, self._last_known, self._strangers):
            known.pop(model_api_id, None)
        if reading := self._reading.get(model_api_id):
            reading.is_outdated = True

    @asynccontextmanager
    async def changing(self, model_api_id: str) -> AsyncIterator[Transaction]:
        """A transaction that changes what calls depend on: for the next call it has been made."""
        try:
            async with self._db.transaction() as tx:
                yield tx
        finally:
            self.forget(model_api_id)

    async def close(self) -> None:
        """Gives up all endpoints."""
        for reading in self._reading.values():
            reading.task.cancel()
        open_ones = [one for those in self._destinations.values() for one in those.values()]
        self._destinations = {}
        await asyncio.gather(*(one.close() for one in open_ones))

    def _heard(self, model_api_id: str) -> None:
        self.forget(model_api_id)
        if model_api_id in self._destinations:  # somebody may wait there for the replicas that have come
            self._read(model_api_id)

    def _began(self) -> None:
        self._is_listening = True
        self._forget_all()
        self._last_known = {}
        for model_api_id in self._destinations:
            self._read(model_api_id)

    def _lost(self) -> None:
        self._is_listening = False
        self._last_known |= self._routes
        self._forget_all()

    def _forget_all(self) -> None:
        self._routes.clear()
        self._strangers.clear()
        for reading in self._reading.values():
            reading.is_outdated = True

    def _read(self, model_api_id: str) -> "asyncio.Task[Route | None]":
        reading = self._reading.get(model_api_id)
        if reading is None:
            reading = self._reading[model_api_id] = _Reading()
            reading.task = asyncio.create_task(self._read_until_true(model_api_id, reading))
            reading.task.add_done_callback(_note_failure)
        return reading.task

    async def _read_until_true(self, model_api_id: str, reading: "_Reading") -> Route | None:
        """Reads again when it has changed meanwhile: nobody gets what was forgotten before they asked."""
        try:
            while True:
                reading.is_outdated = False
                routes = await queries.routes_of(self._db, model_api_id)
                if not reading.is_outdated:
                    return self._take(model_api_id, routes)
        finally:
            del self._reading[model_api_id]

    def _take(self, model_api_id: str, routes: Routes | None) -> Route | None:
        destinations = self._updated(model_api_id, routes)
        if routes is None:
            self._last_known.pop(model_api_id, None)
            if self._is_listening:
                self._strangers[model_api_id] = None
                if len(self._strangers) > STRANGERS_KEPT:
                    del self._strangers[next(iter(self._strangers))]
            return None
        route = Route(routes, destinations)
        (self._routes if self._is_listening else self._last_known)[model_api_id] = route
        return route

    def _updated(self, model_api_id: str, routes: Routes | None) -> dict[str, Destination]:
        """The versions of a model API that can be called; those that are over are ended."""
        # A copy: who has found the route before may still choose from what it had.
        before = dict(self._destinations.pop(model_api_id, {}))
        after: dict[str, Destination] = {}
        for served in routes.versions if routes else ():
            if not served.addresses and served.status not in {lifecycle.RUNNING, lifecycle.STALLED}:
                continue
            destination = before.pop(served.version_id, None)
            if destination is None:
                destination = Destination(served, self._endpoints.open(queue_size=self._queue_size))
            destination.update(served)
            after[served.version_id] = destination
        for destination in before.values():
            destination.end()
        if after:
            self._destinations[model_api_id] = after
        return after


class _Reading:
    """A query that is under way; `is_outdated` when something has changed since it was sent."""

    task: "asyncio.Task[Route | None]"
    is_outdated = False


def _note_failure(task: "asyncio.Task[Route | None]") -> None:
    """Those who wait get the failure; when nobody does, it is none of theirs."""
    if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Failure):
        log.error("routes cannot be read", exc_info=error)
