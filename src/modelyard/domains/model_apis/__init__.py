"""Model APIs: stable endpoints behind which versions of a model are built, served, replaced and promoted."""

import modelyard.domains.model_apis.registered.queries  # noqa: F401 - the registry's count of what serves a model
from modelyard.domains.model_apis.access import ModelApiAccess, model_api_by_id, model_api_with
from modelyard.domains.model_apis.queries import ModelApi

# Below it stand names of volumes, which may have slashes.
NAMES_BELOW = "/api/modelServing/v1/modelApis/"

__all__ = ["NAMES_BELOW", "ModelApi", "ModelApiAccess", "model_api_by_id", "model_api_with"]
