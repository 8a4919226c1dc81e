"""One model API described in OpenAPI 3.1: its addresses, and what its model takes and answers."""

from typing import Any

from modelyard.domains.model_apis.calls.queries import Routes, Served
from modelyard.domains.model_apis.versions.queries import Interface

_FAILURES = {
    400: "The body is not what the model takes",
    401: "No valid credentials",
    404: "No such version, or no such model API for the caller",
    408: "The body came too slowly",
    413: "The body is too large",
    429: "As many calls wait as may",
    500: "The model failed; the message is its own",
    502: "The model's process ended while it worked on the call",
    503: "The version does not run",
    504: "The model did not answer in time",
}
_SCHEMES = {
    "token": {"type": "http", "scheme": "basic", "description": "A token of the model API as user and password"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of the model API, or an API key"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Domino-Api-Key"},
}
_ANYTHING: dict[str, Any] = {}
_TABLE = {"type": "array", "items": {"type": "array"}}


def described(routes: Routes, served: Served, server: str) -> dict[str, Any]:
    """The document of a model API; what it takes is what this version takes."""
    interface = served.interface or Interface()
    return {
        "openapi": "3.1.0",
        "info": {"title": routes.name, "description": routes.description, "version": str(served.number)},
        "servers": [{"url": server}],
        "security": [{}] if routes.is_public else [{name: []} for name in _SCHEMES],
        "paths": _asynchronous(routes) if routes.is_async else _synchronous(routes, served),
        "components": {
            "securitySchemes": _SCHEMES,
            "schemas": {
                "Inputs": _inputs(interface),
                "Request": _request(served, interface),
                "Answer": _answer(served),
                "Failure": _FAILURE,
            },
        },
    }


def _synchronous(routes: Routes, served: Served) -> dict[str, Any]:
    here = f"/models/{routes.model_api_id}"
    number = {
        "name": "versionNumber",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": served.number,
    }
    example = (served.interface or Interface()).example
    call = _call(example)
    return {
        f"{here}/latest/model": {
            "post": call | {"operationId": "callLatest", "summary": "Call the newest version"}
        },
        f"{here}/labels/prod/model": {
            "post": call | {"operationId": "callProduction", "summary": "Call the version in production"}
        },
        f"{here}/{{versionNumber}}/model": {
            "parameters": [number],
            "post": call | {"operationId": "callVersion", "summary": "Call a version by its number"},
        },
    }


def _call(example: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _named("Request")}
    if example is not None:
        content["example"] = example
    return {
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {"200": _reply("The model's answer", _named("Answer"))} | _failures(),
    }


def _asynchronous(routes: Routes) -> dict[str, Any]:
    """A model API that answers later takes named parameters only."""
    here = f"/api/modelApis/async/v1/{routes.model_api_id}"
    body = {"type": "object", "properties": {"parameters": _named("Inputs")}, "required": ["parameters"]}
    asked = {"type": "object", "properties": {"asyncPredictionId": {"type": "string"}}}
    statuses = ["Pending", "Processing", "Succeeded", "Failed"]
    found = {
        "type": "object",
        "properties": {
            "asyncPredictionId": {"type": "string"},
            "status": {"enum": statuses},
            "result": _ANYTHING,
            "errors": {"type": "array", "items": {"type": "string"}},
        },
    }
    prediction = {"name": "asyncPredictionId", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        here: {
            "post": {
                "operationId": "requestPrediction",
                "summary": "Ask for a prediction",
                "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
                "responses": {"200": _reply("It is queued", asked)} | _failures(),
            }
        },
        f"{here}/{{asyncPredictionId}}": {
            "parameters": [prediction],
            "get": {
                "operationId": "retrievePrediction",
                "summary": "See how a prediction is, and its result",
                "responses": {"200": _reply("The prediction", found)} | _failures(),
            },
        },
    }


def _inputs(interface: Interface) -> dict[str, Any]:
    required = [name for name, schema in interface.inputs.items() if "default" not in schema]
    return {"type": "object", "properties": interface.inputs, "required": required}


def _request(served: Served, interface: Interface) -> dict[str, Any]:
    """The forms that a body may have; see the model itself for what its parts may be."""
    if served.source.type != "Registry":
        positional = {"oneOf": [{"type": "array"}, _named("Inputs")]}
        return {"oneOf": [_form("data", positional), _form("parameters", positional)]}
    split = {
        "type": "object",
        "properties": {"columns": {"type": "array"}, "index": {"type": "array"}, "data": _TABLE},
        "required": ["data"],
    }
    records = {"type": "array", "items": _named("Inputs") if interface.inputs else {"type": "object"}}
    forms: dict[str, dict[str, Any]]
    forms = {"dataframe_split": split, "dataframe_records": records, "instances": _ANYTHING, "inputs": _ANYTHING}
    return {"oneOf": [*(_form(name, schema) for name, schema in forms.items()), _form("data", _ANYTHING)]}


def _form(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def _answer(served: Served) -> dict[str, Any]:
    release: dict[str, Any] = {
        "harness_version": {"type": "string"},
        "model_version": {"type": "string"},
        "model_version_number": {"type": "integer"},
    }
    if served.source.type == "Registry":
        release |= {"registered_model_name": {"type": "string"}, "registered_model_version": {"type": "integer"}}
    fields = {
        "result": _ANYTHING,
        "release": {"type": "object", "properties": release, "required": list(release)},
        "request_id": {"type": "string"},
        "timing": {"type": "number", "description": "Milliseconds of the whole call in the server"},
        "model_time_in_ms": {"type": "number", "description": "Milliseconds that the model took"},
    }
    return {"type": "object", "properties": fields, "required": list(fields)}


_FAILURE = {
    "type": "object",
    "properties": {
        "requestId": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "string"}},
        "error": {"type": "string"},
        "message": {"type": "string"},
    },
    "required": ["requestId", "errors", "error", "message"],
}


def _failures() -> dict[str, Any]:
    return {str(status): _reply(meaning, _named("Failure")) for status, meaning in _FAILURES.items()}


def _reply(meaning: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": meaning, "content": {"application/json": {"schema": schema}}}


def _named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
