"""How two versions of a dataset differ."""

from collections import Counter

from modelyard.domains.datasets.files import service
from modelyard.domains.datasets.files.reading import LIVE
from modelyard.domains.datasets.files.wire import ChangedFile, DatasetDifference
from modelyard.domains.datasets.queries import Dataset
from modelyard.domains.datasets.snapshots.service import version_of
from modelyard.domains.datasets.storage import Storage, live_folder
from modelyard.engines.blobs import Key
from modelyard.engines.trees.reading import differences
from modelyard.kit.db import Database
from modelyard.kit.threads import apart


async def compare(
    db: Database, storage: Storage, dataset: Dataset, before: str, after: str | None, limit: int
) -> DatasetDifference:
    """Which files were added, changed and removed from one version to another; at most `limit` by name."""
    one, other = await _root(db, storage, dataset, before), await _root(db, storage, dataset, after or LIVE)

    def read() -> DatasetDifference:
        counts: Counter[str] = Counter()
        files: list[ChangedFile] = []
        with storage.blobs.reading() as store:
            for difference in differences(one, other, store.read):
                changed = ChangedFile.of(difference)
                counts[changed.change] += 1
                if len(files) < limit:
                    files.append(changed)
        return DatasetDifference(
            added=counts["added"],
            changed=counts["changed"],
            removed=counts["removed"],
            files=files,
            has_more=counts.total() > len(files),
        )

    return await apart(read)


async def _root(db: Database, storage: Storage, dataset: Dataset, name: str) -> Key:
    """The root of a version; live files are stored for it, as their next snapshot would have to anyway."""
    if name != LIVE:
        return (await version_of(db, dataset, name)).key
    live = await live_folder(db, storage, dataset.id)
    quiet = await service.survey(db, live, dataset.id)
    hold = storage.folders.hold(dataset.id)
    return (await apart(lambda: live.take(hold, quiet=quiet))).root
