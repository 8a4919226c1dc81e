"""The API's process: Granian around the application, ending gracefully."""

import asyncio
import contextlib
import gc
import os
import resource

import structlog
import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from modelyard.app import create_app, edge
from modelyard.process import DATABASE_DSN, log_to_home, stop_event
from modelyard.settings import Settings, load_settings

log = structlog.get_logger()

GRACE_SECONDS = 20
# Connections that are held, whether something comes on them or not; the others wait to be accepted.
MOST_CONNECTIONS, MOST_WAITING = 4096, 1024


async def serve(settings: Settings, dsn: str) -> None:
    """Serves until the process is told to stop; running requests are then finished."""
    stop = stop_event()
    app = create_app(settings, dsn)
    served = edge(app, settings)
    if settings.trusted_proxies:
        served = wrap_asgi_with_proxy_headers(served, trusted_hosts=list(settings.trusted_proxies))
    server = Server(
        served,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        log_enabled=False,
        websockets=False,
        # Where more than HTTP/1 may come, a connection on which nothing comes is never given up.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
        backpressure=_most_connections(),
        backlog=MOST_WAITING,
    )
    async with app.lifespan():
        # What is there now stays: the collector need not look through it, which takes longer than most requests.
        gc.freeze()
        log.info("serving", host=settings.host, port=settings.port)
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.stop()  # type: ignore[no-untyped-call]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(serving, GRACE_SECONDS)
    log.info("stopped")


def _most_connections() -> int:
    """Half of the files that this process may have open: a connection is one, and what it asks for may be more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = 2 * MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(2 * MOST_CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files // 2


def main() -> None:
    """Runs the API of the home and database that the environment names."""
    settings = load_settings()
    log_to_home("api", settings)
    uvloop.run(serve(settings, os.environ[DATABASE_DSN]))


if __name__ == "__main__":
    main()
