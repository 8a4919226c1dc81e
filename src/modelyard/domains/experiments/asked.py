"""What a request of MLflow's protocol is about: ids in its query, its JSON body, its path or its headers."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State

from modelyard.kit.errors import BadRequest
from modelyard.kit.wire import camel_case

HttpRequest = Request[Any, Any, State]

_READ = "modelyard.json"
PROJECT_HEADER = "x-modelyard-project"


class Place(StrEnum):
    """Where a request says something."""

    BODY = "body"
    HEADER = "header"
    PATH = "path"
    QUERY = "query"


class At(msgspec.Struct, frozen=True):
    """A place of a request, and the name there; `alias` is an older name of the same."""

    place: Place
    name: str
    alias: str | None = None


async def json_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object of a request, read once; raises BadRequest."""
    if _READ in request.scope:
        known: dict[str, Any] = request.scope[_READ]  # type: ignore[literal-required]
        return known
    content = await request.body()
    if b"\\u0000" in content:
        raise BadRequest("A text in the request has a character that cannot be stored (NUL).")
    try:
        body = msgspec.json.decode(content or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = _lenient(content)
    if not isinstance(body, dict):
        raise BadRequest("The body is not a JSON object.")
    request.scope[_READ] = body  # type: ignore[literal-required]
    return body


def _lenient(content: bytes) -> Any:
    """JSON with the NaN and Infinity that Python's clients write."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None


async def one(request: HttpRequest, at: At) -> str:
    """The one id at a place; raises BadRequest when there is none, or more than one."""
    found = await many(request, at)
    if len(found) != 1:
        raise BadRequest(f"The {at.place} of this request names one {at.name}; this one names {len(found)}.")
    return found[0]


async def many(request: HttpRequest, at: At) -> list[str]:
    """The ids at a place, each once; raises BadRequest for what is no id."""
    values: list[Any] = []
    for name in (at.name, at.alias):
        if name is not None:
            values += await _values(request, at.place, name)
    if not all(isinstance(value, str) for value in values):
        raise BadRequest(f"The {at.place} of this request has a {at.name} that is not a text.")
    return list(dict.fromkeys(values))


async def _values(request: HttpRequest, place: Place, name: str) -> list[Any]:
    match place:
        case Place.QUERY:
            return list(request.query_params.getall(name, []))
        case Place.PATH:
            value = request.path_params.get(name)
            return [] if value is None else [str(value)]
        case Place.HEADER:
            header = request.headers.get(name)
            return [] if header is None else [header]
        case Place.BODY:
            return _inside(await json_body(request), name)


def _inside(body: Mapping[str, Any], name: str) -> list[Any]:
    """What is in a body below a dotted name, in all members of lists on the way.

    The tracker would also take each part in camel case; who writes it so could name something else than is asked
    about here. Raises BadRequest.
    """
    found: list[Any] = [body]
    for part in name.split("."):
        objects = [one for one in found if isinstance(one, dict)]
        other = camel_case(part)
        if other != part and any(other in one for one in objects):
            raise BadRequest(f"Write {part}, not {other}.")
        found = [one.get(part) for one in objects]
        found = [inner for one in found for inner in (one if isinstance(one, list) else [one])]
    return [one for one in found if one is not None]


def project_named(request: HttpRequest) -> str | None:
    """The project that a client works in, by the address that it uses: an id, or `owner/name`."""
    return request.headers.get(PROJECT_HEADER)
