"""SQL of volumes."""

from collections.abc import Sequence

from modelyard.domains.model_apis.queries import Volume
from modelyard.kit.db import Executor, Transaction

_COLUMNS = ", ".join(Volume.__struct_fields__)


async def volumes_of(db: Executor, model_api_id: str) -> list[Volume]:
    """The volumes of a model API by name."""
    return await db.rows(
        Volume, f"SELECT {_COLUMNS} FROM model_api_volumes WHERE model_api_id = $1 ORDER BY name", model_api_id
    )


async def add_volumes(tx: Transaction, model_api_id: str, volumes: Sequence[Volume]) -> None:
    """Adds volumes."""
    await tx.execute(
        f"INSERT INTO model_api_volumes (model_api_id, {_COLUMNS})"
        f" SELECT $1, {_COLUMNS} FROM jsonb_populate_recordset(NULL::model_api_volumes, $2)",
        model_api_id, volumes,
    )  # fmt: skip


async def remove_volume(tx: Transaction, model_api_id: str, name: str) -> bool:
    """Removes a volume; False when there is none of that name."""
    removed = await tx.execute(
        "DELETE FROM model_api_volumes WHERE model_api_id = $1 AND name = $2", model_api_id, name
    )
    return removed == 1
