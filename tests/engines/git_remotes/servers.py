"""Real git servers on loopback, over https and ssh, that serve a folder of bare repositories.

with git_server(folder, user="ada", password="s3cret") as server:
    server.url("repo.git"), server.ca_file

with ssh_server(folder, authorized=public_key) as server:
    server.url("repo.git")
"""

import asyncio
import base64
import contextlib
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncssh

from tests.engines.git_remotes.certificates import make_certificate


class GitServer:
    """An https server that runs `git http-backend`; what it does can be changed while it runs.

    While it `hangs` nothing is answered; what waited is dropped when it is `released`, or answered `late`.
    """

    def __init__(self, folder: Path, port: int, ca_file: Path, user: str | None, password: str | None) -> None:
        self.folder = folder
        self.port = port
        self.ca_file = ca_file
        self.sign_in = None if user is None else base64.b64encode(f"{user}:{password}".encode()).decode()
        self.moved_to: str | None = None
        self.status: int | None = None
        self.hangs = threading.Event()
        self.released = threading.Event()
        self.late = False
        self.requests = 0
        self.waiting = threading.Event()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a repository in the folder."""
        return f"https://{host}:{self.port}/{path}"


@contextlib.contextmanager
def git_server(
    folder: Path,
    user: str | None = None,
    password: str | None = None,
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[GitServer]:
    """Serves the repositories of a folder until the end of the block."""
    public, private = certificate or make_certificate(folder.parent / f"{folder.name}-tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listening.daemon_threads = True
    # The handshake happens in the request's own thread.
    listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
    server = GitServer(folder, listening.server_address[1], public, user, password)
    listening.git = server  # type: ignore[attr-defined]
    listening.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        listening.shutdown()
        listening.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    @property
    def _git(self) -> GitServer:
        return self.server.git  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self._body())

    def log_message(self, *_: object) -> None:
        """Nothing is recorded."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, body: bytes) -> None:
        git = self._git
        git.requests += 1
        if git.hangs.is_set():
            git.waiting.set()
            git.released.wait()
            if not git.late:
                self.close_connection = True
                return
        if git.status is not None:
            self._reply(git.status, {}, b"")
        elif git.moved_to is not None:
            self._reply(301, {"Location": git.moved_to + self.path}, b"")
        elif git.sign_in is not None and self.headers.get("Authorization") != f"Basic {git.sign_in}":
            self._reply(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self._backend(body)

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        variables = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self._git.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "somebody",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=variables, check=False, timeout=60
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._reply(status, headers, content)

    def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class SshServer:
    """An ssh server for git alone."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of a repository in the folder."""
        return f"ssh://git@{host}:{self.port}/{path}"


@contextlib.contextmanager
def ssh_server(folder: Path, authorized: str, port: int = 0) -> Iterator[SshServer]:
    """Serves the repositories of a folder to whom has the key, until the end of the block; a new host key each."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> asyncssh.SSHAcceptor:
        keys = folder.parent / f"authorized-{threading.get_ident()}"
        keys.write_text(authorized + "\n")
        return await asyncssh.listen(
            "127.0.0.1",
            port,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            authorized_client_keys=str(keys),
            process_factory=lambda process: _serve_git(folder, process),
            encoding=None,
        )

    async def stop(acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()
        await acceptor.wait_closed()

    acceptor = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        yield SshServer(acceptor.get_port())
    finally:
        asyncio.run_coroutine_threadsafe(stop(acceptor), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve_git(folder: Path, process: "asyncssh.SSHServerProcess[bytes]") -> None:
    program, _, path = (process.command or "").partition(" ")
    if program not in {"git-upload-pack", "git-receive-pack"}:
        process.stderr.write(b"only git is served here\n")
        process.exit(1)
        return
    repository = folder / path.strip("'").lstrip("/")
    child = await asyncio.create_subprocess_exec(
        "git",
        program.removeprefix("git-"),
        str(repository),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    coming = asyncio.ensure_future(_pass_on(process.stdin, child.stdin))
    coming.add_done_callback(lambda _: child.stdin.close() if child.stdin else None)
    await asyncio.gather(_pass_on(child.stdout, process.stdout), _pass_on(child.stderr, process.stderr))
    process.exit(await child.wait())
    coming.cancel()


async def _pass_on(source: Any, target: Any) -> None:
    """Everything from a stream to another."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()


class Proxy:
    """A proxy that tunnels to loopback whatever host it is asked for; `asked` are those hosts."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[str] = []


@contextlib.contextmanager
def connect_proxy() -> Iterator[Proxy]:
    """Tunnels until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        host, _, port = head.split()[1].decode().rpartition(":")
        proxy.asked.append(host)
        there, back = await asyncio.open_connection("127.0.0.1", int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.wait(
            [asyncio.ensure_future(_pass_on(reader, back)), asyncio.ensure_future(_pass_on(there, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        writer.close()
        back.close()

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(tunnel, "127.0.0.1", 0), loop).result(20)
    proxy = Proxy(server.sockets[0].getsockname()[1])
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
