"""Files of model versions, for the tracker's pages."""

from typing import Any

from litestar import Response

from modelyard.domains.experiments import Changed, Stream, page_operation
from modelyard.domains.registered_models.protocol.access import HttpRequest, artifact_path, version_files_asked
from modelyard.domains.registered_models.versions.queries import ModelVersion
from modelyard.engines.tracker import Tracker
from modelyard.kit.safe_path import SafePath


@page_operation("GET", "model-versions/get-artifact", guard=version_files_asked)
async def get_version_artifact(
    model_version: ModelVersion, request: HttpRequest, tracker: Tracker, path: str
) -> Response[Any]:
    """A file of a model version."""
    there = f"/api/2.0/mlflow-artifacts/artifacts/{artifact_path(model_version)}/{SafePath(path)}"
    return Stream(request, tracker, Changed(path=there, query=()))
