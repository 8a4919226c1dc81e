"""Whether a change left an event: every successful change of every test passes through here."""

import httpx

from modelyard.kit.db import Database

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}

# What may succeed without changing anything, by the end of its path.
HARMLESS = {
    "/v4/jobs/stop": "a job that has ended stays as it is",
}


async def check_recorded(db: Database, method: str, path: str, response: httpx.Response) -> None:
    """Fails when a change succeeded and no event has its request's id."""
    if method not in CHANGING or not response.is_success or path in HARMLESS:
        return
    sql = "SELECT EXISTS (SELECT FROM events WHERE request_id = $1)"
    async with db.connection() as connection:
        found = await connection.fetchval(sql, response.headers["x-request-id"])
    assert found, f"{method} {path} changed something and recorded no event"
