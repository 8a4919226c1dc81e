"""Whether the store still has what snapshots hold."""

from modelyard.domains.datasets import queries
from modelyard.domains.datasets.queries import Dataset
from modelyard.domains.datasets.snapshots.wire import DamagedFile, Verified
from modelyard.domains.datasets.storage import Storage
from modelyard.engines.trees.checking import Checked, Damage, check
from modelyard.kit.db import Database
from modelyard.kit.threads import apart


async def verify(db: Database, storage: Storage, dataset: Dataset) -> Verified:
    """Reads everything that the active snapshots of a dataset hold, and names what is damaged."""
    snapshots = await queries.active_snapshots(db, dataset.id)
    roots = {str(one.number): one.key for one in snapshots if one.root}
    checked = Checked()

    def read_all() -> list[Damage]:
        with storage.blobs.reading() as store:
            return list(check(roots, store.read, checked))

    damaged = await apart(read_all)
    # What a snapshot held that was deleted meanwhile may be gone.
    there = {str(one.number) for one in await queries.active_snapshots(db, dataset.id)}
    return Verified(
        snapshots=len(roots),
        pieces=checked.pieces,
        bytes=checked.bytes,
        damaged=[
            DamagedFile(snapshot=int(one.tree), path=one.path, piece=one.key.hex(), is_list=one.is_node)
            for one in damaged
            if one.tree in there
        ],
    )
