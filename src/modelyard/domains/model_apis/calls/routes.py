"""A model API's description, and a page to try it."""

import base64
import functools
import hashlib
import re
from typing import Any

import msgspec
from litestar import MediaType, Response

from modelyard.domains.model_apis.calls.access import model_called_by
from modelyard.domains.model_apis.calls.description import described
from modelyard.domains.model_apis.calls.routing import Route
from modelyard.kit.operation import operation
from modelyard.pages import page

PAGE = "/models/{modelApiId:str}"

_HIDDEN: dict[str, Any] = {"tag": "ModelAPI", "include_in_schema": False}
_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


@operation(
    "GET",
    f"{PAGE}/openapi.json",
    guard=model_called_by("modelApiId"),
    operation_id="getModelApiDescription",
    **_HIDDEN,
)
async def get_model_api_description(route: Route, public_url: str) -> Response[bytes]:
    """The description of one model API (OpenAPI 3.1), for those who may call it."""
    document = described(route.routes, route.latest, public_url)
    return Response(
        msgspec.json.encode(document), media_type=MediaType.JSON, headers={"Cache-Control": "no-store"}
    )


@operation("GET", PAGE, guard=None, operation_id="getModelApiPage", **_HIDDEN)
async def get_model_api_page() -> Response[bytes]:
    """The page on which a model API is tried; what it shows it asks for with what its user has."""
    return Response(page("model.html"), media_type=MediaType.HTML, headers=_page_headers())


@functools.cache
def _page_headers() -> dict[str, str]:
    """Nothing runs in the page, or is shown by it, but what is part of it."""
    hashes: dict[bytes, str] = {
        kind: f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
        for kind, text in _INLINE.findall(page("model.html"))
    }
    policy = {
        "default-src": "'none'",
        "script-src": hashes[b"script"],
        "style-src": hashes[b"style"],
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
