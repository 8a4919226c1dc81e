"""Files that the platform itself writes into datasets."""

from collections.abc import Mapping
from pathlib import Path

from modelyard.domains.datasets import queries
from modelyard.domains.datasets.files.queries import set_extent
from modelyard.domains.datasets.files.service import tightest_quota
from modelyard.domains.datasets.storage import Storage, live_folder
from modelyard.engines.folders import LiveFolder
from modelyard.kit import events
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest, NotFound
from modelyard.kit.safe_path import SafePath
from modelyard.kit.threads import apart


class OverQuota(BadRequest):
    """Files do not fit into a dataset."""


async def put_files(
    db: Database, storage: Storage, dataset_id: str, files: Mapping[SafePath, Path], **details: object
) -> None:
    """Puts copies of files of this machine into the live files of a dataset, instead of those at their paths.

    Each comes there at once. An event tells of it when a folder is new, with `details`: who adds files to a folder
    all the time is told of once. Raises NotFound for a dataset that is deleted, OverQuota, and BadRequest where
    something is in the way.
    """
    place = await queries.find_place(db, dataset_id)
    if place is None:
        raise NotFound("The dataset is deleted.")
    live = await live_folder(db, storage, dataset_id)
    quota = await tightest_quota(db, storage, dataset_id, place.name)
    size, folders = await apart(lambda: _survey(live, files))
    if quota is not None and size > quota.room_bytes:
        raise OverQuota(
            f"There is no room: the quota of {quota.whose} is {quota.limit_bytes:,} bytes. Remove files that are"
            " not needed, or ask an administrator for a larger quota."
        )
    extent = await apart(lambda: live.put(files))
    async with db.transaction() as tx:
        await set_extent(tx, dataset_id, extent.files, extent.bytes)
        if folders:
            await events.record(
                tx, None, "dataset.filesWritten", "dataset", dataset_id,
                project_id=place.project_id, folders=folders, **details,
            )  # fmt: skip


def _survey(live: LiveFolder, files: Mapping[SafePath, Path]) -> tuple[int, list[str]]:
    """How many bytes come to those that are there, and into which folders that are not there yet."""
    size = sum(source.stat().st_size for path, source in files.items() if not live.exists(path))
    folders = {path.rpartition("/")[0] for path in files}
    return size, sorted(folder for folder in folders if folder and not live.exists(SafePath(folder)))
