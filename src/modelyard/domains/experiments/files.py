"""Files of runs and logged models, in MLflow's protocol: sent and received without a way through the tracker."""

import asyncio
import mimetypes
from typing import Any

from litestar import Response

from modelyard.domains.experiments.access import READ, WRITE
from modelyard.domains.experiments.asked import At, HttpRequest, Place
from modelyard.domains.experiments.forwarding import HARMLESS
from modelyard.domains.experiments.guards import Allowed, artifact_at
from modelyard.domains.experiments.protocol import protocol_operation
from modelyard.domains.experiments.wire import Nothing
from modelyard.engines.tracker import Tracker
from modelyard.kit.downloads import file_reply

_FILE = "2.0/mlflow-artifacts/artifacts/{path:path}"
_PATH = At(Place.PATH, "path")


@protocol_operation("GET", _FILE, guard=artifact_at(_PATH, READ), operation_id="mlflowDownloadArtifact")
async def download_artifact(
    allowed: Allowed,  # noqa: ARG001 - its guard is what matters
    request: HttpRequest,
    tracker: Tracker,
    path: str,
) -> Response[Any]:
    """A file, whole or in part."""
    return await sent_file(request, tracker, path)


@protocol_operation(
    "PUT",
    _FILE,
    guard=artifact_at(_PATH, WRITE),
    operation_id="mlflowUploadArtifact",
    request_max_body_size=None,
)
async def upload_artifact(
    allowed: Allowed,  # noqa: ARG001 - its guard is what matters
    request: HttpRequest,
    tracker: Tracker,
    path: str,
) -> Nothing:
    """A file, there as a whole or not at all."""
    await tracker.receive_artifact(path, request.stream())
    return Nothing()


async def sent_file(request: HttpRequest, tracker: Tracker, path: str) -> Response[Any]:
    """A file of the artifact store as the reply to a request; what somebody has logged runs as no page of ours."""
    asked = dict(request.headers)
    reply = await asyncio.to_thread(lambda: file_reply(tracker.open_artifact(path), asked))
    reply.headers.update({name.decode(): value.decode() for name, value in HARMLESS})
    reply.headers["content-disposition"] = "attachment"
    kind = mimetypes.guess_type(path)[0]
    if kind is not None and reply.status_code in {200, 206}:
        reply.media_type = kind
    return reply
