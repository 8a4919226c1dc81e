"""Finding the server and speaking to it."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from modelyard.settings import load_settings

LONG_SECONDS = 3600.0
PAGE = 1000
CONNECTIONS = 64


class CommandError(Exception):
    """A command cannot be carried out; the message is for the person who gave it.

    `may_pass` says that the same may well succeed in a moment.
    """

    may_pass = False


class Unreachable(CommandError):
    """No server answered."""

    may_pass = True


class Refused(CommandError):
    """The server answered with an error; `status` is that of the reply."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        self.may_pass = status >= 500 or status in {408, 429}


class Server:
    """The server that the environment, or a home on this machine, names."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url.rstrip("/"), key
        self._http = httpx.Client(
            base_url=self.url,
            headers={"X-Domino-Api-Key": key},
            timeout=httpx.Timeout(30, read=120),
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )

    @classmethod
    def find(cls, home: str | None = None) -> Self:
        """The server, by MODELYARD_URL or DOMINO_API_HOST, else the one running on the home.

        The key is MODELYARD_API_KEY or DOMINO_USER_API_KEY, else the home's `admin-api-key`. Raises
        CommandError when there is none.
        """
        environ = os.environ
        folder = load_settings(home=home).home_path
        url = environ.get("MODELYARD_URL") or environ.get("DOMINO_API_HOST") or _recorded_url(folder)
        key = environ.get("MODELYARD_API_KEY") or environ.get("DOMINO_USER_API_KEY") or _recorded_key(folder)
        return cls(url, key)

    def get(self, path: str, /, **params: Any) -> Any:
        """GET; the reply's JSON."""
        return self._json("GET", path, params={k: v for k, v in params.items() if v is not None})

    def pages(self, path: str, field: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every entry of a list that is served in pages; the entries of a page are its `field`."""
        offset = 0
        while entries := self.get(path, offset=offset, limit=PAGE, **params)[field]:
            yield from entries
            if len(entries) < PAGE:
                return
            offset += PAGE

    def post(self, path: str, body: Any = None) -> Any:
        """POST of a JSON body; the reply's JSON."""
        return self._json("POST", path, json=body)

    def put(self, path: str, body: Any) -> Any:
        """PUT of a JSON body; the reply's JSON."""
        return self._json("PUT", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH of a JSON body; the reply's JSON."""
        return self._json("PATCH", path, json=body)

    def delete(self, path: str, body: Any = None, **params: Any) -> Any:
        """DELETE; the reply's JSON."""
        return self._json("DELETE", path, params=params, json=body)

    def work(self, method: str, path: str, /, body: Any = None, **params: Any) -> Any:
        """A request that keeps the server busy, maybe for long; the reply's JSON."""
        wanted = {k: v for k, v in params.items() if v is not None} or None
        return self._json(method, path, json=body, params=wanted, timeout=httpx.Timeout(LONG_SECONDS))

    def status(self, path: str, /, **params: Any) -> int:
        """GET; the status of the reply."""
        return self._reply("GET", path, params=params).status_code

    def send(self, path: str, content: Iterable[bytes], headers: dict[str, str], /, **params: Any) -> None:
        """POST of bytes, from any thread, by as many threads at a time as there are connections."""
        self._reply("POST", path, content=content, headers=headers, params=params)

    def upload(self, method: str, path: str, content: Iterator[bytes] | bytes, **params: Any) -> Any:
        """Sends bytes; the reply's JSON."""
        headers = {"Content-Type": "application/octet-stream"}
        return self._json(
            method, path, content=content, params=params, headers=headers, timeout=httpx.Timeout(LONG_SECONDS)
        )

    def download(self, path: str, /, **params: str) -> Iterator[bytes]:
        """The bytes of a file; raises CommandError when they cannot be had, or not to their end."""
        try:
            with self._http.stream("GET", path, params=params) as response:
                if response.is_error:
                    response.read()
                    raise _refusal(response)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise CommandError(f"The download from {self.url} broke off ({error}).") from None

    def _json(self, method: str, path: str, **options: Any) -> Any:
        response = self._reply(method, path, **options)
        return response.json() if response.content else None

    def _reply(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise Unreachable(f"No server answers at {self.url} ({error}).") from None
        if response.is_error:
            raise _refusal(response)
        return response


def _refusal(response: httpx.Response) -> Refused:
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = f"The server answered {response.status_code} to {response.request.url.path}."
    return Refused(message, response.status_code)


def _recorded_url(home: Path) -> str:
    try:
        return str(msgspec.json.decode((home / "server.json").read_bytes())["url"])
    except FileNotFoundError:
        raise CommandError(
            f"No server runs on the home {home}. Start one with `modelyard serve`, or name one with"
            " MODELYARD_URL and MODELYARD_API_KEY."
        ) from None


def _recorded_key(home: Path) -> str:
    try:
        return (home / "admin-api-key").read_text().strip()
    except OSError:
        raise CommandError("No API key: set MODELYARD_API_KEY.") from None
