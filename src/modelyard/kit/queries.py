"""SQL of what every domain shares: events and the queue of durable work."""

import msgspec

from modelyard.kit.db import Executor, Transaction


class Lease(msgspec.Struct, frozen=True):
    """The right of one holder to do one piece of work until `token` is replaced or expires."""

    work_id: str
    kind: str
    subject_id: str
    token: str
    attempts: int


async def add_event(
    tx: Transaction,
    *,
    id: str,
    actor_id: str | None,
    actor_name: str,
    action: str,
    target_kind: str,
    target_id: str,
    project_id: str | None,
    run_id: str | None,
    details: dict[str, object],
    remote_address: str | None,
    request_id: str | None,
) -> None:
    """One row of the audit trail."""
    await tx.execute(
        "INSERT INTO events (id, actor_id, actor_name, action, target_kind, target_id, project_id, run_id,"
        " details, remote_address, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        id, actor_id, actor_name, action, target_kind, target_id, project_id, run_id, details,
        remote_address, request_id,
    )  # fmt: skip


async def enqueue(tx: Transaction, work_id: str, kind: str, subject_id: str) -> None:
    """Queues work on a subject, once: work that already waits or runs for it stays as it is."""
    await tx.execute(
        "INSERT INTO work (id, kind, subject_id) VALUES ($1, $2, $3)"
        " ON CONFLICT (kind, subject_id) DO NOTHING",
        work_id, kind, subject_id,
    )  # fmt: skip
    await notify(tx, kind)


async def notify(db: Executor, kind: str) -> None:
    """Wakes the runners that claim this kind, when the transaction commits."""
    await db.execute("SELECT pg_notify('work', $1)", kind)


CLAIMED = "RETURNING w.id AS work_id, w.kind, w.subject_id, w.lease_token AS token, w.attempts"
TAKE = (
    "lease_holder = $1, lease_token = gen_random_uuid()::text,"
    " lease_expires_at = now() + $2 * interval '1 second', attempts = w.attempts + 1"
)


async def claim_oldest(db: Executor, holder: str, seconds: float, kind: str, limit: int) -> list[Lease]:
    """Leases the oldest waiting work of a kind, skipping what others are claiming."""
    return await db.rows(
        Lease,
        f"UPDATE work w SET {TAKE} WHERE w.id IN (SELECT id FROM work WHERE kind = $3"
        " AND lease_token IS NULL AND available_at <= now() ORDER BY available_at, id LIMIT $4"
        f" FOR UPDATE SKIP LOCKED) {CLAIMED}",
        holder, seconds, kind, limit,
    )  # fmt: skip


async def claim_named(db: Executor, holder: str, seconds: float, kind: str, subject_ids: list[str]) -> list[Lease]:
    """Leases the waiting work of a kind on these subjects, skipping what others are claiming."""
    return await db.rows(
        Lease,
        f"UPDATE work w SET {TAKE} WHERE w.id IN (SELECT id FROM work WHERE kind = $3 AND subject_id = ANY($4)"
        f" AND lease_token IS NULL AND available_at <= now() FOR UPDATE SKIP LOCKED) {CLAIMED}",
        holder, seconds, kind, subject_ids,
    )  # fmt: skip


async def claim_admitted(db: Executor, holder: str, seconds: float, kind: str) -> list[Lease]:
    """Leases the waiting work of a kind whose resources this holder has admitted."""
    return await db.rows(
        Lease,
        f"UPDATE work w SET {TAKE} WHERE w.id IN (SELECT q.id FROM work q JOIN executions e"
        " ON e.id = q.subject_id WHERE q.kind = $3 AND e.node = $1 AND q.lease_token IS NULL"
        f" AND q.available_at <= now() FOR UPDATE OF q SKIP LOCKED) {CLAIMED}",
        holder, seconds, kind,
    )  # fmt: skip


async def reclaim_own(db: Executor, holder: str, seconds: float) -> list[Lease]:
    """Takes over all leases of this holder's earlier life, under new tokens."""
    return await db.rows(
        Lease,
        f"UPDATE work w SET {TAKE} WHERE w.lease_holder = $1 {CLAIMED}",
        holder, seconds,
    )  # fmt: skip


async def extend_leases(db: Executor, tokens: list[str], seconds: float) -> list[str]:
    """Renews leases; the tokens that are still ours."""
    return await db.values(
        "UPDATE work SET lease_expires_at = now() + $2 * interval '1 second'"
        " WHERE lease_token = ANY($1) RETURNING lease_token",
        tokens, seconds,
    )  # fmt: skip


async def finish_work(tx: Transaction, token: str) -> bool:
    """Removes finished work; False when the lease was lost, and nothing may be written."""
    return await tx.execute("DELETE FROM work WHERE lease_token = $1", token) == 1


async def holds(tx: Transaction, token: str) -> bool:
    """Whether a lease is still ours; the row stays locked until the transaction ends."""
    return await tx.value("SELECT true FROM work WHERE lease_token = $1 FOR UPDATE", token) is True


async def postpone(db: Executor, token: str, seconds: float) -> None:
    """Gives work back, to be claimed again after a while."""
    await db.execute(
        "UPDATE work SET lease_token = NULL, lease_holder = NULL, lease_expires_at = NULL,"
        " available_at = now() + $2 * interval '1 second' WHERE lease_token = $1",
        token, seconds,
    )  # fmt: skip


async def drop_work(tx: Transaction, kind: str) -> int:
    """Removes all work of a kind, also what somebody holds; how much there was."""
    return await tx.execute("DELETE FROM work WHERE kind = $1", kind)


async def cancel_work(tx: Transaction, kind: str, subject_id: str) -> bool:
    """Removes work that nobody holds; False when somebody does it or it is done."""
    removed = await tx.execute(
        "DELETE FROM work WHERE kind = $1 AND subject_id = $2 AND lease_token IS NULL", kind, subject_id
    )
    return removed == 1
