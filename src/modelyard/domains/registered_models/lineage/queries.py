"""SQL of the models that versions come from."""

import msgspec

from modelyard.domains.projects import projects_with
from modelyard.domains.users import Caller, Right
from modelyard.kit.db import Executor


class UpstreamVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version that another one may come from; `readable` tells whether the caller may see it."""

    name: str
    version: int
    logged_model_id: str | None
    readable: bool


async def versions_known_as(
    db: Executor, caller: Caller, logged_model_ids: list[str], name: str | None, version: int | None
) -> list[UpstreamVersion]:
    """The versions that are one of these logged models, and the one of this name and number."""
    return await db.rows(
        UpstreamVersion,
        "SELECT m.name, v.version, v.logged_model_id,"
        f" m.project_id IN ({projects_with(caller, Right.VIEW_JOBS)}) AS readable"
        " FROM model_versions v JOIN registered_models m ON m.id = v.model_id"
        " WHERE v.logged_model_id = ANY($3) OR (m.name = $4::text AND v.version = $5::int)"
        " ORDER BY m.name, v.version",
        caller.id, caller.is_admin, logged_model_ids, name, version,
    )  # fmt: skip
