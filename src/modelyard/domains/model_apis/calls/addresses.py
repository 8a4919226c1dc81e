"""The addresses of calls."""

import re

from modelyard.domains.model_apis.calls.routing import Choice

PREFIX = "/models/"
# How measurements name all of them.
ROUTE = "/models/{modelApiId}/model"

_LONGEST_NUMBER = 9
_SLASHES = re.compile("/{2,}")


def called_at(path: str) -> tuple[str, Choice] | None:
    """The model API and the version that are called at an address, or None for the address of something else."""
    found = _parsed(path.split("/"))
    if found is None and ("//" in path or path[-1] == "/"):
        return _parsed(_SLASHES.sub("/", path).rstrip("/").split("/"))
    return found


def _parsed(parts: list[str]) -> tuple[str, Choice] | None:
    match parts:
        case ["", "models", model_api_id, "latest", "model"]:
            return model_api_id, "latest"
        case ["", "models", model_api_id, "labels", "prod", "model"]:
            return model_api_id, "prod"
        case ["", "models", model_api_id, number, "model"]:
            if number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER:
                return model_api_id, int(number)
    return None
