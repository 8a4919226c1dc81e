"""`modelyard serve`: starts and supervises PostgreSQL, the API and the runner of one home."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import aiohttp
import msgspec
import structlog

from modelyard.children import Child, OnDemand
from modelyard.engines.postgres import EmbeddedPostgres
from modelyard.engines.tracker.place import TrackerPlace
from modelyard.kit.crypto import KEY_PREFIX, Vault
from modelyard.process import DATABASE_DSN, stop_event
from modelyard.settings import PREFIX, Settings

log = structlog.get_logger()

READY_SECONDS = 60.0
LOOK_AFTER_SECONDS = 1.0


class ServerRecord(msgspec.Struct):
    """`server.json` in the home: where the running server answers."""

    url: str
    pid: int


class CannotStart(Exception):
    """The platform cannot be started; the message says why and what to do."""


async def supervise(settings: Settings, announce: Callable[[str], None]) -> None:
    """Runs the whole platform until SIGTERM or SIGINT; `announce` gets the URL when it is ready.

    Raises CannotStart. Jobs go on when the platform stops, and are adopted when it starts again.
    """
    home = _open_home(settings)
    stop = stop_event()
    with _alone(home):
        postgres = None if settings.database_url else EmbeddedPostgres(home)
        port = settings.port or _free_port(settings.host)
        url = f"http://{_reachable(settings.host)}:{port}"
        reading, writing = os.pipe()
        try:
            dsn = settings.database_url or await asyncio.to_thread(_started, postgres)
            environment = _environment(settings, home, port, url, dsn)
            plain = _without_secrets(environment)
            children = [
                Child("api", "modelyard.api", environment, reading),
                Child("runner", "modelyard.runner", environment, reading),
                OnDemand("tracker", "modelyard.tracker", plain, reading, TrackerPlace(home)),
            ]
            await _run(settings, children, postgres, home, url, stop, announce)
        finally:
            os.close(writing)
            os.close(reading)
            (home / "server.json").unlink(missing_ok=True)
            if postgres is not None:
                await asyncio.to_thread(postgres.stop)


async def _run(
    settings: Settings,
    children: list[Child],
    postgres: EmbeddedPostgres | None,
    home: Path,
    url: str,
    stop: asyncio.Event,
    announce: Callable[[str], None],
) -> None:
    keeping = [asyncio.create_task(child.keep()) for child in children]
    if postgres is not None:
        keeping.append(asyncio.create_task(_look_after(postgres)))
    try:
        if await _ready(url, stop):
            record = ServerRecord(settings.public_url or url, os.getpid())
            _say(home / "server.json", record)
            announce(record.url)
        await stop.wait()
    finally:
        for task in keeping:
            task.cancel()
        await asyncio.gather(*(child.stop() for child in children))


def _say(path: Path, record: ServerRecord) -> None:
    """Whoever finds the file finds it whole."""
    aside = path.with_suffix(".new")
    aside.write_bytes(msgspec.json.encode(record))
    aside.replace(path)


def _open_home(settings: Settings) -> Path:
    home = settings.home_path
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in ("logs", "repos", "runs", "envs"):
            (home / folder).mkdir(mode=0o700, exist_ok=True)
        Vault.open(home / "secret.key")
        _admin_key(settings, home)
    except OSError as error:
        raise CannotStart(f"The home folder {home} cannot be used: {error.strerror}.") from None
    return home


def _admin_key(settings: Settings, home: Path) -> None:
    """Makes the first administrator's key file unless the key is given."""
    path = home / "admin-api-key"
    if settings.admin_api_key or path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(KEY_PREFIX + secrets.token_urlsafe(32) + "\n")


@contextlib.contextmanager
def _alone(home: Path):  # type: ignore[no-untyped-def]
    """Holds the home for this server alone; raises CannotStart when another one runs on it."""
    file: IO[str]
    with (home / "server.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"Another Modelyard server runs on the home {home}; stop it first.") from None
        yield


def _started(postgres: EmbeddedPostgres | None) -> str:
    assert postgres is not None  # noqa: S101
    try:
        return postgres.start()
    except Exception as error:
        raise CannotStart(f"PostgreSQL does not start: {error}") from error


def _environment(settings: Settings, home: Path, port: int, url: str, dsn: str) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        chosen[PREFIX + name.upper()] = ",".join(value) if isinstance(value, tuple) else str(value)
    key = settings.admin_api_key or (home / "admin-api-key").read_text().strip()
    chosen |= {
        PREFIX + "HOME": str(home),
        PREFIX + "PORT": str(port),
        PREFIX + "PUBLIC_URL": settings.public_url or url,
        PREFIX + "ADMIN_API_KEY": key,
        DATABASE_DSN: dsn,
    }
    return os.environ | chosen


def _without_secrets(environment: dict[str, str]) -> dict[str, str]:
    """What a process of somebody else's code is told."""
    secrets_of_ours = {PREFIX + "ADMIN_API_KEY", PREFIX + "SMTP_PASSWORD"}
    return {name: value for name, value in environment.items() if name not in secrets_of_ours}


async def _look_after(postgres: EmbeddedPostgres) -> None:
    while True:
        await asyncio.sleep(LOOK_AFTER_SECONDS)
        try:
            if await asyncio.to_thread(postgres.restart_if_dead):
                log.error("PostgreSQL had ended and was started again")
        except Exception:
            log.exception("PostgreSQL cannot be started again")


async def _ready(url: str, stop: asyncio.Event) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        while not stop.is_set():
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(url + "/health/ready") as reply:
                    if reply.status == 200:
                        return True
            if time.monotonic() > deadline:
                raise CannotStart("The API did not become ready; its log in the home's logs/api.log says why.")
            await asyncio.sleep(0.02)
    return False


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _reachable(host: str) -> str:
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
