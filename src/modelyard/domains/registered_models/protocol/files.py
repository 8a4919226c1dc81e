"""Files of model versions, for the tracker's pages."""

from typing import Any

from litestar import Response

from modelyard.domains.experiments import page_operation, sent_file
from modelyard.domains.registered_models.protocol.access import HttpRequest, artifact_path, version_files_asked
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.engines.tracker import Tracker
from modelyard.kit.safe_path import SafePath


@page_operation("GET", "model-versions/get-artifact", guard=version_files_asked)
async def get_version_artifact(
    model_version: ModelVersion, request: HttpRequest, tracker: Tracker, path: str
) -> Response[Any]:
    """A file of a model version."""
    return await sent_file(request, tracker, f"{artifact_path(model_version)}/{SafePath(path)}")
