"""The platform's own operations: health, version, metrics."""

import functools
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from msgspec import UNSET, UnsetType
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from modelyard import __version__
from modelyard.engines.tracker import Tracker
from modelyard.kit.db import Database
from modelyard.kit.description import description_of
from modelyard.kit.errors import Unavailable
from modelyard.kit.operation import operation
from modelyard.kit.wire import Wire
from modelyard.pages import page

TAG = "Platform"

# Clients open features by comparing this with the release that brought them.
COMPATIBLE_VERSION = "6.2.0"


class Version(Wire):
    """What is running: the API release that clients may assume, and Modelyard's own version."""

    version: str
    modelyard: str
    build_id: str
    build_url: str
    commit_id: str
    commit_url: str
    timestamp: str


class Health(Wire):
    """Whether the server lives and can work; `degraded` names what it has to do without for the moment."""

    status: str
    degraded: list[str] | UnsetType = UNSET


@operation("GET", "/health/live", guard=None, tag=TAG, failures=())
async def get_liveness() -> Health:
    """Answers as long as the process runs."""
    return Health(status="live")


@operation("GET", "/health/ready", guard=None, tag=TAG, failures=(503,))
async def get_readiness(db: Database, tracker: Tracker) -> Health:
    """Answers 200 when requests can be served, 503 while the database is away.

    The status is `degraded` while the tracker of experiments is started again after it has ended by itself.
    """
    if await db.value("SELECT 1") != 1:
        raise Unavailable("The database does not answer.")
    if tracker.is_restarting():
        return Health(status="degraded", degraded=["experiments"])
    return Health(status="ready")


@operation("GET", "/version", guard=None, tag=TAG, failures=())
async def get_version(state: State) -> Version:
    """The API release that clients may assume, and Modelyard's own version."""
    started: datetime = state.get("started", datetime.now(UTC))
    return Version(
        version=COMPATIBLE_VERSION,
        modelyard=__version__,
        build_id=__version__,
        build_url="",
        commit_id="",
        commit_url="",
        timestamp=started.isoformat(),
    )


@operation("GET", "/openapi.json", guard=None, tag=TAG, failures=(), include_in_schema=False)
async def get_api_description(request: Request[Any, Any, State]) -> Response[bytes]:
    """The description of this API, generated from the code (OpenAPI 3.1)."""
    return Response(_description(request.app), media_type="application/json")


@operation("GET", "/docs", guard=None, tag=TAG, failures=(), include_in_schema=False)
async def get_api_page() -> Response[bytes]:
    """The description of this API as a page to browse."""
    return Response(page("api.html"), media_type="text/html; charset=utf-8")


@functools.cache
def _description(app: Litestar) -> bytes:
    return msgspec.json.encode(description_of(app))


@operation("GET", "/metrics", guard=None, tag=TAG, failures=(), media_type="text/plain", include_in_schema=False)
async def get_metrics() -> Response[Any]:
    """Measurements in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
