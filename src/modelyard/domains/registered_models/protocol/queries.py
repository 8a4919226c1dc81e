"""SQL of models together with the latest version of each of their stages."""

import msgspec

from modelyard.domains.registered_models.queries import ModelFilter, RegisteredModel, list_visible
from modelyard.domains.registered_models.versions.queries import VERSION, StoredVersion
from modelyard.domains.users import Caller
from modelyard.kit.db import Executor

_LATEST = f"""(SELECT coalesce(jsonb_agg(to_jsonb(v) ORDER BY v.version), '[]') FROM ({VERSION}
    WHERE v.model_id = {{id}} AND v.version IN (SELECT max(l.version) FROM model_versions l
        WHERE l.model_id = {{id}} GROUP BY l.stage)) v)"""


class ModelWithLatest(RegisteredModel, frozen=True, kw_only=True):
    """A model with the latest version of each stage, by number."""

    latest: list[StoredVersion]


async def list_with_latest(db: Executor, caller: Caller, wanted: ModelFilter) -> list[ModelWithLatest]:
    """As `list_visible`, with the latest version of each stage."""
    return await list_visible(db, caller, wanted, ModelWithLatest, f", {_LATEST.format(id='m.id')} AS latest")


async def latest_versions(db: Executor, model_id: str) -> list[StoredVersion]:
    """The latest version of each stage of a model, by number."""
    return msgspec.convert(await db.value(f"SELECT {_LATEST.format(id='$1')}", model_id), list[StoredVersion])
