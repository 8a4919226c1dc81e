"""How a run gets to see datasets, and what becomes known of them when it is over."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from modelyard.domains.datasets.files import service as files
from modelyard.domains.datasets.mounts import queries
from modelyard.domains.datasets.mounts.again import mount_again
from modelyard.domains.datasets.mounts.layout import (
    Layout,
    MountedFolder,
    by_dataset,
    live_path,
    names_of,
    snapshot_path,
)
from modelyard.domains.datasets.mounts.named import RESTORING_SECONDS, WantedMount, mount_named
from modelyard.domains.datasets.mounts.queries import Mount, Mountable, MountableSnapshot, NewMount
from modelyard.domains.datasets.service import RECLAIM, STORE
from modelyard.domains.datasets.snapshots import queries as snapshots
from modelyard.domains.datasets.snapshots.queries import NewSnapshot
from modelyard.domains.datasets.snapshots.service import add
from modelyard.domains.datasets.storage import Storage, live_folder, snapshot_hold
from modelyard.domains.users import Right
from modelyard.engines.blobs import Key
from modelyard.engines.folders import LiveFolder
from modelyard.kit import work
from modelyard.kit.db import Database, Transaction
from modelyard.kit.errors import Failure, reason_of
from modelyard.kit.ids import new_id
from modelyard.kit.threads import apart

# Of a dataset's snapshots a run sees those with a tag, and so many of the newest.
NEWEST_MOUNTED = 10


class DatasetMounter:
    """Lets runs see the datasets of their projects, with the roles of the account that they run for.

    Runs that are not isolated may write to whatever they see: all of it is looked through after them.
    """

    def __init__(self, db: Database, storage: Storage, *, isolated: bool) -> None:
        self._isolated = isolated
        self._db = db
        self._storage = storage

    async def mount(self, run_id: str, account_id: str, project_id: str, say: Callable[[str], None]) -> Layout:
        """What a run sees: own datasets writable for editors, shared ones and snapshots read-only.

        May be called again for the same run. Raises OSError, and Failure for what cannot be read.
        """
        datasets = [
            one
            for one in await queries.mountable(self._db, account_id, project_id)
            if Right.READ_DATASET_RW_V2 in one.rights
        ]
        if not datasets:
            return Layout()
        found = by_dataset(
            await queries.mountable_snapshots(self._db, [one.id for one in datasets], NEWEST_MOUNTED)
        )
        names = names_of(datasets, project_id)
        layout = Layout()
        for dataset in datasets:
            await self._mount(layout, run_id, dataset, names[dataset.id], project_id, found[dataset.id], say)
        return layout

    async def mount_again(
        self, run_id: str, account_id: str, original_id: str, copies: Path, say: Callable[[str], None]
    ) -> Layout:
        """What a run sees that is to find what another one found; its copies go into a folder of its own."""
        return await mount_again(self._db, self._storage, run_id, account_id, original_id, copies, say)

    async def mount_named(self, run_id: str, wanted: list[WantedMount]) -> list[MountedFolder]:
        """The folders of datasets and snapshots that are wanted one by one, in their order.

        May be called again for the same run. Raises OSError, and Failure for what cannot be had any more.
        """
        return await mount_named(self._db, self._storage, run_id, wanted)

    async def unmount(self, run_id: str, *, take_snapshots: bool, account_id: str) -> list[str]:
        """Notes what a run has left of the live files, and takes snapshots of those it could write to.

        May be called again for the same run; returns what is to be said of it in the run's log.
        """
        mounts = await queries.mounts_of(self._db, [run_id])
        if not mounts:
            return []
        async with self._db.transaction() as tx:
            await self._end(tx, run_id)
        written = [one for one in mounts if one.is_writable and not one.is_deleted]
        said = [line for one in written for line in await self._settle(one, account_id, take=take_snapshots)]
        # Not before: what is given back must not be looked at any more.
        async with self._db.transaction() as tx:
            await _give_back(tx)
        return said

    async def release(self, tx: Transaction, run_id: str) -> None:
        """Notes that a run sees nothing any more, without looking at what it has left."""
        if await self._end(tx, run_id):
            await _give_back(tx)

    async def _end(self, tx: Transaction, run_id: str) -> bool:
        if not self._isolated:
            await queries.suspect(tx, run_id)
        return await queries.end_mounts(tx, run_id) > 0

    async def _mount(
        self,
        layout: Layout,
        run_id: str,
        dataset: Mountable,
        name: str,
        project_id: str,
        taken: list[MountableSnapshot],
        say: Callable[[str], None],
    ) -> None:
        own = dataset.project_id == project_id
        writable = own and Right.UPDATE_DATASET_RW_V2 in dataset.rights
        path = live_path(dataset, name, project_id)
        live = await live_folder(self._db, self._storage, dataset.id)
        new = [NewMount(path=path, dataset_id=dataset.id, snapshot_id=None, is_writable=writable)]
        new += [
            NewMount(
                path=snapshot_path(name, one.number),
                dataset_id=dataset.id,
                snapshot_id=one.id,
                is_writable=False,
                tags=one.tags,
            )
            for one in taken
        ]
        root = await self._note(run_id, new, live)
        if root is not None:
            await queries.set_root_before(self._db, run_id, dataset.id, root)
        layout.folders.append(MountedFolder(path=path, source=live.root, is_writable=writable))
        roots: dict[str, Key] = {}
        for one in taken:
            await self._add_view(layout, run_id, dataset, name, one, roots, live, say)
        state = f" in state {root[:16]}" if root else " while another run writes there"
        access = "writable" if writable else "read-only"
        say(f"Dataset {dataset.name} at $DOMINO_DATASETS_DIR/{path}, {access},{state}")

    async def _note(self, run_id: str, mounts: list[NewMount], live: LiveFolder) -> str | None:
        """Notes what a run sees of a dataset, as soon as nobody restores it; the hash of its live files."""
        while True:
            root = await self._known_root(live, mounts[0].dataset_id)
            try:
                async with self._db.transaction() as tx:
                    await queries.add_mounts(tx, run_id, mounts)
                return root
            except queries.BeingRestored:
                await asyncio.sleep(RESTORING_SECONDS)

    async def _add_view(
        self,
        layout: Layout,
        run_id: str,
        dataset: Mountable,
        name: str,
        snapshot: MountableSnapshot,
        roots: dict[str, Key],
        live: LiveFolder,
        say: Callable[[str], None],
    ) -> None:
        """Adds the folder of a snapshot; one that cannot be made keeps no run from starting."""
        view, path = str(snapshot.number), snapshot_path(name, snapshot.number)
        if not await asyncio.to_thread(self._storage.views.has, dataset.id, view):
            say(f"Making the folder of snapshot {view} of {dataset.name} ({_size(snapshot)}), once for all jobs")
        wanted = roots | {view: bytes.fromhex(snapshot.root)}
        try:
            places = await apart(lambda: self._storage.views.make(dataset.id, wanted, live))
        except (Failure, OSError) as error:
            say(f"Snapshot {view} of {dataset.name} is not there: {reason_of(error)}")
            await queries.remove_mount(self._db, run_id, path)
            return
        roots.update(wanted)
        layout.folders.append(MountedFolder(path=path, source=places[view], is_writable=False))
        layout.links.update({snapshot_path(name, tag): view for tag in snapshot.tags})

    async def _known_root(self, live: LiveFolder, dataset_id: str) -> str | None:
        """The hash of live files; None while somebody may be changing them."""
        if not await files.survey(self._db, live, dataset_id):
            return None
        return (await apart(lambda: live.fingerprint(quiet=True))).hex()

    async def _settle(self, mount: Mount, account_id: str, *, take: bool) -> list[str]:
        live = await live_folder(self._db, self._storage, mount.dataset_id)
        said = [await self._take_snapshot(live, mount, account_id)] if take else []
        root = await self._known_root(live, mount.dataset_id)
        if root is not None:
            await queries.set_root_after(self._db, mount.run_id, mount.dataset_id, root)
        usage = await files.usage(self._db, self._storage, mount.dataset_id)
        complaint = files.over_quota(mount.dataset_name, usage)
        return [*said, f"{complaint} No snapshot can be asked for until that is less."] if complaint else said

    async def _take_snapshot(self, live: LiveFolder, mount: Mount, account_id: str) -> str:
        """Takes a snapshot at the end of a run, once, however often this is called."""
        number = await snapshots.number_taken_by(self._db, mount.dataset_id, mount.run_id)
        if number is None:
            quiet = await files.survey(self._db, live, mount.dataset_id)
            new = NewSnapshot(
                id=new_id(),
                dataset_id=mount.dataset_id,
                creator_id=account_id,
                description="Taken when a run ended.",
                run_id=mount.run_id,
            )
            hold = snapshot_hold(new.id)
            taken = await apart(lambda: live.take(hold, quiet=quiet))
            async with self._db.transaction() as tx:
                number = await add(tx, None, mount.project_id, new, taken)
            if number is None:
                return f"The dataset {mount.dataset_name} was deleted meanwhile; no snapshot was taken of it."
        return f"Snapshot {number} of the dataset {mount.dataset_name} was taken."


def _size(snapshot: MountableSnapshot) -> str:
    files_there = f"{snapshot.file_count:,} {'file' if snapshot.file_count == 1 else 'files'}"
    return f"{files_there}, {snapshot.size_bytes / 2**20:,.1f} MiB"


async def _give_back(tx: Transaction) -> None:
    """Queues the removal of what was deleted while runs had it mounted."""
    if await snapshots.has_reclaimable(tx):
        await work.enqueue(tx, RECLAIM, STORE)
