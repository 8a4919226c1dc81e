"""GitHub and GitHub Enterprise Server, by their REST API."""

import asyncio
import re
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from modelyard.engines.git_remotes import Visibility
from modelyard.engines.git_remotes.address import parse_address
from modelyard.engines.git_remotes.credentials import AccessToken, Secret
from modelyard.engines.git_remotes.failures import RemoteFailure, scrubbed
from modelyard.engines.git_remotes.network import https_proxy, resolve
from modelyard.engines.git_remotes.rules import AddressRules
from modelyard.kit.errors import BadRequest

API_VERSION = "2022-11-28"
MAX_REPLY_BYTES = 2 * 2**20
TEMPLATE_TRIES, TEMPLATE_PAUSE_SECONDS = 20, 0.5
_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9_])?")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")

# By status, then by its first digit.
_SENTENCES = {
    401: "{host} does not accept the git credential: its token is wrong or has expired.",
    403: "{host} does not let this git credential do that; its token needs the right to.",
    404: "{host} has no {owner}/{name}, or no owner {owner}, that this git credential may use.",
    3: "{host} sends to another address. An administrator has to correct the setting github_api_url.",
    5: "{host} has a problem of its own. Try again later.",
}


class _Reply(msgspec.Struct, frozen=True):
    """What the API said: the status, its headers' word on rate limits, and the decoded body."""

    status: int
    limited: bool
    body: Any


