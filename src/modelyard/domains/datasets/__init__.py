"""Datasets: live files that many people and runs work with, their snapshots, and who may do what with them."""

import modelyard.domains.datasets.copying  # noqa: F401 - what a project's copy gets of its datasets
from modelyard.domains.datasets.access import (
    DatasetAccess,
    SnapshotAccess,
    dataset_by_id,
    dataset_in_project,
    dataset_with,
    snapshot_by_id,
    snapshot_of,
    snapshot_with,
)
from modelyard.domains.datasets.files.writing import OverQuota, put_files
from modelyard.domains.datasets.mounts.again import check_data_of
from modelyard.domains.datasets.mounts.keeping import keep_data_of_run, release_data_of_run
from modelyard.domains.datasets.mounts.layout import Layout, MountedFolder
from modelyard.domains.datasets.mounts.named import WantedMount
from modelyard.domains.datasets.mounts.queries import Mount, mounts_of, snapshots_seen_by
from modelyard.domains.datasets.mounts.service import DatasetMounter
from modelyard.domains.datasets.queries import Dataset, Snapshot, readable_among
from modelyard.domains.datasets.service import ensure as ensure_dataset
from modelyard.domains.datasets.snapshots.work import dataset_kinds
from modelyard.domains.datasets.storage import Storage

__all__ = [
    "Dataset",
    "DatasetAccess",
    "DatasetMounter",
    "Layout",
    "Mount",
    "MountedFolder",
    "OverQuota",
    "Snapshot",
    "SnapshotAccess",
    "Storage",
    "WantedMount",
    "check_data_of",
    "dataset_by_id",
    "dataset_in_project",
    "dataset_kinds",
    "dataset_with",
    "ensure_dataset",
    "keep_data_of_run",
    "mounts_of",
    "put_files",
    "readable_among",
    "release_data_of_run",
    "snapshot_by_id",
    "snapshot_of",
    "snapshot_with",
    "snapshots_seen_by",
]
