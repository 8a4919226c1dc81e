"""Model APIs: stable endpoints behind which versions of a model are built, served, replaced and promoted."""

from modelyard.domains.model_apis.access import ModelApiAccess, model_api_by_id, model_api_with
from modelyard.domains.model_apis.queries import ModelApi

__all__ = ["ModelApi", "ModelApiAccess", "model_api_by_id", "model_api_with"]
