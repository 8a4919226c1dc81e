"""Shapes of snapshots, and of what their store takes and gives back, on the private API."""

from datetime import datetime
from typing import Annotated, Self

from msgspec import UNSET, Meta, UnsetType

from modelyard.domains.datasets.queries import Snapshot
from modelyard.domains.datasets.snapshots.queries import Use
from modelyard.domains.datasets.snapshots.reclaiming import Reclaimed
from modelyard.domains.datasets.wire import SnapshotStatus
from modelyard.kit.wire import PaginatedMetadataV1, Wire, present


class NewSnapshotV1(Wire):
    """Body of createSnapshot: paths of files and folders inside the dataset; none for all of it."""

    relative_file_paths: Annotated[list[str], Meta(max_length=100_000)]


class PrivateSnapshot(Wire):
    """A snapshot with its number, its content's hash and size, and why it failed or what it lacks."""

    id: str
    dataset_id: str
    number: int
    status: SnapshotStatus
    created_at: datetime
    description: str
    relative_file_paths: list[str]
    tags: list[str]
    creator_id: str | UnsetType = UNSET
    root: str | UnsetType = UNSET
    file_count: int | UnsetType = UNSET
    size_bytes: int | UnsetType = UNSET
    problem: str | UnsetType = UNSET
    run_id: str | UnsetType = UNSET
    last_mounted: datetime | UnsetType = UNSET

    @classmethod
    def of(cls, snapshot: Snapshot, tags: dict[str, str]) -> Self:
        """A stored snapshot, with those of its dataset's tags that point at it."""
        return cls(
            id=snapshot.id,
            dataset_id=snapshot.dataset_id,
            number=snapshot.number,
            status=SnapshotStatus(snapshot.status),
            created_at=snapshot.created_at,
            description=snapshot.description,
            relative_file_paths=snapshot.paths,
            tags=sorted(name for name, one in tags.items() if one == snapshot.id),
            creator_id=present(snapshot.creator_id),
            root=present(snapshot.root),
            file_count=present(snapshot.file_count),
            size_bytes=present(snapshot.size_bytes),
            problem=present(snapshot.problem),
            run_id=present(snapshot.run_id),
            last_mounted=present(snapshot.last_mounted_at),
        )


class PrivateSnapshots(Wire):
    """A page of snapshots, newest first."""

    snapshots: list[PrivateSnapshot]
    metadata: PaginatedMetadataV1


class SnapshotUse(Wire):
    """A run that had a snapshot mounted, and since when."""

    run_id: str
    mounted_at: datetime

    @classmethod
    def of(cls, use: Use) -> Self:
        """A stored use."""
        return cls(run_id=use.run_id, mounted_at=use.mounted_at)


class SnapshotUses(Wire):
    """The latest runs that had a snapshot mounted, newest first."""

    uses: list[SnapshotUse]


class SpaceGiven(Wire):
    """What was given back, or would be, in numbers and bytes.

    `disk_bytes` is what becomes free on the disk of the store; a dry run can only say how much of it would be in
    nobody's use.
    """

    dry_run: bool
    snapshots: int
    datasets: int
    live_bytes: int
    pieces: int
    piece_bytes: int
    disk_bytes: int

    @classmethod
    def of(cls, reclaimed: Reclaimed, *, dry_run: bool) -> Self:
        """What a collection came to."""
        store = reclaimed.store
        return cls(
            dry_run=dry_run,
            snapshots=reclaimed.snapshots,
            datasets=reclaimed.datasets,
            live_bytes=reclaimed.live_bytes,
            pieces=store.pieces,
            piece_bytes=store.piece_bytes,
            disk_bytes=store.disk_bytes,
        )


class DamagedFile(Wire):
    """A file whose stored content is not what was put there."""

    snapshot: int
    path: str
    piece: str
    is_list: bool


class Verified(Wire):
    """What was checked, and what of it is damaged; `is_list` means that all files from this one on may be."""

    snapshots: int
    pieces: int
    bytes: int
    damaged: list[DamagedFile]
