"""Datasets: live files that many people and runs work with, their snapshots, and who may do what with them."""

from modelyard.domains.datasets.access import (
    DatasetAccess,
    SnapshotAccess,
    dataset_by_id,
    dataset_with,
    snapshot_with,
)
from modelyard.domains.datasets.queries import Dataset, Snapshot

__all__ = [
    "Dataset",
    "DatasetAccess",
    "Snapshot",
    "SnapshotAccess",
    "dataset_by_id",
    "dataset_with",
    "snapshot_with",
]
