"""What answers say of the version that gave them."""

from typing import Any

import msgspec

from modelyard.domains.model_apis.calls.queries import Served

HARNESS_VERSION = "0.1"


def release_of(served: Served) -> bytes:
    """The release in the answers of a version, as JSON."""
    release: dict[str, Any] = {
        "harness_version": HARNESS_VERSION,
        "model_version": served.version_id,
        "model_version_number": served.number,
    }
    if served.source.type == "Registry":
        release["registered_model_name"] = served.source.registered_model_name
        release["registered_model_version"] = served.source.registered_model_version
    return msgspec.json.encode(release)
