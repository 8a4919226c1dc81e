"""Point read and list of 25, authenticated, beside MLflow's server reading an experiment."""

import contextlib
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from bench.serving import clean_environment, load, modelyard, table

ROUNDS, SECONDS = 5, 3.0


def measure() -> None:
    """Interleaves the three loads, each server bound to the same single core."""
    with modelyard() as server, mlflow_server() as peer:
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
def mlflow_server() -> Iterator[str]:
    """MLflow's own server with one worker on SQLite."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        command = [
            sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
            "--artifacts-destination", f"{folder}/artifacts",
        ]  # fmt: skip
        process = subprocess.Popen(
            command,
            env=clean_environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
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
