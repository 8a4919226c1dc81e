"""Finding the server and speaking to it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec

from modelyard.settings import load_settings

LONG_SECONDS = 3600.0
PAGE = 1000


class CommandError(Exception):
    """A command cannot be carried out; the message is for the person who gave it."""


class Refused(CommandError):
    """The server answered with an error; `status` is that of the reply."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Server:
    """The server that the environment, or a home on this machine, names."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers={"X-Domino-Api-Key": key}, timeout=httpx.Timeout(30, read=120)
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

    def delete(self, path: str, **params: Any) -> Any:
        """DELETE; the reply's JSON."""
        return self._json("DELETE", path, params=params)

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
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise CommandError(f"No server answers at {self.url} ({error}).") from None
        if response.is_error:
            raise _refusal(response)
        return response.json() if response.content else None


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
