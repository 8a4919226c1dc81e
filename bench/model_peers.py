"""Peers that serve models, each as light as its own settings make it, with one worker and the same model."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.model_load import Call, post
from bench.serving import clean_environment

MISSING = """\
BentoML was not found: what is measured beside it is skipped. `python -m venv bentoml`, then
`bentoml/bin/pip install bentoml uvloop httptools mlflow-skinny pandas` and
MODELYARD_BENCH_BENTOML=bentoml/bin/bentoml, or BentoML on the path, have it measured."""

MODEL = """\
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Double(PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["x"] * 2).tolist()


set_model(Double())
"""
_SERVICE = """\
import bentoml
{model}

@bentoml.service(workers=1, metrics={{"enabled": False}}, logging={{"access": {{"enabled": False}}}})
class Double:
    @bentoml.api
    def double(self, {parameter}) -> {result}:
        return {answer}
"""
FUNCTION_SERVICE = _SERVICE.format(model="", parameter="x: int", result="int", answer="x * 2")
# The very model that the others serve, as its documentation has it done.
MODEL_SERVICE = _SERVICE.format(
    model="import mlflow.pyfunc\nimport pandas\n\nmodel = mlflow.pyfunc.load_model('model')\n",
    parameter="dataframe_split: dict",
    result="list",
    answer="model.predict(pandas.DataFrame(**dataframe_split))",
)
BODY = {"dataframe_split": {"columns": ["x"], "data": [[21]]}}
START_SECONDS = 180


class Peer(NamedTuple):
    """A peer that is ready: what it is, the call of its model, and its first process."""

    name: str
    call: Call
    pid: int


def save_model(folder: Path) -> Path:
    """A folder with the model for MLflow, which says nothing of its inputs."""
    (folder / "double.py").write_text(MODEL)
    program = f"""
import mlflow, mlflow.pyfunc
requirements = ["mlflow==" + mlflow.__version__]
mlflow.pyfunc.save_model("{folder}/model", python_model="{folder}/double.py", pip_requirements=requirements)
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=clean_environment(), capture_output=True)
    return folder / "model"


@contextlib.contextmanager
def mlflow_scoring(model: Path) -> Iterator[Peer]:
    """`mlflow models serve` in the environment that the measurement runs in, without its log of requests."""
    port = _free_port()
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--env-manager", "local",
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    # It starts uvicorn by name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = clean_environment() | {"PATH": path, "UVICORN_ACCESS_LOG": "false"}
    with _running(command, environment, model.parent, f"http://127.0.0.1:{port}/ping") as pid:
        url = f"http://127.0.0.1:{port}/invocations"
        yield Peer(f"MLflow {_version(sys.executable, 'mlflow')}, model", post(url, BODY, "[42]"), pid)


def bentoml_program() -> Path | None:
    """BentoML's program, named by MODELYARD_BENCH_BENTOML or on the path; nothing when there is none."""
    named = os.environ.get("MODELYARD_BENCH_BENTOML") or shutil.which("bentoml")
    return Path(named).absolute() if named else None


def bentoml_function(program: Path, folder: Path) -> contextlib.AbstractContextManager[Peer]:
    """`bentoml serve` of a function on plain JSON."""
    return _bentoml(program, folder, "function", FUNCTION_SERVICE, {"x": 21}, "42")


def bentoml_model(program: Path, folder: Path) -> contextlib.AbstractContextManager[Peer]:
    """`bentoml serve` of the model for MLflow in `folder`."""
    return _bentoml(program, folder, "model", MODEL_SERVICE, BODY, "[42]")


@contextlib.contextmanager
def _bentoml(program: Path, folder: Path, what: str, service: str, body: Any, expected: str) -> Iterator[Peer]:
    """A service without its log of requests and its metrics."""
    port = _free_port()
    (folder / f"double_{what}.py").write_text(service)
    environment = clean_environment() | {"BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    command = [str(program), "serve", f"double_{what}:Double", "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, environment, folder, f"http://127.0.0.1:{port}/readyz") as pid:
        name = f"BentoML {_version(str(program.parent / 'python'), 'bentoml')}, {what}"
        yield Peer(name, post(f"http://127.0.0.1:{port}/double", body, expected), pid)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _version(python: str, package: str) -> str:
    program = f"import importlib.metadata; print(importlib.metadata.version('{package}'))"
    return subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def _running(command: list[str], environment: dict[str, str], folder: Path, ready: str) -> Iterator[int]:
    """A server's process with all its descendants, from when it is ready to the end of the block."""
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=said, stderr=said, start_new_session=True
        )
        everyone: list[psutil.Process] = []
        try:
            _wait(process, ready, log)
            yield process.pid
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                everyone = psutil.Process(process.pid).children(recursive=True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
            for left in psutil.wait_procs(everyone, timeout=10)[1]:
                left.kill()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(f"{url} did not come up: {log.read_text()[-4000:]}") from None
            time.sleep(0.2)
