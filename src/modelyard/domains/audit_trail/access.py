"""Who may read which part of the audit trail."""

import msgspec

from modelyard.domains.projects import project_by_id
from modelyard.domains.users import Caller, Right
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import Forbidden


class Trail(msgspec.Struct, frozen=True):
    """The part of the trail that is asked for and may be read: one project's, or with None everything."""

    project_id: str | None


async def _load(caller: Caller, db: Database, withinProjectId: str | None = None) -> Trail:
    project_id = withinProjectId or None
    if not caller.is_admin:
        if project_id is None:
            raise Forbidden(
                "Only administrators see the events of the whole platform; give withinProjectId to see those"
                " of a project that you own."
            )
        await project_by_id(db, caller, project_id, Right.VIEW_AUDIT_TRAIL)
    return Trail(project_id)


trail = Guard(
    "trail", _load, rights=(Right.VIEW_AUDIT_TRAIL,), scope="an administrator, or the project's owner"
)  # fmt: skip
