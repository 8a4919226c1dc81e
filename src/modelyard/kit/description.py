"""The served description of the API, where it must say more than can be routed."""

from typing import Any

from litestar import Litestar, Request
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute

BINARY = "application/octet-stream"


def description_of(app: Litestar) -> dict[str, Any]:
    """The OpenAPI document, with every operation at the URL that clients use.

    A greedy path parameter must be the last part of a routed URL; where clients put more behind it, or
    use an address that other routes shadow, the operation says so with `documented`.
    """
    return _documented(app, app.openapi_schema.to_schema())


class JsonDescription(JsonRenderPlugin):
    """Serves the same document below the application's own schema folder."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document as JSON."""
        return super().render(request, openapi_schema | description_of(request.app))


def _documented(app: Litestar, document: dict[str, Any]) -> dict[str, Any]:
    paths = document["paths"]
    for route in app.routes:
        if not isinstance(route, HTTPRoute) or route.path_format not in paths:
            continue
        for handler in route.route_handlers:
            _describe(paths, route.path_format, handler)
        if not paths[route.path_format]:
            del paths[route.path_format]
    return document


def _describe(paths: dict[str, Any], routed: str, handler: HTTPRouteHandler) -> None:
    method = str(handler.opt.get("method", "")).lower()
    if method not in paths[routed]:
        return
    described = paths[routed][method]
    if rights := handler.opt.get("rights"):
        described["x-permissions"] = [str(right) for right in rights]
    if handler.media_type == BINARY:
        success = described["responses"][str(handler.status_code)]
        success["content"] = {BINARY: {"schema": {"type": "string", "format": "binary"}}}
    if documented := handler.opt.get("documented"):
        paths.setdefault(documented, {})[method] = paths[routed].pop(method)
