"""Datasets and snapshots that are mounted one by one, where somebody has asked for them."""

import asyncio

import msgspec

from modelyard.domains.datasets import lifecycle
from modelyard.domains.datasets.mounts import queries
from modelyard.domains.datasets.mounts.layout import MountedFolder
from modelyard.domains.datasets.mounts.queries import Nameable, NewMount
from modelyard.domains.datasets.storage import Storage, live_folder
from modelyard.domains.users import DatasetRole, Right, dataset_rights, find_user
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden, NotFound
from modelyard.kit.threads import apart

# How often it is looked whether live files are restored by now.
RESTORING_SECONDS = 0.2


class WantedMount(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset, or a snapshot of it, wanted at a path in the name of an account."""

    path: str
    dataset_id: str
    snapshot_id: str | None
    account_id: str
    read_only: bool


async def mount_named(
    db: Database, storage: Storage, run_id: str, wanted: list[WantedMount]
) -> list[MountedFolder]:
    """The folders of what is wanted, in its order: live files are writable where that is wanted and allowed.

    They are not given back before `release`. Raises NotFound for what is deleted, Forbidden where the account may
    not read it any more, Failure and OSError where it cannot be brought about.
    """
    found = {one.id: one for one in await queries.nameable(db, [one.dataset_id for one in wanted])}
    mounts = [await _allowed(db, found.get(one.dataset_id), one) for one in wanted]
    await _note(db, run_id, mounts)
    return [await _folder(db, storage, one) for one in mounts]


async def _allowed(db: Database, dataset: Nameable | None, wanted: WantedMount) -> NewMount:
    if dataset is None:
        raise NotFound(f"The dataset that is wanted at {wanted.path} is deleted.")
    roles = (await queries.roles_in(db, wanted.account_id, [dataset.id])).get(dataset.id, [])
    account = await find_user(db, wanted.account_id)
    is_admin = account is not None and account.is_admin
    rights = dataset_rights([DatasetRole(role) for role in roles], is_admin=is_admin)
    if Right.READ_DATASET_RW_V2 not in rights:
        raise Forbidden(
            f"Whoever asked for the dataset {dataset.name} at {wanted.path} may not read it any more; somebody who"
            " may has to ask for it."
        )
    return NewMount(
        path=wanted.path,
        dataset_id=dataset.id,
        snapshot_id=wanted.snapshot_id,
        is_writable=(not wanted.read_only and wanted.snapshot_id is None and Right.UPDATE_DATASET_RW_V2 in rights),
    )


async def _note(db: Database, run_id: str, mounts: list[NewMount]) -> None:
    """Notes what a run is about to see, as soon as nobody restores any of it."""
    while True:
        try:
            async with db.transaction() as tx:
                return await queries.add_mounts(tx, run_id, mounts)
        except queries.BeingRestored:
            await asyncio.sleep(RESTORING_SECONDS)


async def _folder(db: Database, storage: Storage, mount: NewMount) -> MountedFolder:
    live = await live_folder(db, storage, mount.dataset_id)
    source = live.root
    if mount.snapshot_id is not None:
        # Read when it is noted as mounted: an active one stays from now on.
        snapshot = await queries.snapshot_to_mount(db, mount.snapshot_id)
        if snapshot is None or snapshot.status != lifecycle.ACTIVE or snapshot.root is None:
            raise NotFound(f"The snapshot that is wanted at {mount.path} is deleted, or not taken yet.")
        view, key = str(snapshot.number), bytes.fromhex(snapshot.root)
        source = (await apart(lambda: storage.views.make(mount.dataset_id, {view: key}, live)))[view]
    return MountedFolder(path=mount.path, source=source, is_writable=mount.is_writable)
