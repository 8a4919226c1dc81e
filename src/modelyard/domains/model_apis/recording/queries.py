"""SQL of what is recorded of model APIs, and where to."""

import time
from typing import Any

import msgspec

from modelyard.kit.db import Executor, Transaction


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A version whose calls are recorded.

    `dataset_id` is the one that was named for it, in the name of `named_by_id`.
    """

    version_id: str
    number: int
    model_api_id: str
    model_api_name: str
    created_by_id: str
    project_id: str
    project_owner_id: str
    project_is_of_organization: bool
    dataset_id: str | None
    named_by_id: str
    redacted_fields: list[str]
    is_registry: bool
    input_names: list[str]


async def recorded_among(db: Executor, version_ids: list[str]) -> dict[str, Recorded]:
    """Those of these versions that are known, by their ids."""
    rows = await db.rows(
        Recorded,
        "SELECT v.id AS version_id, v.number, v.model_api_id, a.name AS model_api_name, a.created_by_id,"
        " v.project_id, p.owner_id AS project_owner_id, o.kind = 'organization' AS project_is_of_organization,"
        " v.prediction_dataset_id AS dataset_id, v.created_by_id AS named_by_id, a.redacted_fields,"
        " v.source ->> 'type' = 'Registry' AS is_registry,"
        " ARRAY(SELECT jsonb_array_elements_text(v.interface -> 'input_names')) AS input_names"
        " FROM model_api_versions v JOIN model_apis a ON a.id = v.model_api_id"
        " JOIN projects p ON p.id = v.project_id JOIN users o ON o.id = p.owner_id WHERE v.id = ANY($1)",
        version_ids,
    )
    return {row.version_id: row for row in rows}


async def set_recording(tx: Transaction, model_api_id: str, share: float, fields: list[str]) -> None:
    """Chooses which share of the calls is recorded, and which fields are left out of them."""
    await tx.execute(
        "UPDATE model_apis SET recorded_share = $2, redacted_fields = $3 WHERE id = $1",
        model_api_id,
        share,
        fields,
    )


# The last of the lines that speak of recording.
_SAID = (
    "SELECT line FROM model_api_log_lines WHERE version_id = $1 AND kind = 'deployment'"
    " AND line LIKE 'Calls are %' ORDER BY time_ns DESC LIMIT 1"
)


async def last_said(db: Executor, version_id: str) -> str | None:
    """What was last said of the recording of a version in its log."""
    said: Any = await db.value(_SAID, version_id)
    return None if said is None else str(said)


async def say(db: Executor, version_id: str, line: str) -> None:
    """Adds a line to the deployment log of a version, unless it was the last that was said of recording."""
    await db.execute(
        "INSERT INTO model_api_log_lines (version_id, kind, time_ns, line)"
        f" SELECT $1, 'deployment', $2, $3 WHERE ({_SAID}) IS DISTINCT FROM $3"
        " ON CONFLICT DO NOTHING",
        version_id, time.time_ns(), line,
    )  # fmt: skip
