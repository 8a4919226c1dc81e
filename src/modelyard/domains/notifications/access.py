"""The guard of notifications: nobody sees another's."""

from modelyard.domains.notifications import queries
from modelyard.domains.notifications.queries import Notification
from modelyard.domains.users import Caller
from modelyard.kit.access import Guard
from modelyard.kit.db import Database
from modelyard.kit.errors import NotFound


async def _load(caller: Caller, db: Database, notificationId: str) -> Notification:
    found = await queries.find(db, caller.id, notificationId)
    if found is None:
        raise NotFound(f"You have no notification with the id {notificationId[:100]}.")
    return found


own_notification = Guard("notification", _load, scope="the account that was told")
