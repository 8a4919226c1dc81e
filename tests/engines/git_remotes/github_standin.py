"""A stand-in for GitHub's API on loopback: the repositories it creates are really there, in a served folder.

with github(folder, certificate, clone_url=server.url) as hub:
    GitHub(hub.api_url, rules, ca_file)
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.engines.git_remotes.repositories import git

TOKEN = "gh-s3cret-t0ken"


class StandIn:
    """What the API knows and how it shall answer; `folder` holds `owner/name.git`."""

    def __init__(self, folder: Path, clone_url: Callable[[str], str]) -> None:
        self.folder = folder
        self.clone_url = clone_url
        self.api_url = ""
        self.login = "ada"
        self.organizations = {"the-org"}
        self.templates = {"the-org/template"}
        self.visibility: dict[str, str] = {}
        self.answer: web.Response | None = None
        self.versions: set[str | None] = set()

    def create(self, owner: str, name: str, visibility: str, source: Path | None = None) -> web.Response:
        """A repository, empty or from a template; 422 when the name is taken."""
        bare = self.folder / owner / f"{name}.git"
        if bare.exists():
            errors = [{"resource": "Repository", "message": "name already exists on this account"}]
            body = {"message": "Repository creation failed.", "errors": errors}
            return web.json_response(body, status=422)
        bare.mkdir(parents=True)
        git(bare, "init", "--quiet", "--bare", "--initial-branch=main")
        if source is not None:
            git(bare, "fetch", "--quiet", str(source), "main:main")
        self.visibility[f"{owner}/{name}"] = visibility
        return web.json_response(self._repository(owner, name), status=201)

    def _repository(self, owner: str, name: str) -> dict[str, str]:
        return {"full_name": f"{owner}/{name}", "clone_url": self.clone_url(f"{owner}/{name}.git")}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.versions.add(request.headers.get("X-GitHub-Api-Version"))
        if self.answer is not None:
            return self.answer
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"message": "Bad credentials"}, status=401)
        body: dict[str, Any] = await request.json() if request.can_read_body else {}
        parts = request.path.removeprefix("/api/v3/").split("/")
        match request.method, parts:
            case "GET", ["user"]:
                return web.json_response({"login": self.login.title()})
            case "POST", ["user", "repos"]:
                return self.create(self.login, body["name"], "private" if body["private"] else "public")
            case "POST", ["orgs", owner, "repos"] if owner in self.organizations:
                return self.create(owner, body["name"], body["visibility"])
            case "POST", ["repos", owner, name, "generate"] if f"{owner}/{name}" in self.templates:
                visibility = "private" if body["private"] else "public"
                return self.create(body["owner"], body["name"], visibility, self.folder / owner / f"{name}.git")
            case "PATCH", ["repos", owner, name]:
                self.visibility[f"{owner}/{name}"] = body["visibility"]
                return web.json_response(self._repository(owner, name))
            case "GET", ["repos", owner, name] if (self.folder / owner / f"{name}.git").exists():
                return web.json_response(self._repository(owner, name))
            case "GET", ["repos", owner, name, "branches"]:
                listed = git(self.folder / owner / f"{name}.git", "for-each-ref", "refs/heads")
                return web.json_response([{"name": line} for line in listed.splitlines()])
        return web.json_response({"message": "Not Found"}, status=404)


@contextlib.contextmanager
def github(folder: Path, certificate: tuple[Path, Path], clone_url: Callable[[str], str]) -> Iterator[StandIn]:
    """Answers until the end of the block."""
    standin = StandIn(folder, clone_url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = web.AppRunner(_application(standin), shutdown_timeout=0.1)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        return int(runner.addresses[0][1])

    port = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    standin.api_url = f"https://localhost:{port}/api/v3"
    try:
        yield standin
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _application(standin: StandIn) -> web.Application:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", standin.handle)
    return application
