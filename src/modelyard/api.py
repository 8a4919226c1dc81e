"""The API's process: Granian around the application, ending gracefully."""

import asyncio
import contextlib
import gc
import os
import resource

import structlog
import uvloop
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from granian.utils.proxies import wrap_asgi_with_proxy_headers

from modelyard.app import create_app, edge
from modelyard.process import DATABASE_DSN, log_to_home, stop_event
from modelyard.settings import Settings, load_settings

log = structlog.get_logger()

GRACE_SECONDS = 20
# Connections that are served at a time, idle and slow ones among them; the others wait to be accepted.
CONNECTIONS, WAITING_CONNECTIONS = 4096, 1024


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
        backlog=WAITING_CONNECTIONS,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=15_000),
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


def _allow_files(count: int) -> None:
    """Lets this process have so many files and connections open, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Runs the API of the home and database that the environment names."""
    settings = load_settings()
    log_to_home("api", settings)
    _allow_files(2 * CONNECTIONS)
    uvloop.run(serve(settings, os.environ[DATABASE_DSN]))


if __name__ == "__main__":
    main()
