"""Clients that hold connections and send nothing, or nothing more."""

import contextlib
import socket
from urllib.parse import urlsplit

import httpx

from tests.journeys.running import RunningServer

IDLE = 300


def test_idle_connections_keep_nobody_out_and_are_given_up(server: RunningServer) -> None:
    url = urlsplit(server.url)
    place = (str(url.hostname), int(url.port or 80))
    with contextlib.ExitStack() as idle:
        silent = [idle.enter_context(socket.create_connection(place)) for _ in range(IDLE)]
        silent[0].sendall(b"GET /health/live HTTP/1.1\r\n")
        assert httpx.get(f"{server.url}/health/live", timeout=10).status_code == 200
        for one in (silent[0], silent[-1]):
            one.settimeout(60)
            assert one.recv(1) == b""
