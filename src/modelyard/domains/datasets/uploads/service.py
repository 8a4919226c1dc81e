"""How uploads into datasets are begun, filled, ended and cancelled."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import copy_context
from functools import partial

import structlog

from modelyard.domains.datasets.access import DatasetAccess
from modelyard.domains.datasets.files.queries import set_extent
from modelyard.domains.datasets.files.service import tightest_quota
from modelyard.domains.datasets.storage import Storage, live_folder
from modelyard.domains.datasets.uploads import queries
from modelyard.domains.datasets.uploads.queries import LiveDataset
from modelyard.domains.datasets.uploads.receiving import receive
from modelyard.domains.users import find_user
from modelyard.engines.folders import Extent, LiveFolder
from modelyard.engines.uploads import (
    Body,
    Chunk,
    Collision,
    Landed,
    SentFile,
    Settle,
    UploadSessions,
)
from modelyard.kit import events
from modelyard.kit.db import Database
from modelyard.kit.events import Actor
from modelyard.kit.safe_path import SafePath
from modelyard.kit.threads import apart

log = structlog.get_logger()


class DatasetUploads:
    """The uploads into all datasets: one for the whole application."""

    def __init__(self, storage: Storage, max_file_bytes: int) -> None:
        self._storage = storage
        self._sessions = UploadSessions(max_file_bytes)
        self._clearings: set[asyncio.Task[None]] = set()

    async def start(self, db: Database, access: DatasetAccess, collision: Collision) -> str:
        """Begins an upload; its key."""
        dataset, caller = access.dataset, access.caller
        live, quota = (
            await live_folder(db, self._storage, dataset.id),
            await tightest_quota(db, self._storage, dataset.id, dataset.name),
        )
        key = await asyncio.to_thread(self._sessions.start, live, caller.id, collision, quota)
        async with db.transaction() as tx:
            await events.record(
                tx, caller, "dataset.uploadStarted", "dataset", dataset.id, project_id=dataset.project_id,
                upload=key, fileCollisionSetting=collision.value,
            )  # fmt: skip
        return key

    async def has(
        self, access: DatasetAccess, key: str, file: SentFile | None, number: int, checksum: bytes
    ) -> bool:
        """Whether a chunk was received; raises NotFound for the key of somebody else, or of nobody."""

        def look() -> bool:
            live = self._storage.folders.live(access.dataset.id)
            return self._sessions.has(live, access.caller.id, key, file, number, checksum)

        return await asyncio.to_thread(look)

    async def receive(self, access: DatasetAccess, key: str, chunk: Chunk, stream: AsyncIterator[bytes]) -> None:
        """Takes a chunk from the body of its request; raises BadRequest, NotFound and TooLarge."""
        with Body(lambda: self._storage.folders.live(access.dataset.id).staging) as body:
            rest = await receive(stream, chunk.length, body)

            def keep() -> None:
                body.add(rest)
                self._sessions.receive(
                    self._storage.folders.live(access.dataset.id), access.caller.id, key, chunk, body
                )

            await asyncio.to_thread(keep)

    async def end(self, db: Database, access: DatasetAccess, key: str, target: SafePath) -> Landed:
        """Puts everything that was received into the live files; once more, it says again what it was."""
        dataset, caller = access.dataset, access.caller
        live, quota = (
            await live_folder(db, self._storage, dataset.id),
            await tightest_quota(db, self._storage, dataset.id, dataset.name),
        )
        settle = _settling(db, LiveDataset(dataset.id, dataset.project_id), caller)
        landed = await apart(lambda: self._sessions.end(live, caller.id, key, target, quota, settle))
        self._clear_soon(live)
        return landed

    def _clear_soon(self, live: LiveFolder) -> None:
        """Many files take longer to remove than to move: nobody need wait for it."""
        clearing = asyncio.create_task(apart(lambda: self._sessions.clear(live)))
        self._clearings.add(clearing)
        clearing.add_done_callback(self._clearings.discard)

    async def cancel(self, db: Database, access: DatasetAccess, key: str) -> None:
        """Forgets an upload; raises BadRequest when it was ended."""
        dataset, caller = access.dataset, access.caller
        live = await live_folder(db, self._storage, dataset.id)
        if await apart(lambda: self._sessions.cancel(live, caller.id, key)):
            async with db.transaction() as tx:
                await events.record(
                    tx, caller, "dataset.uploadCancelled", "dataset", dataset.id,
                    project_id=dataset.project_id, upload=key,
                )  # fmt: skip

    async def recover(self, db: Database) -> None:
        """Finishes the uploads that were being ended when the API died, and removes what nobody wants any more."""
        for dataset in await queries.uploaded_datasets(db):
            try:
                await apart(partial(self._recover, dataset.id, _settling(db, dataset, None)))
            except OSError:
                log.exception("uploads into a dataset could not be looked through", dataset_id=dataset.id)

    def _recover(self, dataset_id: str, settle: Settle) -> None:
        self._sessions.recover(self._storage.folders.live(dataset_id), settle)


def _settling(db: Database, dataset: LiveDataset, actor: Actor | None) -> Settle:
    """Notes in the database what an upload brought, as asked for by a thread in the name of this request."""
    loop, context = asyncio.get_running_loop(), copy_context()

    def settle(landed: Landed, extent: Extent) -> None:
        noting = _settle(db, dataset, actor, landed, extent)
        context.run(asyncio.run_coroutine_threadsafe, noting, loop).result()

    return settle


async def _settle(db: Database, dataset: LiveDataset, actor: Actor | None, landed: Landed, extent: Extent) -> None:
    actor = actor or await find_user(db, landed.account_id)
    async with db.transaction() as tx:
        await set_extent(tx, dataset.id, extent.files, extent.bytes)
        await events.record(
            tx, actor, "dataset.filesUploaded", "dataset", dataset.id, project_id=dataset.project_id,
            upload=landed.key, folder=landed.target, files=landed.files, bytes=landed.bytes,
            ignoredFiles=landed.ignored, renamedFiles=landed.renamed,
        )  # fmt: skip
