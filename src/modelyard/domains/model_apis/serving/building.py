"""Building a version: what its replicas need is made once and kept, so that later starts find it."""

import asyncio
from collections.abc import Callable

from modelyard.domains import environments
from modelyard.domains.environments import BuildState
from modelyard.domains.model_apis.queries import announce
from modelyard.domains.model_apis.serving import queries
from modelyard.domains.model_apis.serving.log import VersionLog
from modelyard.domains.model_apis.serving.places import VersionPlace
from modelyard.domains.model_apis.serving.requirements import build_of
from modelyard.domains.model_apis.serving.tools import CannotServe, ServingTools
from modelyard.domains.model_apis.versions import lifecycle
from modelyard.domains.model_apis.versions.queries import Version
from modelyard.domains.registered_models import location_of
from modelyard.engines.builds import BuildFailed, BuildRequest, Built
from modelyard.kit import events
from modelyard.kit.db import Transaction
from modelyard.kit.errors import Failure, Unavailable
from modelyard.kit.work import Lease, applying, patiently


class Building:
    """The build of one version; it may be done again from the start."""

    def __init__(
        self, tools: ServingTools, lease: Lease, version: Version, log: VersionLog, one_of_few: asyncio.Semaphore
    ) -> None:
        self._tools = tools
        self._db = tools.db
        self._lease = lease
        self._version = version
        self._log = log
        self._one_of_few = one_of_few

    async def build(self) -> bool:
        """Builds; False when that failed, and the work is finished."""
        try:
            if self._version.source.type == "File":
                await patiently(self._check_revision)
                await patiently(lambda: self._done(None))
            else:
                async with self._one_of_few:
                    await patiently(self._begin)
                    await self._build_registered()
        except CannotServe as reason:
            problem = str(reason)
            self._log.build(problem)
            await patiently(lambda: self._fail(problem))
            return False
        return True

    async def _check_revision(self) -> None:
        """The environment of a file is built by itself; its own log says how."""
        revision_id = self._version.environment_revision_id
        state = (await environments.finished_builds(self._db, [revision_id])).get(revision_id)
        if state is BuildState.FAILED:
            raise CannotServe("The environment revision could not be built; its build log says why.")
        if state is None:
            raise Unavailable(f"The environment revision {revision_id} is still being built.")
        built = await environments.built_revision(self._db, self._tools.vault, revision_id)
        self._log.build(
            f"Environment {built.environment_id}, revision {built.number} is built; its build log says how."
        )

    async def _build_registered(self) -> None:
        try:
            await copy_model(self._tools, self._version, self._log.build)
            model = VersionPlace(self._tools.models, self._version.id).model
            request = await asyncio.to_thread(build_of, model)
            built = await self._tools.builder.build(request, self._log.build)
        except BuildFailed as reason:
            raise CannotServe(f"The packages that the model requires cannot be installed. {reason}") from reason
        except OSError as error:
            raise CannotServe(f"The model cannot be stored: {error.strerror or error}.") from error
        self._log.build("The model's environment is built.")
        await patiently(lambda: self._done((request, built)))

    async def _begin(self) -> None:
        async with applying(self._db, self._lease) as tx:
            await lifecycle.move(tx, self._version.id, lifecycle.BUILDING)

    async def _done(self, built: tuple[BuildRequest, Built] | None) -> None:
        async with applying(self._db, self._lease) as tx:
            await lifecycle.move(tx, self._version.id, lifecycle.BUILDING)
            if not await lifecycle.move(tx, self._version.id, lifecycle.READY_TO_RUN):
                return
            if built is not None:
                request, made = built
                await queries.set_build(tx, self._version.id, made.key, made.lock, request.image)
            await self._record(tx, "modelApi.versionBuilt")

    async def _fail(self, problem: str) -> None:
        async with applying(self._db, self._lease, finish=True) as tx:
            if await lifecycle.move(tx, self._version.id, lifecycle.FAILED, problem):
                await self._record(tx, "modelApi.versionFailed", problem=problem)

    async def _record(self, tx: Transaction, action: str, **details: object) -> None:
        version = self._version
        await announce(tx, version.model_api_id)
        await events.record(
            tx, None, action, "modelApi", version.model_api_id,
            project_id=version.project_id, version=version.number, **details,
        )  # fmt: skip


async def copy_model(tools: ServingTools, version: Version, say: Callable[[str], None]) -> None:
    """Has the files of a registered model in the version's folder, whatever becomes of the registered one.

    Raises CannotServe when they are gone, OSError when they cannot be stored.
    """
    source, model_id = version.source, version.registered_model_id or ""
    number = version.registered_model_version or 0
    name = f"{source.registered_model_name}, version {number}"
    location = await patiently(lambda: location_of(tools.db, model_id, number))
    if location is None:
        raise CannotServe(f"The registered model {name} is deleted.")
    place = VersionPlace(tools.models, version.id)
    try:
        # What no replica can write to may share the disk with the original.
        count = await asyncio.to_thread(place.copy_model, tools.artifacts, location, link=tools.isolated)
    except Failure as failure:
        raise CannotServe(f"The files of the registered model {name} cannot be had: {failure}") from failure
    say(f"Registered model {name}: {count:,} {'file' if count == 1 else 'files'}")
