"""Servers to measure, and a load that does not stand in its own way."""

import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

CLIENTS = 16


def clean_environment() -> dict[str, str]:
    """The environment without what would change the measured programs."""
    unwanted = ("MODELYARD_", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


@contextlib.contextmanager
def modelyard(home: Path | None = None, **settings: str) -> Iterator["Server"]:
    """A Modelyard server with these settings, ready."""
    with tempfile.TemporaryDirectory() as folder:
        place = home or Path(folder)
        (place / "server.json").unlink(missing_ok=True)
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", "serve", "--home", str(place), "--port", "0"],
            env=clean_environment() | {f"MODELYARD_{name.upper()}": value for name, value in settings.items()},
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not (place / "server.json").exists():
                if process.poll() is not None:
                    raise RuntimeError("the server did not start")
                time.sleep(0.005)
            yield Server(place, process.pid, time.perf_counter() - began)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


class Server:
    """A running Modelyard server."""

    def __init__(self, home: Path, pid: int, start_seconds: float) -> None:
        self.home = home
        self.pid = pid
        self.start_seconds = start_seconds
        self.url = json.loads((home / "server.json").read_text())["url"]
        self.key = (home / "admin-api-key").read_text().strip()
        self.http = httpx.Client(base_url=self.url, headers={"X-Domino-Api-Key": self.key}, timeout=60)

    def json(self, method: str, path: str, **options: Any) -> Any:
        """One request's JSON."""
        response = self.http.request(method, path, **options)
        response.raise_for_status()
        return response.json()

    def plain_python(self) -> str:
        """The id of the environment without packages."""
        data = self.json("GET", "/v1/environments")["data"]
        return str(next(one["id"] for one in data if one["name"] == "Plain Python"))

    def new_project(self, name: str) -> str:
        """The id of a new project."""
        body = {"name": name, "description": "", "visibility": "Private"}
        return str(self.json("POST", "/api/projects/beta/projects", json=body)["project"]["id"])


@contextlib.contextmanager
def peak_memory(server: Server) -> Iterator[list[int]]:
    """The most resident memory of the API's process during the block, in bytes, in a list of one."""
    api = next(one for one in psutil.Process(server.pid).children() if "modelyard.api" in one.cmdline())
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], api.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def load(url: str, headers: dict[str, str], seconds: float, clients: int = CLIENTS) -> list[float]:
    """The times in seconds of requests by several keep-alive clients, each sending one after the other."""
    return asyncio.run(_load(url, headers, seconds, clients))


async def _load(url: str, headers: dict[str, str], seconds: float, clients: int) -> list[float]:
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", *(f"{n}: {v}" for n, v in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    deadline = time.perf_counter() + seconds
    times: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while time.perf_counter() < deadline:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )
            await reader.readexactly(length)
            times.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times


def percentile(values: list[float], percent: float) -> float:
    """A percentile of values."""
    return statistics.quantiles(values, n=100, method="inclusive")[int(percent) - 1]


def table(title: str, rows: list[tuple[str, ...]]) -> None:
    """Prints rows in columns, the first as headings, as Markdown."""
    print(f"\n### {title}\n")
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if number == 0:
            print("|---" * len(row) + "|")
    sys.stdout.flush()
