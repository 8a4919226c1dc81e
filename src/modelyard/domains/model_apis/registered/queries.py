"""SQL of the model APIs that serve registered models."""

from datetime import datetime
from typing import Any

import msgspec

from modelyard.domains.model_apis.queries import ACTIVE_VERSION, OF_CALLER, VISIBLE, ActiveVersion
from modelyard.domains.registered_models import counts_model_apis
from modelyard.domains.users import Caller
from modelyard.kit.db import Executor


class ServingModelApi(msgspec.Struct, frozen=True, kw_only=True):
    """A model API that has a version of a registered model, with its project."""

    id: str
    name: str
    description: str
    modified_at: datetime
    active: dict[str, Any] | None
    project_id: str
    project_name: str
    owner_name: str
    is_git_based: bool

    @property
    def active_version(self) -> ActiveVersion | None:
        """The version that it is known by."""
        return msgspec.convert(self.active, ActiveVersion) if self.active else None


async def serving(
    db: Executor, caller: Caller, model_id: str, version: int | None = None
) -> list[ServingModelApi]:
    """The model APIs that the caller may see and that have a version of a registered model, by name."""
    return await db.rows(
        ServingModelApi,
        f"SELECT a.id, a.name, a.description, a.modified_at, {ACTIVE_VERSION} AS active, p.id AS project_id,"
        " p.name AS project_name, u.user_name AS owner_name,"
        " EXISTS (SELECT FROM code_repositories r WHERE r.project_id = p.id AND r.is_main) AS is_git_based"
        f" FROM {OF_CALLER} JOIN projects p ON p.id = a.project_id JOIN users u ON u.id = p.owner_id"
        " WHERE a.id = ANY(ARRAY(SELECT s.model_api_id FROM model_api_versions s WHERE s.registered_model_id = $3"
        f" AND ($4::bigint IS NULL OR s.registered_model_version = $4))) AND {VISIBLE}"
        " ORDER BY lower(a.name), a.id",
        caller.id, caller.is_admin, model_id, version,
    )  # fmt: skip


@counts_model_apis
async def count_serving(db: Executor, caller: Caller, model_ids: list[str]) -> dict[str, int]:
    """How many model APIs that the caller may see have a version of each of these registered models."""
    rows = await db.rows(
        dict,
        "SELECT s.model_id, count(*) AS number FROM (SELECT DISTINCT v.registered_model_id AS model_id,"
        " v.model_api_id FROM model_api_versions v WHERE v.registered_model_id = ANY($3)) s"
        f" CROSS JOIN LATERAL (SELECT FROM {OF_CALLER} WHERE a.id = s.model_api_id AND {VISIBLE}) seen"
        " GROUP BY s.model_id",
        caller.id, caller.is_admin, model_ids,
    )  # fmt: skip
    return {row["model_id"]: row["number"] for row in rows}