class GitHub:
    """The GitHub behind `api_url`: https://api.github.com, or https://HOST/api/v3 of an Enterprise Server.

    Raises BadRequest when that is no https address or the rules refuse its host.
    """

    def __init__(self, api_url: str, rules: AddressRules, ca_file: str = "", timeout_seconds: float = 60) -> None:
        # An API's address has the shape of a repository's, but for the path.
        address = parse_address(api_url.rstrip("/") + "/api", rules)
        if address.protocol != "https":
            raise BadRequest("The setting github_api_url has to be an https address.")
        self._url = address.uri.removesuffix("/api")
        self._host = address.host or ""
        self._rules = rules
        self._ca_file = ca_file
        self._seconds = timeout_seconds

    def domain(self) -> str:
        """The host of the repositories: github.com, or that of the Enterprise Server."""
        return self._host.removeprefix("api.")

    async def create_repository(
        self, secret: Secret, owner: str, name: str, visibility: Visibility, template: str | None
    ) -> str:
        """Creates a repository, empty or from a template; the address to clone it from."""
        token = _token(secret)
        _check(owner, name)
        source = _template(owner, template)
        async with self._session(token) as session:
            if source is not None:
                return await self._generate(session, source, owner, name, visibility)
            user = await self._ask(session, "GET", "/user")
            own = str(self._good(user, owner, name).get("login", "")).lower() == owner.lower()
            if own and visibility == "internal":
                raise BadRequest("Only an organization has internal repositories; choose public or private.")
            path = "/user/repos" if own else f"/orgs/{owner}/repos"
            asked: dict[str, object] = {"name": name, "private": visibility != "public"}
            asked |= {} if own else {"visibility": visibility}
            return self._clone_url(self._good(await self._ask(session, "POST", path, asked), owner, name))

    async def clone_url(self, secret: Secret, owner: str, name: str) -> str:
        """The address to clone an existing repository from."""
        token = _token(secret)
        _check(owner, name)
        async with self._session(token) as session:
            reply = await self._ask(session, "GET", f"/repos/{owner}/{name}")
            return self._clone_url(self._good(reply, owner, name))

    async def _generate(
        self, session: aiohttp.ClientSession, source: str, owner: str, name: str, visibility: Visibility
    ) -> str:
        asked = {"owner": owner, "name": name, "private": visibility != "public", "include_all_branches": False}
        reply = await self._ask(session, "POST", f"/repos/{source}/generate", asked)
        if reply.status == 404:
            raise RemoteFailure(
                f"{self._host} has no template repository {source} that this git credential may see."
            )
        url = self._clone_url(self._good(reply, owner, name))
        if visibility == "internal":
            change = await self._ask(session, "PATCH", f"/repos/{owner}/{name}", {"visibility": "internal"})
            self._good(change, owner, name)
        # The files of a template arrive some moments after the repository.
        for _ in range(TEMPLATE_TRIES):
            branches = await self._ask(session, "GET", f"/repos/{owner}/{name}/branches?per_page=1")
            if branches.status != 200 or branches.body:
                break
            await asyncio.sleep(TEMPLATE_PAUSE_SECONDS)
        return url

    def _session(self, token: str) -> aiohttp.ClientSession:
        trusted = ssl.create_default_context()
        if self._ca_file:
            try:
                trusted.load_verify_locations(Path(self._ca_file).expanduser())
            except (OSError, ssl.SSLError):
                raise RemoteFailure(
                    "The file of certificates in the setting git_ca_file cannot be read; tell an administrator."
                ) from None
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trusted, resolver=_Resolver(self._rules, self._host)),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {token}",
                "User-Agent": "modelyard",
                "X-GitHub-Api-Version": API_VERSION,
            },
        )

    async def _ask(
        self, session: aiohttp.ClientSession, method: str, path: str, body: dict[str, Any] | None = None
    ) -> _Reply:
        """One request; raises RemoteFailure when there is no answer."""
        try:
            async with session.request(
                method, self._url + path, json=body, allow_redirects=False, proxy=https_proxy(self._host)
            ) as reply:
                content = await reply.content.read(MAX_REPLY_BYTES)
                while piece := await reply.content.read(MAX_REPLY_BYTES - len(content)):
                    content += piece
                limited = reply.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in reply.headers
                return _Reply(reply.status, limited, _decoded(content))
        except aiohttp.ClientConnectorCertificateError:
            raise RemoteFailure(
                f"The certificate of {self._host} is not trusted. An administrator can name its authority's file "
                "in the setting git_ca_file."
            ) from None
        except TimeoutError:
            raise RemoteFailure(f"{self._host} is too slow to answer. Try again later.") from None
        except (aiohttp.ClientError, OSError):
            raise RemoteFailure(f"{self._host} cannot be reached. Try again later.") from None

    def _good(self, reply: _Reply, owner: str, name: str) -> dict[str, Any]:
        """The body of a success; raises RemoteFailure with a sentence for anything else."""
        if reply.status in {200, 201, 202} and isinstance(reply.body, dict):
            return reply.body
        raise RemoteFailure(self._sentence(reply, owner, name))

    def _sentence(self, reply: _Reply, owner: str, name: str) -> str:
        said = _words(reply.body)
        if reply.status == 422 and "already exists" in said:
            return f"{self._host} already has a repository {owner}/{name}; choose another name."
        if reply.status == 429 or (reply.status == 403 and reply.limited):
            return f"{self._host} answers no more requests for the moment. Try again later."
        known = _SENTENCES.get(reply.status) or _SENTENCES.get(reply.status // 100)
        if known:
            return known.format(host=self._host, owner=owner, name=name)
        return f"{self._host} does not accept this" + (f": {scrubbed(said)}" if said else ".")

    def _clone_url(self, body: dict[str, Any]) -> str:
        """The address in a reply, judged like any other."""
        try:
            return parse_address(str(body.get("clone_url") or ""), self._rules).uri
        except BadRequest:
            raise RemoteFailure(f"{self._host} named no address that the repository may be cloned from.") from None


class _Resolver(AbstractResolver):
    """Gives aiohttp only addresses that the rules allow, so that what was judged is what is used."""

    def __init__(self, rules: AddressRules, host: str) -> None:
        self._rules = rules
        self._host = host
        self._default = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        """The addresses of a host; the administrator's proxy is asked for as it is."""
        if host != self._host:
            return await self._default.resolve(host, port, family)
        return [
            found
            for address in await resolve(host, port, self._rules)
            for found in await self._default.resolve(address, port, family)
        ]

    async def close(self) -> None:
        """Nothing is kept."""


def _token(secret: Secret) -> str:
    if not isinstance(secret, AccessToken) or not re.fullmatch(r"[\x21-\x7e]+", secret.token):
        raise BadRequest("Creating and finding repositories needs a git credential that is an access token.")
    return secret.token


def _check(owner: str, name: str) -> None:
    if not _OWNER.fullmatch(owner):
        raise BadRequest("The owner of a repository has letters, digits, '-' and '_' only.")
    if not _NAME.fullmatch(name) or name in {".", ".."} or name.lower().endswith((".git", ".wiki")):
        raise BadRequest(
            "The name of a repository has at most 100 letters, digits, '.', '-' and '_', and does not end with "
            ".git."
        )


def _template(owner: str, template: str | None) -> str | None:
    """The template as owner/name; one without an owner is of the same owner."""
    if not template:
        return None
    source, _, name = template.rpartition("/")
    _check(source or owner, name)
    return f"{source or owner}/{name}"


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _words(body: Any) -> str:
    """What an error reply says in words."""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    details = (
        [str(e.get("message", "")) for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    )
    return " ".join(word for word in [str(body.get("message", "")), *details] if word)
