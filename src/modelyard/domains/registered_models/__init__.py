"""Registered models: names on the whole deployment for models that runs have made, version by version."""

import re

from modelyard.domains.registered_models.access import (
    model_by_name,
    model_with,
    version_by_number,
    version_with,
)
from modelyard.domains.registered_models.queries import RegisteredModel
from modelyard.domains.registered_models.serving import counts_model_apis
from modelyard.domains.registered_models.versions.queries import ModelVersion, location_of
from modelyard.domains.registered_models.versions.service import refresh_versions_of_run
from modelyard.domains.registered_models.wire import RegisteredModelProjectSummaryV1
from modelyard.kit.edge import Rewrite

# Below it stand names of models, which may have slashes.
NAMES_BELOW = "/api/registeredmodels/"
# Clients use the operations under this older word, too.
BETA = Rewrite(None, re.compile(r"^/api/(registeredmodels|registeredmodelstages)/beta(?=/|$)"), r"/api/\1/v1")

__all__ = [
    "BETA",
    "NAMES_BELOW",
    "ModelVersion",
    "RegisteredModel",
    "RegisteredModelProjectSummaryV1",
    "counts_model_apis",
    "location_of",
    "model_by_name",
    "model_with",
    "refresh_versions_of_run",
    "version_by_number",
    "version_with",
]
