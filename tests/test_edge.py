"""The outermost layer: ids, unknown addresses, limits, a database that is away."""

import asyncio
from typing import Any

import httpx
import msgspec

from modelyard.settings import Settings
from tests.client import Modelyard, Person


async def test_every_reply_has_its_request_id(ada: Person) -> None:
    response = await ada.request("GET", "/api/users/v1/self", headers={"X-Request-Id": "mine-1"})
    assert response.headers["x-request-id"] == "mine-1"
    assert response.json()["metadata"]["requestId"] == "mine-1"
    made = await ada.request("GET", "/api/users/v1/self", headers={"X-Request-Id": "not a plain id"})
    assert len(made.headers["x-request-id"]) == 24


async def test_unknown_addresses_and_methods_get_the_failure_envelope(ada: Person) -> None:
    reply = await ada.get("/api/no/such/thing", expect=404)
    assert reply["errors"] == ["There is nothing at this address."]
    assert set(reply) == {"requestId", "errors", "error", "message"}
    await ada.delete("/version", expect=405)


async def test_a_body_that_is_no_json_is_a_400(ada: Person) -> None:
    response = await ada.request("POST", "/api/projects/beta/projects", content=b"{nonsense")
    assert response.status_code == 400
    response = await ada.request("POST", "/api/projects/beta/projects", content=b'{"name": 5}')
    assert response.status_code == 400
    assert "name" in response.json()["message"]


async def test_a_body_over_the_limit_is_refused(settings: Settings, dsn: str) -> None:
    small = msgspec.structs.replace(settings, max_body_bytes=1000)
    async with Modelyard.over(small, dsn) as modelyard:
        ada = await modelyard.person("ada")
        body = {"name": "x", "description": "d" * 2000, "visibility": "Private"}
        await ada.post("/api/projects/beta/projects", body, expect=413)


async def test_health_version_metrics_and_the_page(modelyard: Modelyard) -> None:
    nobody = modelyard.stranger()
    assert (await nobody.get("/health/live"))["status"] == "live"
    assert (await nobody.get("/health/ready"))["status"] == "ready"
    assert (await nobody.get("/version"))["version"] >= "6"
    assert b"modelyard_requests_total" in await nobody.get("/metrics")
    assert b"/openapi.json" in await nobody.get("/docs")
    assert (await nobody.get("/openapi.json"))["openapi"].startswith("3.1")


async def test_a_database_that_is_away_is_a_503(modelyard: Modelyard, ada: Person) -> None:
    await modelyard.db.close()
    response: httpx.Response = await ada.request("GET", "/api/users/v1/self")
    assert response.status_code == 503
    assert "database" in response.json()["message"]


async def test_refused_changes_leave_no_connection_behind(ada: Person) -> None:
    for _ in range(3 * ada.modelyard.settings.database_pool_size):
        await ada.post("/v4/jobs/unknown/archive", expect=404)
        await ada.post("/api/projects/v1/projects/unknown/goals", {"title": "x"}, expect=404)
    await ada.get("/api/users/v1/self")


async def test_many_changes_at_once_share_the_connections(ada: Person) -> None:
    body = {"description": "", "visibility": "Private"}
    path = "/api/projects/beta/projects"
    await asyncio.gather(*(ada.post(path, body | {"name": f"p{number}"}) for number in range(40)))
    assert (await ada.get(path))["metadata"]["totalCount"] == 41


async def test_a_client_that_goes_away_in_the_middle_is_no_failure_of_the_server(ada: Person) -> None:
    transport: Any = ada.modelyard.http._transport
    headers = [(b"x-domino-api-key", ada.key.encode()), (b"content-type", b"application/octet-stream")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": "/v1/projects/ada/quick-start/half.bin",
        "raw_path": b"/v1/projects/ada/quick-start/half.bin",
        "query_string": b"",
        "headers": headers,
        "server": ("modelyard", 80),
        "client": ("127.0.0.1", 1),
    }
    said = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return next(said)

    async def send(message: Any) -> None:
        sent.append(message)

    await transport.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert len(await ada.get("/v1/projects/ada/quick-start/commits")) == 1
