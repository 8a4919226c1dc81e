"""A job that registers a model, and `modelyard reproduce`, on a real server."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.journeys.commands import Somebody, modelyard
from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for

TRAINING = """
import json, os, pathlib, random, urllib.request

api = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0"
token = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
data = pathlib.Path(os.environ["DOMINO_DATASETS_DIR"], "local", "calls", "numbers")

def send(method, path, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = token | {"Content-Type": "application/json"}
    request = urllib.request.Request(api + path, content, headers, method=method)
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read() or b"{}")

numbers = [float(line) for line in data.read_text().split()]
model = json.dumps({"mean": sum(numbers) / len(numbers) + NOISE}).encode()
run = send("POST", "/mlflow/runs/create", {"experiment_id": "0", "start_time": 1})["run"]["info"]
metric = {"run_id": run["run_id"], "key": "n", "value": len(numbers), "timestamp": 1}
send("POST", "/mlflow/runs/log-metric", metric)
place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
send("PUT", "/mlflow-artifacts/artifacts/" + place + "/model/model.json", model)
description = ("run_id: " + run["run_id"] + "\\nflavors: {}\\n").encode()
send("PUT", "/mlflow-artifacts/artifacts/" + place + "/model/MLmodel", description)
pathlib.Path("model.json").write_bytes(model)
if os.environ["DOMINO_RUN_NUMBER"] in FIRST:
    send("POST", "/mlflow/registered-models/create", {"name": NAME})
    source = {"name": NAME, "source": "runs:/" + run["run_id"] + "/model", "run_id": run["run_id"]}
    send("POST", "/mlflow/model-versions/create", source)
"""


@pytest.fixture
def ada(server: RunningServer, tmp_path: Path) -> Somebody:
    """Somebody with a project that has data and two scripts: one steady, one with chance in it."""
    ada = Somebody(server, "ada")
    ada.does("project", "create", "churn")
    ada.does("datasets", "create", "calls", "--project", "churn")
    for name, noise in (("steady", "0"), ("chancy", "random.random()")):
        text = TRAINING.replace("NOISE", noise).replace("NAME", repr(name)).replace("FIRST", "{'1', '2'}")
        (tmp_path / "code" / f"{name}.py").parent.mkdir(exist_ok=True)
        (tmp_path / "code" / f"{name}.py").write_text(text)
    put_data(ada, tmp_path, "1\n2\n3\n")
    return ada


def put_data(ada: Somebody, folder: Path, numbers: str) -> None:
    """The file that the jobs read."""
    (folder / "numbers").write_text(numbers)
    ada.does("datasets", "upload", "churn/calls", str(folder / "numbers"))


def test_a_model_is_made_again_from_the_command_line(server: RunningServer, ada: Somebody, tmp_path: Path) -> None:
    for name in ("steady", "chancy"):
        words = ["run", "--project", "churn", "--environment", "Plain Python", "--follow", "--"]
        ada.does(*words, "python", f"{name}.py", cwd=tmp_path / "code")
        wait_for(partial(_is_kept, server, name), DONE_SECONDS, server.describe)
    put_data(ada, tmp_path, "4\n5\n6\n7\n")
    done = modelyard(server, ["reproduce", "steady/1"], key=ada.key)
    assert (done.code, done.out) == (0, ""), done.out + done.err
    assert "6 outputs of 6 identical" in done.err
    done = modelyard(server, ["reproduce", "chancy/1", "--follow", "--json"], key=ada.key)
    assert done.code == 1, done.err
    found = msgspec.json.decode(done.out[done.out.index("{") :])
    different = [(one["kind"], one["name"]) for one in found["outputs"] if one["verdict"] != "identical"]
    assert different == [("resultFile", "model.json"), ("artifact", "model/model.json")]
    listed = modelyard(server, ["reproduce", "chancy/1"], key=ada.key)
    assert [row[:4] for row in listed.rows] == [
        ["file", "model.json", "differs", listed.rows[0][3]],
        ["artifact", "run", "1", "model/model.json"],
    ]
    assert "Name a version as MODEL/VERSION" in ada.is_refused("reproduce", "steady")
    assert "no version 7" in ada.is_refused("reproduce", "steady/7")


def _is_kept(server: RunningServer, name: str) -> bool:
    with server.http() as http:
        found: dict[str, Any] = http.get(f"/api/registeredmodels/v1/{name}/versions/1/lineage").json()
    return [one.get("keeping") for one in found["datasets"]] == ["kept"]
