"""Our side of serving: model APIs that are made, given versions and called as anybody would."""

import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from bench.model_load import Call, post
from bench.model_peers import BODY, MODEL
from bench.serving import Server, clean_environment
from modelyard.engines.serving.worker.control import CALLS

APIS = "/api/modelServing/v1/modelApis"
FUNCTION = "def double(x):\n    return x * 2\n"
PLAIN = {"data": {"x": 21}}
BUILD_SECONDS = 900

Source = dict[str, Any]


class Deployed(NamedTuple):
    """A model API that runs: its id, what its versions are made of, its call, and the sockets of its replicas."""

    id: str
    version: dict[str, Any]
    call: Call
    sockets: list[Path]


def register(server: Server, name: str, max_batch_size: int) -> Source:
    """Version 1 of a registered model, the same that peers serve, as the source of a model API."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "double.py"
        code.write_text(MODEL)
        program = f"""
import mlflow, mlflow.pyfunc
mlflow.pyfunc.log_model(
    name="double", python_model="{code}", registered_model_name="{name}",
    pip_requirements=["mlflow==" + mlflow.__version__], metadata={{"max_batch_size": {max_batch_size}}},
)
"""
        environment = clean_environment() | {
            "MLFLOW_TRACKING_URI": f"{server.url}/mlflow",
            "MLFLOW_TRACKING_TOKEN": server.key,
        }
        subprocess.run([sys.executable, "-c", program], check=True, env=environment, capture_output=True)
    return {"type": "Registry", "registeredModelName": name, "registeredModelVersion": 1}


def file_source(server: Server, project: str) -> Source:
    """A function in a file of a project, as the source of a model API."""
    server.http.put(f"/v1/projects/admin/{project}/double.py", content=FUNCTION).raise_for_status()
    return {"type": "File", "file": "double.py", "function": "double"}


def deploy(server: Server, project_id: str, name: str, source: Source) -> Deployed:
    """A new model API with one replica and a token, once its first version runs."""
    before = set(_sockets(server))
    version = {
        "projectId": project_id,
        "source": source,
        "logHttpRequestResponse": False,
        "monitoringEnabled": False,
        "shouldDeploy": True,
    }
    body = {
        "name": name,
        "description": "",
        "environmentId": server.plain_python(),
        "isAsync": False,
        "strictNodeAntiAffinity": False,
        "environmentVariables": [],
        "replicas": 1,
        "version": version,
    }
    made = server.json("POST", APIS, json=body)["id"]
    wait_until_running(server, made, 1)
    token = server.json("POST", f"{APIS}/{made}/accessTokens", json={"name": "bench"})["token"]
    headers = {"Authorization": "Basic " + base64.b64encode(f"{token}:{token}".encode()).decode()}
    content, expected = (PLAIN, "42") if source["type"] == "File" else (BODY, "[42]")
    call = post(f"{server.url}/models/{made}/latest/model", content, expected, headers)
    return Deployed(made, version, call, sorted(set(_sockets(server)) - before))


def new_version(server: Server, deployed: Deployed) -> int:
    """The number of another version of the same source, which is not waited for."""
    return int(server.json("POST", f"{APIS}/{deployed.id}/versions", json=deployed.version)["number"])


def wait_until_running(server: Server, api: str, number: int) -> None:
    """Waits until a version runs; raises RuntimeError when it fails."""
    deadline = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < deadline:
        version = next(one for one in server.json("GET", f"{APIS}/{api}/versions") if one["number"] == number)
        status = version["deployment"]["status"]
        if status == "Running":
            return
        if status == "Failed":
            raise RuntimeError(f"version {number} failed: {_why(server, api, version['id'])}")
        time.sleep(0.02)
    raise RuntimeError(f"version {number} did not come up")


def released(body: bytes) -> str:
    """Which version a reply says it is from."""
    return json.dumps(json.loads(body)["release"], sort_keys=True)


def _why(server: Server, api: str, version: str) -> Iterable[Any]:
    logs = ("buildLogs", "deploymentLogs", "instanceLogs")
    return [server.http.get(f"{APIS}/{api}/versions/{version}/{log}").text[-2000:] for log in logs]


def _sockets(server: Server) -> list[Path]:
    """Where replicas take calls: in the home, or in a folder beside others where its path is too long."""
    aside = Path(tempfile.gettempdir()).glob(f"modelyard-*/**/{CALLS}")
    return [place for place in (*server.home.rglob(CALLS), *aside) if place.is_socket()]
