"""Calls of a project's endpoint, which has the address and the answers of the first generation."""

from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from modelyard.domains.model_apis.calls.answers import message_in
from modelyard.domains.model_apis.calls.routing import Destination, Router
from modelyard.domains.model_apis.legacy_wire import Release
from modelyard.domains.model_apis.queries import ModelApi
from modelyard.domains.model_apis.versions import queries as version_queries
from modelyard.kit.db import Database
from modelyard.kit.errors import Failure, NotFound
from modelyard.kit.wire import Wire

# The time of those whose model API does not say how long a call may take.
SECONDS = 60.0


class ModelFailed(Failure):
    """The model did not take the request, or failed; `status` says which of them."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class EndpointAnswer(Wire):
    """What the function of an endpoint has returned, and which version it was."""

    request_id: str
    result: Any
    release: Release | UnsetType = UNSET


async def call(db: Database, router: Router, endpoint: ModelApi, body: bytes, request_id: str) -> EndpointAnswer:
    """Asks the newest version that runs.

    Raises ModelFailed, and what stands between a call and its model: Unavailable, TooManyRequests and the like.
    """
    route = await router.find(endpoint.id)
    if route is None:
        raise NotFound("The endpoint has just been taken away.")
    seconds = endpoint.request_timeout_seconds or SECONDS
    destination, answer = await router.call(route, "latest", body, request_id, seconds)
    if answer.status != 200:
        raise ModelFailed(message_in(answer), answer.status)
    result = cast("Any", msgspec.Raw(answer.body))
    return EndpointAnswer(request_id=request_id, result=result, release=await _release(db, destination))


async def _release(db: Database, destination: Destination) -> Release | UnsetType:
    version = await version_queries.find_by_id(db, destination.served.version_id)
    return UNSET if version is None else Release.of(version)
