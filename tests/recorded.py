"""Whether a change left an event: every successful change of every test passes through here."""

import re

import httpx

from modelyard.kit.db import Database

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
# A chunk of an upload changes nothing of its dataset before the upload is ended, which is recorded. What is logged
# to a run is the tracker's record by itself; its beginning is an event.
# What somebody has read of their own feed is not for others to know. Whether a version can come into a stage is
# asked with a body, and only asked. A prediction is a call of a model: calls are measured and may be recorded,
# but changes of what is served would not be found among them.
CHANGES_NOTHING = re.compile(
    r"/v4/datasetrw/datasets/[^/]+/snapshot/file"
    r"|(/mlflow)?/(ajax-)?api/[23]\.0/mlflow/(runs/(?!create)|(experiments|registered-models|model-versions)/search"
    r"|registered-models/get-latest|logged-models|traces|datasets|scorers|upload-artifact).*"
    r"|(/mlflow)?/(ajax-)?api/2\.0/mlflow-artifacts/.*|/mlflow/projects/[^/]+/[^/]+/api/2\.0/mlflow/experiments/search"
    r"|/mlflow/graphql|/v1/traces|/v4/notifications/([^/]+/read|readAll)"
    r"|/api/modelApis/async/v1/[^/]+"
    r"|/api/registeredmodels/[^/]+/[^/]+/versions/[^/]+/stages/validate"
    r"|/models/.+/model/?|POST /v1/[^/]+/[^/]+/endpoint"
)


async def check_recorded(db: Database, method: str, path: str, response: httpx.Response) -> None:
    """Fails when a change succeeded and no event has its request's id."""
    if method not in CHANGING or not response.is_success:
        return
    if any(CHANGES_NOTHING.fullmatch(what) for what in (path, f"{method} {path}")):
        return
    # Not through the pool's own methods, which tests count.
    async with db.connection() as connection:
        sql = "SELECT EXISTS (SELECT FROM events WHERE request_id = $1)"
        found = await connection.fetchval(sql, response.headers["x-request-id"])
    assert found, f"{method} {path} changed something and recorded no event"
