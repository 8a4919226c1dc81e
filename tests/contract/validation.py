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


@functools.cache
def superset() -> dict[str, Any]:
    """Operations of later versions and close neighbours, with a discriminator meaning what it says."""
    document: dict[str, Any] = json.loads((CONTRACT / "superset.json").read_text())
    for schema in document["components"]["schemas"].values():
        if "oneOf" in schema and "mapping" in schema.get("discriminator", {}):
            field = schema["discriminator"]["propertyName"]
            schema["oneOf"] = [
                {"allOf": [{"$ref": ref}], "properties": {field: {"const": value}}, "required": [field]}
                for value, ref in schema["discriminator"]["mapping"].items()
            ]
    return document


DOCUMENTS = {"contract": contract, "superset": superset}


def validate_response(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Fails when a reply to an operation of the contract, or else of the superset, is not one it allows."""
    document, operation = _operation(method, path)
    if operation is None or status in {405, 413, 429, 503}:
        return
    name = operation["operationId"]
    response = operation["responses"].get(str(status))
    assert response is not None, f"{name} answered {status}, which the {document} does not list: {body[:500]!r}"
    schema = _schema(_resolved(document, response))
    if schema is None:
        return
    assert headers.get("content-type", "").startswith("application/json"), f"{name} answered no JSON"
    error = best_match(_validator(document, json.dumps(schema)).iter_errors(json.loads(body)))
    assert error is None, f"{name} {status}: {error.message} at {list(error.absolute_path)}"


@functools.lru_cache(maxsize=1024)
def _operation(method: str, path: str) -> tuple[str, dict[str, Any] | None]:
    for document in DOCUMENTS:
        for pattern, methods in _patterns(document):
            if pattern.fullmatch(path) and method.lower() in methods:
                return document, methods[method.lower()]
    return "", None


@functools.cache
def _patterns(document: str) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """The paths of a document as patterns, those with most literal parts first."""
    found = []
    for path, methods in DOCUMENTS[document]()["paths"].items():
        parts = [
            ".+" if part == "{path}" else "[^/]+" if part.startswith("{") else re.escape(part)
            for part in path.split("/")
        ]
        found.append((path.count("{"), re.compile("/".join(parts)), methods))
    return [(pattern, methods) for _, pattern, methods in sorted(found, key=lambda item: item[0])]


def _resolved(document: str, node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = DOCUMENTS[document]()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _schema(response: dict[str, Any]) -> dict[str, Any] | None:
    content = response.get("content", {}).get("application/json")
    return content["schema"] if content else None


@functools.lru_cache(maxsize=512)
def _validator(document: str, schema: str) -> Draft202012Validator:
    resource = Resource.from_contents(DOCUMENTS[document](), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource(f"urn:{document}", resource)
    rooted = json.loads(schema.replace('"#/', f'"urn:{document}#/'))
    return Draft202012Validator(rooted, registry=registry)
