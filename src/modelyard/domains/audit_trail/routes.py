"""The public operation on the audit trail."""

from typing import Annotated

from litestar.params import Parameter

from modelyard.domains.audit_trail import queries
from modelyard.domains.audit_trail.access import Trail, trail
from modelyard.domains.audit_trail.queries import EventFilter
from modelyard.domains.audit_trail.replies import audit_event
from modelyard.domains.audit_trail.wire import AuditEventsResponse, Column
from modelyard.kit.db import Database
from modelyard.kit.errors import BadRequest
from modelyard.kit.operation import operation
from modelyard.kit.paging import Limit, Offset, Page

TAG = "AuditTrail"

_OLDEST_FIRST = {"": False, "desc": False, "-timestamp": False, "asc": True, "timestamp": True}

# Until the end of the year 9999.
Moment = Annotated[int | None, Parameter(ge=0, lt=253_402_300_800_000)]


@operation("GET", "/api/audittrail/v1/auditevents", guard=trail, tag=TAG)
async def fetch_audit_events(
    trail: Trail,
    db: Database,
    startTimestamp: Moment = None,
    endTimestamp: Moment = None,
    actorId: str | None = None,
    actorName: str | None = None,
    event: str | None = None,
    targetType: str | None = None,
    targetId: str | None = None,
    targetName: str | None = None,
    withinProjectName: str | None = None,
    sort: str = "desc",
    limit: Limit = 100,
    offset: Offset = 0,
    column: Column | None = None,  # noqa: ARG001
) -> AuditEventsResponse:
    """Query the audit trail, newest first unless `sort` is `asc` or `timestamp`.

    Times are epoch milliseconds, both inclusive; names match exactly. At most 1,000 events are sent. The
    contract does not say what `column` chooses: its values are accepted, and every event is sent whole.
    """
    if sort not in _OLDEST_FIRST:
        raise BadRequest("sort: give asc or desc, or timestamp or -timestamp.")
    wanted = EventFilter(
        page=Page(offset, limit),
        oldest_first=_OLDEST_FIRST[sort],
        start=startTimestamp,
        end=endTimestamp,
        actor_id=actorId or None,
        actor_name=actorName or None,
        action=event or None,
        target_kind=targetType or None,
        target_id=targetId or None,
        target_name=targetName or None,
        project_id=trail.project_id,
        project_name=withinProjectName or None,
    )
    found = await queries.list_events(db, wanted)
    return AuditEventsResponse(events=[audit_event(one) for one in found.rows], total=found.total)
