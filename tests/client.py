"""Speaks HTTP to the application in this process, as one person or another.

Every reply to an operation of the contract is validated against it, and every change that succeeds must have
left an event.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
from litestar import Litestar

from modelyard.app import create_app, edge
from modelyard.domains.users import NewUser, create_user, ensure_administrator
from modelyard.kit.db import Database
from modelyard.settings import Settings
from tests.contract.validation import validate_response
from tests.recorded import check_recorded

ADMIN_KEY = "administrators-key"


class Modelyard:
    """The API in this process, over a database of its own."""

    def __init__(self, http: httpx.AsyncClient, db: Database, settings: Settings) -> None:
        self.http = http
        self.db = db
        self.settings = settings

    @classmethod
    @asynccontextmanager
    async def over(cls, settings: Settings, dsn: str) -> AsyncIterator[Self]:
        """The API with its lifespan running."""
        app = create_app(settings, dsn)
        transport = httpx.ASGITransport(app=edge(app, settings), raise_app_exceptions=False)  # type: ignore[arg-type]
        async with _alive(app), httpx.AsyncClient(transport=transport, base_url="http://modelyard") as http:
            yield cls(http, app.state.db, settings)

    async def administrator(self) -> "Person":
        """The first administrator."""
        user = await ensure_administrator(self.db, ADMIN_KEY)
        return Person(self, user.id, user.user_name, ADMIN_KEY)

    async def person(self, name: str, *, is_admin: bool = False) -> "Person":
        """A new account."""
        async with self.db.transaction() as tx:
            user, key = await create_user(
                tx, None, NewUser(user_name=name, email=f"{name}@example.org", is_admin=is_admin)
            )
        return Person(self, user.id, name, key)

    def stranger(self) -> "Person":
        """Somebody without credentials."""
        return Person(self, "", "", "")


class Person:
    """Somebody who sends requests."""

    def __init__(self, modelyard: Modelyard, id: str, name: str, key: str) -> None:
        self.modelyard = modelyard
        self.id = id
        self.name = name
        self.key = key

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Sends one request; its reply is checked against the contract, and whether a change was recorded."""
        headers = {"X-Domino-Api-Key": self.key} if self.key else {}
        headers |= options.pop("headers", {})
        response = await self.modelyard.http.request(method, path, headers=headers, **options)
        _check(method, path, response)
        await check_recorded(self.modelyard.db, method, path.partition("?")[0], response)
        return response

    async def get(self, path: str, /, expect: int = 200, **params: Any) -> Any:
        """GET with query parameters; the reply's JSON."""
        return _json(await self.request("GET", path, params=params), expect)

    async def post(self, path: str, body: Any = None, expect: int = 200, **params: Any) -> Any:
        """POST of a JSON body; the reply's JSON."""
        return _json(await self.request("POST", path, json=body, params=params), expect)

    async def put(self, path: str, body: Any = None, expect: int = 200, **params: Any) -> Any:
        """PUT of a JSON body; the reply's JSON."""
        return _json(await self.request("PUT", path, json=body, params=params), expect)

    async def patch(self, path: str, body: Any = None, expect: int = 200, **params: Any) -> Any:
        """PATCH of a JSON body; the reply's JSON."""
        return _json(await self.request("PATCH", path, json=body, params=params), expect)

    async def delete(self, path: str, /, expect: int = 200, **params: Any) -> Any:
        """DELETE; the reply's JSON."""
        return _json(await self.request("DELETE", path, params=params), expect)


@asynccontextmanager
async def _alive(app: Litestar) -> AsyncIterator[None]:
    """The application's lifespan, begun and ended by one task, as it demands."""
    ready, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            ready.set()
            await over.wait()

    life = asyncio.create_task(live())
    began = asyncio.create_task(ready.wait())
    await asyncio.wait({life, began}, return_when=asyncio.FIRST_COMPLETED)
    began.cancel()
    if life.done():
        await life
    try:
        yield
    finally:
        over.set()
        await life


def _json(response: httpx.Response, expect: int) -> Any:
    assert response.status_code == expect, f"{response.request.url}: {response.status_code} {response.text[:2000]}"
    is_json = response.headers.get("content-type", "").startswith("application/json")
    return response.json() if is_json and response.content else response.content


def _check(method: str, path: str, response: httpx.Response) -> None:
    validate_response(
        method, path.partition("?")[0], response.status_code, dict(response.headers), response.content
    )
