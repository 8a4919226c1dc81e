"""The real MLflow client against a real server, also while the tracker is killed."""

import filecmp
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mlflow.artifacts import download_artifacts
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from tests.journeys.commands import Somebody
from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for
from tests.journeys.tracking import client_of, plain_environment


def health(server: RunningServer) -> str:
    """What the server says of itself; it must answer all the time."""
    reply = httpx.get(f"{server.url}/health/ready", timeout=10)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["status"])


def test_nothing_logged_is_lost_when_the_tracker_is_killed_again_and_again(server: RunningServer) -> None:
    with client_of(server, server.key) as client:
        run = client.create_run(client.create_experiment("stubborn"))
        run_id = run.info.run_id
        logged: list[int] = []
        seen: set[str] = set()
        over = threading.Event()

        def log() -> None:
            step = 0
            while not over.is_set():
                client.log_batch(
                    run_id, [Metric("loss", 1 / (step + 1), step, step)], [Param(f"p{step}", str(step))]
                )
                logged.append(step)
                step += 1

        def watch() -> None:
            while not over.is_set():
                seen.add(health(server))
                time.sleep(0.01)

        threads = [threading.Thread(target=log), threading.Thread(target=watch)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            before = len(logged)
            wait_for(lambda before=before: len(logged) > before + 20, DONE_SECONDS, server.describe)
            server.kill("tracker")
        before = len(logged)
        wait_for(lambda: len(logged) > before + 20, DONE_SECONDS, server.describe)
        over.set()
        for thread in threads:
            thread.join(DONE_SECONDS)
        assert seen == {"ready", "degraded"}
        assert health(server) == "ready"
        steps = [metric.step for metric in client.get_metric_history(run_id, "loss")]
        assert sorted(set(steps)) == logged
        params = client.get_run(run_id).data.params
        assert {f"p{step}": str(step) for step in logged} == params


def test_an_upload_that_is_cut_off_leaves_no_file(server: RunningServer, tmp_path: Path) -> None:
    with client_of(server, server.key) as client:
        run = client.create_run(client.create_experiment("cut"))
        path = f"{run.info.experiment_id}/{run.info.run_id}/artifacts/model/weights.bin"
        url = f"{server.url}/api/2.0/mlflow-artifacts/artifacts/{path}"
        size = 64 * 2**20

        def half() -> Iterator[bytes]:
            yield b"x" * (size // 2)
            raise ConnectionError

        with pytest.raises(ConnectionError):
            httpx.put(url, content=half(), headers={"X-Domino-Api-Key": server.key, "Content-Length": str(size)})
        wait_for(lambda: 'method="PUT"' in httpx.get(f"{server.url}/metrics").text, DONE_SECONDS)  # it has ended
        assert client.list_artifacts(run.info.run_id, "model") == []
        file = tmp_path / "weights.bin"
        file.write_bytes(os.urandom(size))
        client.log_artifact(run.info.run_id, str(file), "model")
        back = client.download_artifacts(run.info.run_id, "model/weights.bin", str(tmp_path.parent))
        assert Path(back).read_bytes() == file.read_bytes()


def test_two_people_log_side_by_side_and_see_only_their_own(server: RunningServer) -> None:
    ada, bob = Somebody(server, "ada"), Somebody(server, "bob")
    with client_of(server, ada.key) as client:
        made = client.create_experiment("baseline")
        run_id = client.create_run(made).info.run_id
        client.log_metric(run_id, "auc", 0.9)
    with client_of(server, bob.key) as client:
        assert client.create_experiment("baseline") != made
        assert [one.name for one in client.search_experiments()] == ["baseline"]
        assert client.search_runs([made]) == []
        for refused in (
            lambda: client.get_run(run_id),
            lambda: client.log_metric(run_id, "auc", 1.0),
            lambda: client.get_experiment(made),
            lambda: client.list_artifacts(run_id),
        ):
            with pytest.raises(MlflowException, match="may not see it"):
                refused()


LOGS_A_MODEL = """
import sys, mlflow

class Large(mlflow.pyfunc.PythonModel):
    def predict(self, model_input: list[str]) -> list[str]:
        return model_input

with mlflow.start_run() as run:
    print("logging", flush=True)
    mlflow.pyfunc.log_model(
        name="large", python_model=Large(), artifacts={"weights": sys.argv[1]}, pip_requirements=[],
        registered_model_name="large",
    )
"""


def test_a_client_that_is_killed_while_it_logs_a_model_registers_nothing(
    server: RunningServer, tmp_path: Path
) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(os.urandom(2**20) * 400)
    variables = plain_environment() | {
        "MLFLOW_TRACKING_URI": f"{server.url}/mlflow",
        "MLFLOW_TRACKING_TOKEN": server.key,
    }
    command = [sys.executable, "-c", LOGS_A_MODEL, str(weights)]
    uploaded = server.home / "mlflow" / "artifacts"
    with client_of(server, server.key) as client, (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log)
        wait_for(lambda: any(uploaded.rglob("models/*/*")), DONE_SECONDS, (tmp_path / "log").read_text)
        process.kill()
        process.wait()
        assert client.search_model_versions() == []
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (version,) = client.search_model_versions()
        assert (version.name, version.version) == ("large", "1")
        back = download_artifacts(
            f"{client.get_model_version_download_uri('large', '1')}/artifacts/weights.bin",
            dst_path=str(tmp_path / "back"),
            tracking_uri=f"{server.url}/mlflow",
        )
        assert filecmp.cmp(back, weights, shallow=False)
