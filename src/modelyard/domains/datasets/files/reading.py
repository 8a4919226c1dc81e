"""Which files of a dataset are meant: the live ones, or those of a snapshot."""

import msgspec

from modelyard.domains.datasets.files import service
from modelyard.domains.datasets.queries import Dataset
from modelyard.domains.datasets.snapshots.service import version_of
from modelyard.domains.datasets.storage import Storage, live_folder
from modelyard.engines.trees.files import Files, StoredTree
from modelyard.kit.db import Database
from modelyard.kit.ids import new_id

LIVE = "live"


class Version(msgspec.Struct, frozen=True):
    """Files of a dataset: a name to show, what tells their content from another, their time in seconds."""

    files: Files
    name: str
    identity: str
    moment: int


async def version(db: Database, storage: Storage, dataset: Dataset, name: str | None) -> Version:
    """The live files, looked through where that is needed, or the snapshot with this id, number or tag.

    Raises NotFound when there is no such active snapshot.
    """
    if name in {None, "", LIVE}:
        live = await live_folder(db, storage, dataset.id)
        await service.survey(db, live, dataset.id)
        return Version(live, LIVE, new_id(), int(dataset.created_at.timestamp()))
    snapshot = await version_of(db, dataset, name or "")
    tree = StoredTree(storage.blobs, snapshot.key)
    return Version(tree, str(snapshot.number), snapshot.id, int(snapshot.created_at.timestamp()))
