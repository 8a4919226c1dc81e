"""Validates replies against the contract: every test's every response passes through here."""

import functools
import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

CONTRACT = Path(__file__).parents[2] / "contract"
METHODS = ("get", "put", "post", "patch", "delete")


@functools.cache
def contract() -> dict[str, Any]:
    """The contract as it is vendored."""
    document: dict[str, Any] = json.loads((CONTRACT / "openapi.json").read_text())
    return document


def validate_response(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Fails when a reply to an operation of the contract is not one that the contract allows."""
    operation = _operation(method, path)
    if operation is None or status in {405, 413, 429, 503}:
        return
    name = operation["operationId"]
    response = operation["responses"].get(str(status))
    assert response is not None, f"{name} answered {status}, which the contract does not list: {body[:500]!r}"
    schema = _schema(_resolved(response))
    if schema is None:
        return
    assert headers.get("content-type", "").startswith("application/json"), f"{name} answered no JSON"
    error = best_match(_validator(json.dumps(schema)).iter_errors(json.loads(body)))
    assert error is None, f"{name} {status}: {error.message} at {list(error.absolute_path)}"


@functools.lru_cache(maxsize=1024)
def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, methods in _patterns():
        if pattern.fullmatch(path) and method.lower() in methods:
            operation: dict[str, Any] = methods[method.lower()]
            return operation
    return None


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The paths of the contract as patterns, those with most literal parts first."""
    found = []
    for path, methods in contract()["paths"].items():
        parts = [
            ".+" if part == "{path}" else "[^/]+" if part.startswith("{") else re.escape(part)
            for part in path.split("/")
        ]
        found.append((path.count("{"), re.compile("/".join(parts)), methods))
    return [(pattern, methods) for _, pattern, methods in sorted(found, key=lambda item: item[0])]


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = contract()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _schema(response: dict[str, Any]) -> dict[str, Any] | None:
    content = response.get("content", {}).get("application/json")
    return content["schema"] if content else None


@functools.lru_cache(maxsize=512)
def _validator(schema: str) -> Draft202012Validator:
    resource = Resource.from_contents(contract(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:contract", resource)
    rooted = json.loads(schema.replace('"#/', '"urn:contract#/'))
    return Draft202012Validator(rooted, registry=registry)
