"""SQL of snapshots while they are taken and deleted."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor, Transaction


class NewSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of a snapshot when it is asked for; `run_id` is the run that it is taken for, at its end."""

    id: str
    dataset_id: str
    creator_id: str | None
    description: str = ""
    paths: list[str] = []
    run_id: str | None = None


class Use(msgspec.Struct, frozen=True):
    """A run that had a snapshot mounted."""

    run_id: str
    mounted_at: datetime


class Doomed(msgspec.Struct, frozen=True):
    """A snapshot that is to go."""

    id: str
    dataset_id: str
    number: int


async def add_snapshot(tx: Transaction, new: NewSnapshot) -> int | None:
    """Adds a snapshot that is pending; its number, or None when the dataset is deleted."""
    number: int | None = await tx.value(
        "UPDATE datasets SET last_snapshot_number = last_snapshot_number + 1"
        " WHERE id = $1 AND deleted_at IS NULL RETURNING last_snapshot_number",
        new.dataset_id,
    )
    if number is not None:
        await tx.execute(
            "INSERT INTO dataset_snapshots (id, dataset_id, number, status, creator_id, description, paths,"
            " run_id) VALUES ($1, $2, $3, 'pending', $4, $5, $6, $7)",
            new.id, new.dataset_id, number, new.creator_id, new.description, new.paths, new.run_id,
        )  # fmt: skip
    return number


async def number_taken_by(db: Executor, dataset_id: str, run_id: str) -> int | None:
    """The number of the snapshot of a dataset that was taken at the end of a run."""
    number: int | None = await db.value(
        "SELECT number FROM dataset_snapshots WHERE dataset_id = $1 AND run_id = $2", dataset_id, run_id
    )
    return number


async def set_taken(
    tx: Transaction, snapshot_id: str, root: str, files: int, size: int, problem: str | None
) -> None:
    """Stores what a snapshot holds, and what it lacks in a sentence."""
    await tx.execute(
        "UPDATE dataset_snapshots SET root = $2, file_count = $3, size_bytes = $4, problem = $5 WHERE id = $1",
        snapshot_id, root, files, size, problem,
    )  # fmt: skip


async def set_problem(tx: Transaction, snapshot_id: str, problem: str) -> None:
    """Stores why a snapshot failed."""
    await tx.execute("UPDATE dataset_snapshots SET problem = $2 WHERE id = $1", snapshot_id, problem)


async def uses_of(db: Executor, snapshot_id: str, limit: int) -> list[Use]:
    """The latest runs that had a snapshot mounted, newest first."""
    return await db.rows(
        Use,
        "SELECT run_id, max(mounted_at) AS mounted_at FROM dataset_mounts WHERE snapshot_id = $1"
        " GROUP BY run_id ORDER BY max(mounted_at) DESC LIMIT $2",
        snapshot_id, limit,
    )  # fmt: skip


async def remove_tags(tx: Transaction, snapshot_id: str) -> list[str]:
    """Removes the tags that point at a snapshot; their names."""
    return await tx.values("DELETE FROM dataset_tags WHERE snapshot_id = $1 RETURNING name", snapshot_id)


_FREE = "NOT EXISTS (SELECT FROM dataset_mounts m WHERE m.{} AND m.unmounted_at IS NULL)"
_DOOMED = (
    "FROM dataset_snapshots s WHERE s.status IN ('markForDeletion', 'deletionInProgress')"
    f" AND {_FREE.format('snapshot_id = s.id')}"
)
_GONE = (
    "FROM datasets d WHERE d.deleted_at IS NOT NULL AND d.reclaimed_at IS NULL"
    f" AND {_FREE.format('dataset_id = d.id')}"
    " AND NOT EXISTS (SELECT FROM datasets f WHERE f.fill_from = d.id AND f.deleted_at IS NULL)"
)


async def doomed_snapshots(db: Executor) -> list[Doomed]:
    """The snapshots that are marked for deletion and that no run has mounted."""
    return await db.rows(Doomed, f"SELECT s.id, s.dataset_id, s.number {_DOOMED} ORDER BY s.id")


async def gone_datasets(db: Executor) -> dict[str, int]:
    """The deleted datasets whose live files are still there and not mounted, with their bytes."""
    rows = await db.rows(dict, f"SELECT d.id, d.size_bytes {_GONE} ORDER BY d.id")
    return {row["id"]: row["size_bytes"] for row in rows}


async def has_reclaimable(db: Executor) -> bool:
    """Whether anything is deleted whose bytes can be given back."""
    return await db.value(f"SELECT EXISTS (SELECT {_DOOMED}) OR EXISTS (SELECT {_GONE})") is True


async def mounted_lately(db: Executor, days: int) -> dict[str, set[str]]:
    """The numbers of the snapshots, by dataset, that a run has mounted or had within so many days."""
    rows = await db.rows(
        dict,
        "SELECT s.dataset_id, array_agg(s.number::text) AS numbers FROM dataset_snapshots s"
        " WHERE s.last_mounted_at > now() - make_interval(days => $1) OR EXISTS (SELECT FROM dataset_mounts m"
        " WHERE m.snapshot_id = s.id AND m.unmounted_at IS NULL) GROUP BY s.dataset_id",
        days,
    )
    return {row["dataset_id"]: set(row["numbers"]) for row in rows}


async def set_reclaimed(tx: Transaction, dataset_id: str) -> None:
    """Notes that nothing is left of a deleted dataset's files."""
    await tx.execute(
        "UPDATE datasets SET reclaimed_at = now(), file_count = 0, size_bytes = 0 WHERE id = $1", dataset_id
    )


async def holding(db: Executor) -> tuple[list[str], list[str], list[str]]:
    """What holds content in the store: ids of snapshots, of datasets, and of datasets that are to be filled."""
    snapshots = await db.values(
        "SELECT id FROM dataset_snapshots WHERE status IN ('pending', 'copying', 'active')"
    )
    datasets = await db.values("SELECT id FROM datasets WHERE reclaimed_at IS NULL")
    return (
        snapshots,
        datasets,
        await db.values("SELECT id FROM datasets WHERE fill_with IS NOT NULL OR fill_from IS NOT NULL"),
    )
