"""Composition of where datasets are kept, for every process that works with them."""

from modelyard.domains.datasets import Storage
from modelyard.engines.blobs.local import LocalBlobStore
from modelyard.engines.folders.local import LocalFolders
from modelyard.engines.folders.views import LocalViews
from modelyard.engines.trees import children_of
from modelyard.settings import Settings


def dataset_storage(settings: Settings) -> Storage:
    """The live folders, the store of snapshots and their views below the home folder."""
    home = settings.home_path
    blobs = LocalBlobStore(home / "blobs", children_of)
    return Storage(
        folders=LocalFolders(home / "datasets", blobs),
        views=LocalViews(home / "views", blobs),
        blobs=blobs,
        quota_bytes=settings.dataset_quota_bytes or None,
        project_quota_bytes=settings.project_dataset_quota_bytes or None,
    )
