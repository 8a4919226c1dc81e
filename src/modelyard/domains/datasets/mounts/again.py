"""The datasets of an earlier run, as that one found them, for a run that does the same again."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from modelyard.domains.datasets import lifecycle
from modelyard.domains.datasets.mounts import queries
from modelyard.domains.datasets.mounts.keeping import is_there, keep
from modelyard.domains.datasets.mounts.layout import Layout, MountedFolder
from modelyard.domains.datasets.mounts.queries import Mount, NewMount
from modelyard.domains.datasets.storage import Storage, live_folder
from modelyard.domains.users import DatasetRole, Right, dataset_rights
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest, Failure, Forbidden
from modelyard.kit.threads import apart


async def check_data_of(db: Database, storage: Storage, account_id: str, run_id: str) -> None:
    """Whether an account may have another run see what this one found in datasets.

    Raises Forbidden for a dataset that the account may not read, BadRequest for content that is not known or
    that nobody has any more.
    """
    for mount in await _mounts(db, account_id, run_id):
        if not await is_there(db, storage, mount):
            raise _gone(mount)


async def mount_again(
    db: Database,
    storage: Storage,
    run_id: str,
    account_id: str,
    original_id: str,
    copies: Path,
    say: Callable[[str], None],
) -> Layout:
    """What a run sees that is to find what `original_id` found, at the same paths and with the same tags.

    Instead of live files it gets copies of its own in the folder `copies`: writable where the original could
    write, and thrown away with the run. May be called again for the same run. Raises OSError and Failure.
    """
    mounts = await _mounts(db, account_id, original_id)
    async with db.transaction() as tx:
        await queries.want_kept(tx, original_id)
    if lost := await keep(db, storage, mounts):
        raise _gone(lost[0])
    async with db.transaction() as tx:
        await queries.add_mounts(tx, run_id, [_new(one) for one in mounts])
    layout = Layout()
    # Read once more: a snapshot that is active now stays as long as this run has it mounted.
    for number, mount in enumerate(await queries.mounts_of(db, [original_id])):
        source = await _folder(db, storage, mount, copies / str(number))
        root = mount.root or ""
        if mount.snapshot_id is None:
            await queries.set_root_before(db, run_id, mount.dataset_id, root)
            say(f"Dataset {mount.dataset_name} at $DOMINO_DATASETS_DIR/{mount.path}, a copy of state {root[:16]}")
        layout.folders.append(MountedFolder(path=mount.path, source=source, is_writable=mount.is_writable))
        above, _, name = mount.path.rpartition("/")
        layout.links.update({f"{above}/{tag}": name for tag in mount.tags})
    return layout


async def _mounts(db: Database, account_id: str, run_id: str) -> list[Mount]:
    """What a run found; raises Forbidden and BadRequest where that is not for this account, or not known."""
    mounts = await queries.mounts_of(db, [run_id])
    roles = await queries.roles_in(db, account_id, [one.dataset_id for one in mounts])
    for mount in mounts:
        if mount.is_deleted:
            raise BadRequest(f"The dataset {mount.dataset_name} that the job saw is deleted.")
        its = [DatasetRole(role) for role in roles.get(mount.dataset_id, [])]
        if Right.READ_DATASET_RW_V2 not in dataset_rights(its, is_admin=False):
            raise Forbidden(
                f"The job saw the dataset {mount.dataset_name}, in which you have no role; ask one of its owners"
                " for one."
            )
        if mount.root is None:
            raise BadRequest(
                f"It is not known what the dataset {mount.dataset_name} held when the job started: another job"
                " was writing to it."
            )
    return mounts


async def _folder(db: Database, storage: Storage, mount: Mount, copy: Path) -> Path:
    """The folder with what a run found: that of a snapshot which is there still, else a copy."""
    live = await live_folder(db, storage, mount.dataset_id)
    key = bytes.fromhex(mount.root or "")
    if mount.snapshot_status == lifecycle.ACTIVE:
        view = str(mount.snapshot_number)
        return (await apart(lambda: storage.views.make(mount.dataset_id, {view: key}, live)))[view]
    await asyncio.to_thread(copy.parent.mkdir, mode=0o755, exist_ok=True)
    await apart(lambda: storage.views.copy(key, copy, live))
    return copy


def _new(mount: Mount) -> NewMount:
    """Nothing that the run writes gets into the dataset."""
    return NewMount(
        path=mount.path,
        dataset_id=mount.dataset_id,
        snapshot_id=mount.snapshot_id,
        is_writable=False,
        tags=mount.tags,
        is_copy=mount.snapshot_id is None,
    )


def _gone(mount: Mount) -> Failure:
    what = (
        f"held by the dataset {mount.dataset_name} when the job started"
        if mount.snapshot_id is None
        else f"in snapshot {mount.snapshot_number} of the dataset {mount.dataset_name}"
    )
    return BadRequest(f"What was {what} is gone: it has been changed or deleted since, and was not kept.")
