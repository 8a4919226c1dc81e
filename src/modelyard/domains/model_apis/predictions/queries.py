"""SQL of asynchronous predictions, and the rule by which they are begun."""

import msgspec

from modelyard.domains.model_apis.predictions.lifecycle import FAILED, PENDING, PROCESSING
from modelyard.kit.db import Executor, Transaction
from modelyard.kit.queries import CLAIMED, TAKE, Lease


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction. `parameters` is a JSON object, which is forgotten when it has ended, `result` one, too."""

    id: str
    model_api_id: str
    status: str
    parameters: bytes | None
    result: bytes | None
    error: str | None


_COLUMNS = "id, model_api_id, status, parameters, result, error"


async def add(tx: Transaction, prediction_id: str, model_api_id: str, parameters: bytes, most_open: int) -> bool:
    """Adds a prediction that waits to be made; False when so many of the model API are open already."""
    added = await tx.execute(
        "INSERT INTO async_predictions (id, model_api_id, parameters) SELECT $1, $2, $3 WHERE $4 > (SELECT"
        " count(*) FROM (SELECT FROM async_predictions WHERE model_api_id = $2 AND ended_at IS NULL LIMIT $4) o)",
        prediction_id, model_api_id, parameters, most_open,
    )  # fmt: skip
    return added == 1


async def find(db: Executor, model_api_id: str, prediction_id: str, keep_seconds: float) -> Prediction | None:
    """A prediction of a model API, unless it ended longer ago."""
    return await db.row(
        Prediction,
        f"SELECT {_COLUMNS} FROM async_predictions WHERE id = $2 AND model_api_id = $1"
        " AND (ended_at IS NULL OR ended_at > now() - $3 * interval '1 second')",
        model_api_id, prediction_id, keep_seconds,
    )  # fmt: skip


async def find_open(db: Executor, prediction_id: str) -> Prediction | None:
    """A prediction that has not ended."""
    return await db.row(
        Prediction,
        f"SELECT {_COLUMNS} FROM async_predictions WHERE id = $1 AND ended_at IS NULL",
        prediction_id,
    )


# Of each asynchronous model API the version that is asked - the one in production, else the newest that runs - and
# how many requests its ready replicas can work on at once, less what is being made.
_BEING_MADE = """
SELECT count(*) FROM async_predictions p JOIN work w ON w.kind = $3 AND w.subject_id = p.id
WHERE p.model_api_id = a.id AND p.status = 'Processing' AND w.lease_token IS NOT NULL"""
_ROOM = f"""
SELECT a.id AS model_api_id, chosen.room - ({_BEING_MADE}) AS room FROM model_apis a CROSS JOIN LATERAL (
    SELECT coalesce((v.interface ->> 'concurrency')::int * (v.interface ->> 'max_batch_size')::int, 1)
        * (SELECT count(*) FROM model_replicas r WHERE r.version_id = v.id AND r.state = 'ready') AS room
    FROM model_api_versions v WHERE v.model_api_id = a.id
        AND (v.id = a.production_version_id OR (a.production_version_id IS NULL AND v.status = 'Running'))
    ORDER BY v.number DESC LIMIT 1) chosen
WHERE a.is_async AND a.archived_at IS NULL AND a.id IN (SELECT v.model_api_id FROM model_replicas r
    JOIN model_api_versions v ON v.id = r.version_id WHERE r.state = 'ready')"""
_CLAIM = f"""
WITH chosen AS (SELECT q.id AS work_id, q.subject_id FROM ({_ROOM}) model CROSS JOIN LATERAL (
    SELECT w.id, w.subject_id FROM async_predictions p JOIN work w ON w.kind = $3 AND w.subject_id = p.id
    WHERE p.model_api_id = model.model_api_id AND p.ended_at IS NULL
        AND w.lease_token IS NULL AND w.available_at <= now()
    ORDER BY p.id LIMIT greatest(model.room, 0) FOR UPDATE OF w SKIP LOCKED) q),
begun AS (UPDATE async_predictions p SET status = '{PROCESSING}', began_at = now()
    FROM chosen WHERE p.id = chosen.subject_id AND p.ended_at IS NULL)
UPDATE work w SET {TAKE} FROM chosen WHERE w.id = chosen.work_id {CLAIMED}"""


async def claim(db: Executor, holder: str, seconds: float, kind: str) -> list[Lease]:
    """Leases the oldest waiting predictions of each model API that has room; they are Processing then."""
    return await db.rows(Lease, _CLAIM, holder, seconds, kind)


async def set_waiting(tx: Transaction, prediction_id: str) -> None:
    """Notes that nobody has begun a prediction."""
    await tx.execute(
        f"UPDATE async_predictions SET status = '{PENDING}', began_at = NULL WHERE id = $1 AND ended_at IS NULL",
        prediction_id,
    )


async def set_ended(
    tx: Transaction, prediction_id: str, status: str, result: bytes | None, error: str | None
) -> None:
    """Notes how a prediction has ended, and forgets what it was made from."""
    await tx.execute(
        "UPDATE async_predictions SET status = $2, result = $3, error = $4, parameters = NULL, ended_at = now()"
        " WHERE id = $1 AND ended_at IS NULL",
        prediction_id, status, result, error,
    )  # fmt: skip


async def give_up(tx: Transaction, kind: str, keep_seconds: float, error: str) -> int:
    """Ends predictions that have waited for so long, and those of archived model APIs; how many."""
    ended = await tx.values(
        f"UPDATE async_predictions p SET status = '{FAILED}', error = $2, parameters = NULL, ended_at = now()"
        f" FROM model_apis a WHERE a.id = p.model_api_id AND p.ended_at IS NULL AND p.status = '{PENDING}'"
        " AND (p.asked_at < now() - $1 * interval '1 second' OR a.archived_at IS NOT NULL) RETURNING p.id",
        keep_seconds, error,
    )  # fmt: skip
    await tx.execute("DELETE FROM work WHERE kind = $1 AND subject_id = ANY($2)", kind, ended)
    return len(ended)


async def delete_ended(db: Executor, keep_seconds: float, most: int) -> int:
    """Forgets predictions that ended so long ago, the oldest first; how many."""
    return await db.execute(
        "DELETE FROM async_predictions WHERE id IN (SELECT id FROM async_predictions"
        " WHERE ended_at < now() - $1 * interval '1 second' ORDER BY ended_at LIMIT $2)",
        keep_seconds, most,
    )  # fmt: skip
