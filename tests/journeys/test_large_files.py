"""Large files through a real server: whole files are never held in memory, whatever the client does."""

import hashlib
import os
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.journeys.running import RunningServer, wait_for

PIECE, PIECES = os.urandom(2**20), 256
# The server has about 90 MB at rest; whole files would be 256 MB more.
MOST_BYTES = 96 * 2**20


@contextmanager
def bounded(server: RunningServer) -> Iterator[None]:
    """Fails when the API's memory grows too much within the block."""
    [pid] = server.pids("api")
    api, over = psutil.Process(pid), threading.Event()
    base = peak = api.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.01):
            peak = max(peak, api.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert peak - base < MOST_BYTES, f"{(peak - base) / 2**20:.0f} MiB more"


@pytest.fixture
def project(server: RunningServer) -> dict[str, Any]:
    """A project with one file of 256 MiB, uploaded with bounded memory."""
    with server.http() as http:
        body = {"name": "large", "description": "", "visibility": "Private"}
        made: dict[str, Any] = http.post("/api/projects/beta/projects", json=body).json()["project"]
        with bounded(server):
            content = (PIECE for _ in range(PIECES))
            uploaded = http.put("/v1/projects/admin/large/a/large.bin", content=content, timeout=120)
        made["commit"] = uploaded.json()["commitId"]
        made["content"] = f"/api/projects/v1/projects/{made['id']}/files/{made['commit']}/a/large.bin/content"
    return made


def _digest(pieces: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def test_a_large_file_comes_back_whole_in_part_and_packed(
    server: RunningServer, project: dict[str, Any], tmp_path: Path
) -> None:
    with server.http() as http, bounded(server):
        with http.stream("GET", project["content"]) as response:
            assert _digest(response.iter_raw()) == _digest(iter([PIECE] * PIECES))
        end = http.get(project["content"], headers={"Range": f"bytes={200 * 2**20 + 5}-"})
        assert end.status_code == 206
        assert end.content == (PIECE * 56)[5:]
        for kind in ("tar", "zip"):
            url = f"/v4/projects/{project['id']}/archive?format={kind}"
            with http.stream("GET", url, timeout=120) as response, (tmp_path / kind).open("wb") as file:
                file.writelines(response.iter_raw())
    with tarfile.open(tmp_path / "tar") as tar:
        file_in_tar = tar.extractfile(f"large-{project['commit'][:10]}/a/large.bin")
        assert file_in_tar is not None
        assert _digest(iter(lambda: file_in_tar.read(2**20), b"")) == _digest(iter([PIECE] * PIECES))


@pytest.mark.parametrize("wanted", ["file", "archive"])
def test_a_client_that_goes_away_ends_the_work(
    server: RunningServer, project: dict[str, Any], wanted: str
) -> None:
    path = project["content"] if wanted == "file" else f"/v4/projects/{project['id']}/archive"
    [pid] = server.pids("api")
    api, address = psutil.Process(pid), urlsplit(server.url)
    with bounded(server), socket.create_connection((address.hostname, address.port)) as slow:
        slow.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Domino-Api-Key: {server.key}\r\n\r\n".encode())
        assert slow.recv(1000).startswith(b"HTTP/1.1 200")
        wait_for(lambda: _objects_open(api), 10)
    wait_for(lambda: not _objects_open(api), 10)


def test_a_file_that_cannot_be_read_breaks_the_download_off(
    server: RunningServer, project: dict[str, Any]
) -> None:
    [stored] = [path for path in server.home.glob("repos/*.git/objects/??/*") if path.stat().st_size > 2**27]
    stored.chmod(0o600)
    os.truncate(stored, 2**27)
    with server.http() as http:
        for url in (project["content"], f"/v4/projects/{project['id']}/archive?format=tar"):
            with pytest.raises(httpx.RemoteProtocolError), http.stream("GET", url) as response:
                _digest(response.iter_raw())
        assert http.get("/health/ready").status_code == 200


def _objects_open(process: psutil.Process) -> list[str]:
    return [file.path for file in process.open_files() if "/objects/" in file.path]
