"""A backup of a running server, brought back elsewhere."""

import io
import os
import subprocess
import sys
from pathlib import Path

import httpx

from tests.journeys.running import DONE_SECONDS, RunningServer, running, wait_for


def _modelyard(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELYARD_")}
    command = [sys.executable, "-m", "modelyard", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _serve(server: RunningServer, http: httpx.Client, project: str, environment: str) -> str:
    """A model API whose version runs; its id."""
    body = {
        "name": "twice",
        "description": "",
        "environmentId": environment,
        "isAsync": False,
        "strictNodeAntiAffinity": False,
        "environmentVariables": [],
        "version": {
            "projectId": project,
            "source": {"type": "File", "file": "twice.py", "function": "predict"},
            "logHttpRequestResponse": False,
            "monitoringEnabled": False,
        },
    }
    made = http.post("/api/modelServing/v1/modelApis", json=body)
    assert made.status_code == 201, made.text
    model_api = str(made.json()["id"])
    _wait_until_served(server, http, model_api)
    return model_api


def _wait_until_served(server: RunningServer, http: httpx.Client, model_api: str) -> None:
    def answers() -> bool:
        reply = http.post(f"/models/{model_api}/latest/model", json={"data": {"x": 21}})
        return reply.status_code == 200 and reply.json()["result"] == 42

    wait_for(answers, DONE_SECONDS, server.describe)


def test_a_backup_and_its_way_back(server: RunningServer, tmp_path: Path) -> None:
    with server.http() as http:
        code = b"def predict(x):\n    return 2 * x\n"
        assert http.put("/v1/projects/admin/quick-start/twice.py", content=code).status_code == 201
        upload = http.put("/v1/projects/admin/quick-start/note.txt", content=io.BytesIO(b"remember"))
        assert upload.status_code == 201, upload.text
        project = http.get("/api/projects/beta/projects").json()["projects"][0]["id"]
        copied = http.post(f"/v4/projects/{project}/fork", json={"name": "copy"}).json()["id"]
        plain = next(e["id"] for e in http.get("/v1/environments").json()["data"] if e["name"] == "Plain Python")
        made = http.post("/api/datasetrw/v1/datasets", json={"name": "data", "projectId": project})
        dataset = f"/v4/datasetrw/datasets/{made.json()['dataset']['id']}"
        write = (
            "cd $DOMINO_DATASETS_DIR/local/data; echo data >file; ln -s file link; mkdir empty sub;"
            " touch poetry.lock index.sqlite sub/f; ln -s sub to; echo kept"
        )
        body = {"projectId": project, "runCommand": write, "environmentId": plain}
        started = http.post("/api/jobs/v1/jobs", json=body | {"snapshotDatasetsOnCompletion": True})
        job = started.json()["job"]["id"]
        path = f"/api/jobs/beta/jobs/{job}"
        wait_for(lambda: http.get(path).json()["job"]["status"]["isCompleted"], DONE_SECONDS, server.describe)
        (snapshot,) = http.get(f"{dataset}/snapshots").json()["snapshots"]
        tracking = "/api/2.0/mlflow"
        made = http.post(f"{tracking}/experiments/create", json={"name": "kept"}).json()["experiment_id"]
        run = http.post(f"{tracking}/runs/create", json={"experiment_id": made}).json()["run"]["info"]["run_id"]
        metric = {"run_id": run, "key": "auc", "value": 0.9, "timestamp": 1}
        assert http.post(f"{tracking}/runs/log-metric", json=metric).status_code == 200
        artifact = f"/api/2.0/mlflow-artifacts/artifacts/{made}/{run}/artifacts/poetry.lock"
        assert http.put(artifact, content=b"locked").status_code == 200
        model_api = _serve(server, http, project, plain)
    key = server.key

    done = _modelyard("backup", str(tmp_path / "all.tar.gz"), "--home", str(server.home))
    assert done.returncode == 0, done.stderr
    done = _modelyard("restore", str(tmp_path / "all.tar.gz"), "--home", str(server.home))
    assert done.returncode == 1
    assert "not empty" in done.stderr
    server.stop()
    done = _modelyard("restore", str(tmp_path / "all.tar.gz"), "--home", str(tmp_path / "new"))
    assert done.returncode == 0, done.stderr

    with running(tmp_path / "new") as restored, restored.http() as http:
        assert restored.key == key
        _wait_until_served(restored, http, model_api)
        commit = http.get("/v1/projects/admin/quick-start/commits").json()[0]
        path = f"/api/projects/v1/projects/{project}/files/{commit}/note.txt/content"
        assert http.get(path).content == b"remember"
        assert http.get(path.replace(project, copied)).content == b"remember"
        data = http.get(f"{tracking}/runs/get", params={"run_id": run}).json()["run"]["data"]
        assert [one["value"] for one in data["metrics"]] == [0.9]
        assert http.get(artifact).content == b"locked"
        log = http.get(f"/api/jobs/beta/jobs/{job}/logs", params={"logType": "stdOut"}).json()
        assert [line["log"] for line in log["logs"]["logContent"]] == ["kept"]
        for query in ({}, {"snapshot": "1"}):
            assert http.get(f"{dataset}/file", params={"path": "file"} | query).text == "data\n"
        items = http.get(f"{dataset}/files").json()["items"]
        assert {item["name"]: item["kind"] for item in items} == {
            "empty": "folder",
            "file": "file",
            "index.sqlite": "file",
            "link": "link",
            "poetry.lock": "file",
            "sub": "folder",
            "to": "link",
        }
        assert http.get(f"{dataset}/verification").json()["damaged"] == []
        taken = http.post(
            dataset.replace("/v4/datasetrw", "/api/datasetrw/v1") + "/snapshots", json={"relativeFilePaths": []}
        )
        assert taken.json()["snapshot"]["status"] == "active"
        (second, _) = http.get(f"{dataset}/snapshots").json()["snapshots"]
        assert second["root"] == snapshot["root"]
        again = http.post(
            "/api/jobs/v1/jobs", json={"projectId": project, "runCommand": "echo again", "environmentId": plain}
        ).json()["job"]["id"]
        wait_for(
            lambda: (
                http.get(f"/api/jobs/beta/jobs/{again}").json()["job"]["status"]["executionStatus"] == "Succeeded"
            ),
            DONE_SECONDS,
            restored.describe,
        )
