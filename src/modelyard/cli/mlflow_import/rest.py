"""MLflow's REST protocol, as a client of the server that is left and of the one that is filled speaks it."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from modelyard.cli.connection import CommandError, Refused, Unreachable

API = "/api/2.0/mlflow"
TRACES_API = "/api/3.0/mlflow/traces"
FILES_API = "/api/2.0/mlflow-artifacts/artifacts"
PIECE_BYTES = 2**18
# MLflow's server has 15 connections to its database, of which one request may take two.
CONNECTIONS = 6
OVERLOADED = "QueuePool limit"
# Seconds between attempts: all together a server may take as long to start again.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
LONGEST_PAUSE = 60.0
# An error of the server itself rarely passes; that of a gateway does.
PAUSES_AFTER_500 = PAUSES[:2]

Json = dict[str, Any]
Result = TypeVar("Result")


class Busy(Refused):
    """The server asks to wait for a number of seconds."""

    def __init__(self, message: str, status: int, pause: float) -> None:
        super().__init__(message, status)
        self.pause = pause


async def repeated(
    attempt: Callable[[], Awaitable[Result]], find: Callable[[], Awaitable[Result | None]] | None = None
) -> Result:
    """Does something that may fail now and succeed after a pause; raises CommandError when it does not.

    For what must not be done twice, `find` says what came of it, if anything, before it is done again.
    """
    count = 0
    while True:
        try:
            return await attempt()
        except CommandError as error:
            pauses = PAUSES_AFTER_500 if isinstance(error, Refused) and error.status == 500 else PAUSES
            if not error.may_pass or count >= len(pauses):
                raise
            pause = max(pauses[count], error.pause if isinstance(error, Busy) else 0)
        count += 1
        await asyncio.sleep(pause)
        if find is not None and (found := await find()) is not None:
            return found


class Rest:
    """A server that speaks MLflow's protocol below a URL.

    Every request raises Refused (the server answered with an error) or Unreachable (it did not answer); those that
    may be repeated are, before that.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self.url = url.rstrip("/")
        self._headers = dict(headers)
        self._http: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            headers={**self._headers, "Accept-Encoding": "identity"},
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300),
            trust_env="Authorization" not in self._headers,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def get(self, path: str, /, **params: Any) -> Json:
        """GET; the reply's JSON."""
        return await repeated(lambda: self._json("GET", path, params=params))

    async def post(
        self, path: str, body: Json, *, find: Callable[[], Awaitable[Json | None]] | None = None
    ) -> Json:
        """POST of a JSON body; the reply's JSON, or what `find` gives when the reply was lost."""
        return await repeated(lambda: self._json("POST", path, body=body), find)

    async def patch(self, path: str, body: Json) -> Json:
        """PATCH of a JSON body; the reply's JSON."""
        return await repeated(lambda: self._json("PATCH", path, body=body))

    async def delete(self, path: str, body: Json) -> Json:
        """DELETE with a JSON body; the reply's JSON."""
        return await repeated(lambda: self._json("DELETE", path, body=body))

    async def pages(
        self, path: str, field: str, /, *, body: Json | None = None, **params: Any
    ) -> AsyncIterator[list[Json]]:
        """Every page of a list, by POST where there is a body; the entries of a page are its `field`."""
        token = ""
        while True:
            window = {"page_token": token} if token else {}
            if body is None:
                reply = await self.get(path, **params, **window)
            else:
                reply = await self.post(path, body | window)
            if entries := reply.get(field):
                yield entries
            following = reply.get("next_page_token") or ""
            # A page that names itself as the next would be asked for forever.
            if following in {"", token}:
                return
            token = following

    async def entries(
        self, path: str, field: str, /, *, body: Json | None = None, **params: Any
    ) -> AsyncIterator[Json]:
        """Every entry of a list that is served in pages."""
        async for page in self.pages(path, field, body=body, **params):
            for entry in page:
                yield entry

    @asynccontextmanager
    async def reply(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """One attempt of a request, and its reply whose body is still to be read."""
        try:
            async with self._http.request(method, URL(self.url + path, encoded=True), **options) as response:
                if response.status >= 400:
                    raise await _refusal(response)
                yield response
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise Unreachable(f"{self.url} does not answer ({error or type(error).__name__}).") from error

    async def put(self, path: str, content: AsyncIterable[bytes] | bytes, size: int | None) -> None:
        """One attempt of a PUT of bytes; those of an iterator cannot be sent again."""
        headers = {"Content-Type": "application/octet-stream"}
        if size is not None:
            headers["Content-Length"] = str(size)
        async with self.reply("PUT", path, data=content, headers=headers) as response:
            await response.read()

    async def _json(self, method: str, path: str, *, params: Json | None = None, body: Json | None = None) -> Json:
        options: Json = {"params": {name: str(value) for name, value in (params or {}).items()}}
        if body is not None:
            options["data"] = msgspec.json.encode(body)
            options["headers"] = {"Content-Type": "application/json"}
        async with self.reply(method, path, **options) as response:
            content = await response.read()
        try:
            found = msgspec.json.decode(content) if content else {}
        except msgspec.DecodeError:
            raise Refused(f"{self.url}{path} was answered with something that is not JSON.", 404) from None
        return found if isinstance(found, dict) else {}


def quoted(path: str) -> str:
    """A path, or a part of one, as it stands in a URL."""
    return quote(path, safe="/")


async def _refusal(response: aiohttp.ClientResponse) -> Refused:
    """What to raise for a reply that is an error."""
    content = await response.content.read(2**16)
    try:
        message = str(msgspec.json.decode(content)["message"])
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError, KeyError):
        message = f"{response.method} {response.url.path} was answered with status {response.status}"
    # MLflow says so as if the request were wrong.
    if OVERLOADED in message:
        return Refused(message, 503)
    if wanted := response.headers.get("Retry-After", ""):
        return Busy(message, response.status, min(float(wanted), LONGEST_PAUSE) if wanted.isdigit() else 0)
    return Refused(message, response.status)
