"""Point read and list of 25, authenticated, beside MLflow's server reading an experiment."""

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import uv

from bench.serving import clean_environment, load, modelyard, table

ROUNDS, SECONDS = 5, 3.0


def measure() -> None:
    """Interleaves the three loads, each server bound to the same single core."""
    with modelyard() as server, _mlflow() as peer:
        project = server.new_project("reads")
        for number in range(30):
            server.new_project(f"listed-{number}")
        headers = {"X-Domino-Api-Key": server.key}
        point = f"{server.url}/api/projects/v1/projects/{project}"
        listed = f"{server.url}/api/projects/beta/projects?limit=25"
        experiment = f"{peer}/api/2.0/mlflow/experiments/get?experiment_id=0"
        rates: dict[str, list[float]] = {"point": [], "list": [], "mlflow": []}
        for _ in range(ROUNDS):
            rates["point"].append(len(load(point, headers, SECONDS)) / SECONDS)
            rates["mlflow"].append(len(load(experiment, {}, SECONDS)) / SECONDS)
            rates["list"].append(len(load(listed, headers, SECONDS)) / SECONDS)
    median = {name: statistics.median(values) for name, values in rates.items()}
    table(
        "Reads by 16 clients",
        [
            ("what", "requests/s", "ratio", "budget"),
            ("MLflow server, get-experiment, no authentication", f"{median['mlflow']:.0f}", "1", ""),
            ("read one project", f"{median['point']:.0f}", f"{median['point'] / median['mlflow']:.1f}x", "20x"),
            (
                "list 25 projects",
                f"{median['list']:.0f}",
                f"{median['point'] / median['list']:.2f}x the time of a point read",
                "2x",
            ),
        ],
    )


@contextlib.contextmanager
def _mlflow() -> Iterator[str]:
    """MLflow's server with one worker on SQLite, from an environment made for it."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        place, environment = Path(folder), clean_environment()
        pip = [
            uv.find_uv_bin(),
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",
            "--python",
            f"{place}/venv",
            "mlflow",
        ]
        subprocess.run([uv.find_uv_bin(), "venv", "--quiet", str(place / "venv")], check=True, env=environment)
        subprocess.run(pip, check=True, env=environment)
        command = [
            f"{place}/venv/bin/mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", f"sqlite:///{place}/mlflow.db", "--artifacts-destination", f"{place}/artifacts",
        ]  # fmt: skip
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            _wait(f"http://127.0.0.1:{port}/health")
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _wait(url: str) -> None:
    deadline = time.monotonic() + 180
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
