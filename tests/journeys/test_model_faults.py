"""Faults of served models, caused for real: processes killed under load, bodies that are none, slow senders."""

import contextlib
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from modelyard.engines.compute.processes import RUN_MARK
from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for
from tests.journeys.serving import Load, ServedModel, file_version, serve

MODEL = b"""
import os


def predict(x):
    return {"twice": x * 2, "by": os.getpid()}
"""


@pytest.fixture
def served(server: RunningServer) -> Iterator[ServedModel]:
    """A model with two replicas."""
    with server.http() as http:
        project = http.post("/v4/projects", json={"name": "faults", "visibility": "Private"}).json()["id"]
        reply = http.put("/v1/projects/admin/faults/model.py", content=MODEL)
        assert reply.status_code == 201, reply.text
        found = http.get("/api/environments/beta/environments").json()["environments"]
        plain = str(next(one["id"] for one in found if one["name"] == "Plain Python"))
        yield serve(server, http, plain, file_version(project, "model.py", "predict"), replicas=2)


def test_workers_outlive_a_server_that_is_killed_under_load(server: RunningServer, served: ServedModel) -> None:
    before = _workers(server)
    assert len(before) == 2
    load = Load(served, {"data": {"x": 2}}, "latest", each_seconds=0.02)
    with load.running():
        load.answered(50)
        assert load.failures == []
        for _ in range(2):
            server.kill("api", "runner", "postgres", "supervisor")
            server.start()
            failed = len(load.failures)
            wait_for(lambda: served.call({"data": {"x": 2}}).status_code == 200, DONE_SECONDS, server.describe)
            load.answered(100)
    assert load.answers[-1][0] == 200
    # There was nobody to ask in between; whoever was asked has answered.
    assert {status for status, _ in load.failures} <= {0, 401, 502, 503}
    assert failed <= len(load.failures)
    assert _workers(server) == before


def test_a_database_that_is_killed_under_load_costs_no_call(server: RunningServer, served: ServedModel) -> None:
    load = Load(served, {"data": {"x": 2}}, "latest", each_seconds=0.01)
    with load.running():
        load.answered(50)
        before = server.pids("postgres")
        server.kill("postgres")
        wait_for(lambda: _is_another(server, before), DONE_SECONDS, server.describe)
        wait_for(lambda: served.status(1) == "Running", DONE_SECONDS, server.describe)
        load.answered(50)
    assert load.failures == []


def test_workers_that_are_killed_under_load_are_replaced(server: RunningServer, served: ServedModel) -> None:
    load = Load(served, {"data": {"x": 2}}, "latest", each_seconds=0.0)
    with load.running(clients=6):
        for _ in range(4):
            load.answered(100)
            victim = min(_workers(server))
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda v=victim: len(_workers(server) - {v}) == 2, DONE_SECONDS, server.describe)  # type: ignore[misc]
            load.answered(100)
    # One that has begun may have had effects and is told; what had not begun is asked of another worker.
    assert len(load.failures) <= 4
    assert {status for status, _ in load.failures} <= {502}
    assert served.status(1) == "Running"


def test_malformed_bodies_are_refused_and_the_workers_live(server: RunningServer, served: ServedModel) -> None:
    chance = random.Random(7)
    before = _workers(server)
    good = b'{"data": {"x": 2}}'
    with httpx.Client(auth=(served.token, served.token), timeout=30) as http:
        for number in range(1000):
            body = _malformed(chance, good, number)
            reply = http.post(served.url(), content=body)
            assert 400 <= reply.status_code < 500, (body[:200], reply.status_code, reply.text[:200])
        assert http.post(served.url(), content=good).json()["result"]["twice"] == 4
    assert _workers(server) == before


def test_large_and_slow_bodies_are_bounded(server: RunningServer, served: ServedModel) -> None:
    large = httpx.post(served.url(), content=b" " * (11 * 2**20), auth=(served.token, served.token), timeout=60)
    assert large.status_code == 413
    with contextlib.ExitStack() as open_ones:
        for _ in range(200):
            open_ones.enter_context(_slow_sender(served))
        began = time.monotonic()
        for _ in range(20):
            assert served.call({"data": {"x": 2}}).status_code == 200
        assert time.monotonic() - began < 20


def _is_another(server: RunningServer, before: list[int]) -> bool:
    """Whether PostgreSQL has been started again; its file is not there, or empty, in between."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return server.pids("postgres") != before
    return False


def _malformed(chance: random.Random, good: bytes, number: int) -> bytes:
    match number % 5:
        case 0:
            return chance.randbytes(chance.randrange(1, 500))
        case 1:
            return good[: chance.randrange(1, len(good))]
        case 2:
            return b"[" * chance.randrange(1, 5000)
        case 3:
            return chance.choice([b"null", b"1", b'"x"', b"[]", b'{"data": 3}', b'{"rows": {}}', b"{}"])
        case _:
            return b'{"data": {"z%d": 1}}' % number


@contextlib.contextmanager
def _slow_sender(served: ServedModel) -> Iterator[None]:
    """Somebody who has begun to send a call and does not go on."""
    address = urlsplit(served.url())
    head = f"POST {address.path} HTTP/1.1\r\nHost: model\r\nAuthorization: Bearer {served.token}\r\n"
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as connection:
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\n{{".encode())
        yield


def _workers(server: RunningServer) -> set[int]:
    """The processes that serve the model: those of this home's runs that are a Python by themselves."""
    runs = {folder.name for folder in (server.home / "runs").iterdir()}
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            is_python = process.cmdline()[:1] and process.cmdline()[0].endswith("python")
            if is_python and process.environ().get(RUN_MARK) in runs:
                found.add(process.pid)
    return found
