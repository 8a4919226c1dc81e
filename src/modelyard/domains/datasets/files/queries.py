"""SQL of live files: what is known of them, and who may be changing them."""

from datetime import datetime

import msgspec

from modelyard.kit.db import Executor, Transaction


class LiveState(msgspec.Struct, frozen=True):
    """Whether live files may have changed without anybody saying so, and the database's time now."""

    may_have_changed: bool
    now: datetime


class Usage(msgspec.Struct, frozen=True):
    """What a dataset and its project take, in files and bytes, and what they may take at most."""

    file_count: int
    size_bytes: int
    quota_bytes: int | None
    snapshot_count: int
    snapshot_bytes: int
    project_size_bytes: int
    project_quota_bytes: int | None


async def state_of(db: Executor, dataset_id: str) -> LiveState:
    """What is known of a dataset's live files."""
    state = await db.row(
        LiveState, "SELECT may_have_changed, clock_timestamp() AS now FROM datasets WHERE id = $1", dataset_id
    )
    assert state is not None  # noqa: S101 - datasets are marked as deleted, and stay
    return state


async def set_looked(tx: Transaction, dataset_id: str, since: datetime, files: int, size: int) -> bool:
    """Notes what a look through live files found; whether no run could write there since it began."""
    # The row is locked first: whoever mounts the dataset meanwhile is then seen by the next statement.
    await tx.execute("SELECT FROM datasets WHERE id = $1 FOR UPDATE", dataset_id)
    quiet = await tx.value(
        "UPDATE datasets SET file_count = $3, size_bytes = $4, may_have_changed = EXISTS (SELECT FROM"
        " dataset_mounts m WHERE m.dataset_id = $1 AND m.is_writable"
        " AND (m.unmounted_at IS NULL OR m.unmounted_at >= $2))"
        " WHERE id = $1 RETURNING NOT may_have_changed",
        dataset_id, since, files, size,
    )  # fmt: skip
    return quiet is True


async def set_extent(db: Executor, dataset_id: str, files: int, size: int) -> None:
    """Notes how much a dataset's live files are."""
    await db.execute("UPDATE datasets SET file_count = $2, size_bytes = $3 WHERE id = $1", dataset_id, files, size)


async def begin_restoring(tx: Transaction, dataset_id: str) -> bool:
    """Keeps runs from mounting live files that are to be others; False when one has them open already.

    Should the server be killed in the middle, nobody relies on what was known before.
    """
    # Whoever mounts them locks the row, too, and is seen by the next statement.
    await tx.execute("SELECT FROM datasets WHERE id = $1 FOR UPDATE", dataset_id)
    begun = await tx.execute(
        "UPDATE datasets SET restoring_since = now(), may_have_changed = true WHERE id = $1"
        " AND NOT EXISTS (SELECT FROM dataset_mounts WHERE dataset_id = $1 AND snapshot_id IS NULL"
        " AND NOT is_copy AND unmounted_at IS NULL)",
        dataset_id,
    )
    return begun == 1


async def end_restoring(db: Executor, dataset_id: str) -> None:
    """Lets runs mount live files again."""
    await db.execute("UPDATE datasets SET restoring_since = NULL WHERE id = $1", dataset_id)


async def usage_of(db: Executor, dataset_id: str) -> Usage:
    """What a dataset and its project take, and the quotas that were set for them."""
    usage = await db.row(
        Usage,
        "SELECT d.file_count, d.size_bytes, d.quota_bytes, q.quota_bytes AS project_quota_bytes,"
        " s.count AS snapshot_count, s.bytes AS snapshot_bytes,"
        " (SELECT sum(o.size_bytes)::bigint FROM datasets o WHERE o.project_id = d.project_id"
        " AND o.deleted_at IS NULL) AS project_size_bytes"
        " FROM datasets d LEFT JOIN dataset_quotas q ON q.project_id = d.project_id CROSS JOIN LATERAL ("
        " SELECT count(*), coalesce(sum(size_bytes), 0)::bigint AS bytes FROM dataset_snapshots"
        " WHERE dataset_id = d.id AND status = 'active') s WHERE d.id = $1",
        dataset_id,
    )
    assert usage is not None  # noqa: S101
    return usage


async def set_quota(tx: Transaction, dataset_id: str, size: int | None) -> None:
    """Sets how many bytes the live files of a dataset may have; None for the platform's default."""
    await tx.execute("UPDATE datasets SET quota_bytes = $2 WHERE id = $1", dataset_id, size)


async def set_project_quota(tx: Transaction, project_id: str, size: int | None) -> None:
    """Sets how many bytes the live files of all datasets of a project may have; None for the default."""
    await tx.execute("DELETE FROM dataset_quotas WHERE project_id = $1", project_id)
    if size is not None:
        await tx.execute("INSERT INTO dataset_quotas (project_id, quota_bytes) VALUES ($1, $2)", project_id, size)
