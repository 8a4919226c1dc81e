"""Compares the described surface of two OpenAPI documents: the contract's and the served one."""

from collections.abc import Iterator
from typing import Any

METHODS = ("get", "put", "post", "patch", "delete")


def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Every operation by its id: method, path, description."""
    return {
        operation["operationId"]: (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def differences(contract: dict[str, Any], served: dict[str, Any], name: str) -> list[str]:
    """How the served operation `name` differs from the contract's, as short sentences that stay the same."""
    wanted, given = operations(contract)[name], operations(served)[name]
    if wanted[:2] != given[:2]:
        return [f"served as {given[0].upper()} {given[1]}"]
    found = list(_parameters(contract, served, wanted[2], given[2]))
    found += _bodies(contract, served, wanted[2], given[2])
    found += _replies(contract, served, wanted[2], given[2])
    return found


def _parameters(
    contract: dict[str, Any], served: dict[str, Any], wanted: dict[str, Any], given: dict[str, Any]
) -> Iterator[str]:
    here = {(one["in"], one["name"]): one for one in given.get("parameters", []) if one["in"] != "header"}
    there = {(one["in"], one["name"]): one for one in wanted.get("parameters", [])}
    for key, one in there.items():
        if key not in here:
            if not one.get("x-not-in-seed"):
                yield f"parameter {key[1]} is missing"
            continue
        other = here[key]
        if one.get("required", False) != other.get("required", False):
            yield f"parameter {key[1]}: required differs"
        yield from _same(contract, served, one["schema"], other["schema"], f"parameter {key[1]}", frozenset())
        default = _plain(contract, one["schema"]).get("default")
        if default is not None and default != _plain(served, other["schema"]).get("default"):
            yield f"parameter {key[1]}: default differs"
    for key in here.keys() - there.keys():
        yield f"parameter {key[1]} is not in the contract"


def _bodies(
    contract: dict[str, Any], served: dict[str, Any], wanted: dict[str, Any], given: dict[str, Any]
) -> Iterator[str]:
    one, other = _json(wanted.get("requestBody")), _json(given.get("requestBody"))
    if (one is None) != (other is None):
        yield "request body: present in one only"
    elif one is not None and other is not None:
        yield from _same(contract, served, one, other, "request body", frozenset())


def _replies(
    contract: dict[str, Any], served: dict[str, Any], wanted: dict[str, Any], given: dict[str, Any]
) -> Iterator[str]:
    code = next(code for code in wanted["responses"] if code.startswith("2"))
    if code not in given["responses"]:
        yield f"reply: success is not {code}"
        return
    one, other = _json(wanted["responses"][code]), _json(given["responses"][code])
    if (one is None) != (other is None):
        yield "reply: present in one only"
    elif one is not None and other is not None:
        yield from _same(contract, served, one, other, "reply", frozenset())


def _json(part: dict[str, Any] | None) -> dict[str, Any] | None:
    content = (part or {}).get("content", {}).get("application/json")
    return content["schema"] if content else None


def _same(
    contract: dict[str, Any],
    served: dict[str, Any],
    one: dict[str, Any],
    other: dict[str, Any],
    place: str,
    seen: frozenset[str],
) -> Iterator[str]:
    reference = one.get("$ref", "")
    if reference and reference in seen:
        return
    seen |= {reference} if reference else set()
    one, other = _plain(contract, one), _plain(served, other)
    # Whoever reads numbers reads integers.
    narrower = place.startswith("reply") and (one["type"], other["type"]) == ("number", "integer")
    if one["type"] != other["type"] and "any" not in {one["type"], other["type"]} and not narrower:
        yield f"{place}: type {other['type']} instead of {one['type']}"
        return
    if one.get("enum") and one["enum"] != other.get("enum"):
        yield f"{place}: enum differs"
    if one["type"] == "array":
        yield from _same(contract, served, one["items"], other["items"], f"{place}[]", seen)
    for name, field in one["properties"].items():
        if name not in other["properties"]:
            yield f"{place}.{name} is missing"
            continue
        if (name in one["required"]) != (name in other["required"]):
            yield f"{place}.{name}: required differs"
        yield from _same(contract, served, field, other["properties"][name], f"{place}.{name}", seen)
    if one["properties"]:
        for name in other["properties"].keys() - one["properties"].keys() - one["required"]:
            yield f"{place}.{name} is not in the contract"


def _plain(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references, null alternatives and compositions."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for kind in ("oneOf", "anyOf"):
        if kind in schema:
            real = [one for one in schema[kind] if one.get("type") != "null"]
            if len(real) == 1:
                return _plain(document, real[0])
            return {"type": "any", "properties": {}, "required": set()}
    plain: dict[str, Any] = {
        "properties": {},
        "required": set(),
        **{k: schema[k] for k in ("default",) if k in schema},
    }
    for part in [*(_plain(document, one) for one in schema.get("allOf", [])), schema]:
        plain["properties"] |= part.get("properties", {})
        plain["required"] |= set(part.get("required", []))
    kind = schema.get("type", "object" if plain["properties"] else "any")
    if isinstance(kind, list):
        kind = next(one for one in kind if one != "null")
    plain["type"] = kind
    plain["items"] = schema.get("items", {})
    if "enum" in schema:
        plain["enum"] = sorted(str(value) for value in schema["enum"] if value is not None)
    return plain
