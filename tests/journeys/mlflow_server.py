"""A plain MLflow server in a process of its own, what is put into it, and what somebody finds in one."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.pyfunc import PythonModel

from tests.journeys.running import wait_for

START_SECONDS = 90
# Tags that an import, or the platform, adds.
ADDED = ("import.", "mlflow.domino.")
PARENT = "mlflow.parentRunId"

Picture = dict[str, Any]


class Echo(PythonModel):
    """A model that needs no other package."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return model_input


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The URL of a fresh server, which ends with the block."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--workers",
        "1",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    words += ["--backend-store-uri", f"sqlite:///{folder}/tracking.sqlite", "--artifacts-destination"]
    log = folder / "server.log"
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [*words, str(folder / "artifacts")],
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=said,
            stderr=said,
            start_new_session=True,
        ) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: _answers(url), START_SECONDS, log.read_text)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/health").status_code == 200
    return False


def fill(url: str, folder: Path) -> None:
    """Puts some of everything that MLflow knows into a server, with its own client."""
    mlflow.set_tracking_uri(url)
    client = MlflowClient(url)
    (folder / "curves").mkdir(parents=True)
    (folder / "curves" / "large.bin").write_bytes(os.urandom(3 * 2**20))
    (folder / "a ü+&.txt").write_text("ü")
    (folder / "empty").write_bytes(b"")
    client.create_experiment("churn", tags={"team": "growth"})
    client.create_experiment("prices/2026")
    for number in range(4):
        _log_family(client, "churn", number, folder)
    _log_family(client, "prices/2026", 4, folder)
    gone = client.create_experiment("gone")
    client.create_run(gone)
    client.delete_experiment(gone)
    _register(client, folder)
    mlflow.flush_trace_async_logging()


def _log_family(client: MlflowClient, experiment: str, number: int, folder: Path) -> None:
    """A run with a long history and files, and one nested in it with a model, a dataset and a trace."""
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name=f"family {number}", tags={"note": 'it\'s "so"\n'}) as parent:
        history = [Metric("loss", 1 / (step + 1), 1_790_000_000_000 + step, step) for step in range(2500)]
        for start in range(0, len(history), 1000):
            client.log_batch(parent.info.run_id, metrics=history[start : start + 1000])
        params = [Param(f"p{place}", f"{number} {place} ü") for place in range(130)]
        client.log_batch(parent.info.run_id, params=params[:100])
        client.log_batch(parent.info.run_id, params=params[100:])
        client.log_batch(parent.info.run_id, tags=[RunTag(f"t{place}", "x" * 4000) for place in range(100)])
        mlflow.log_metrics({"nan": float("nan"), "inf": float("-inf")}, step=-3)
        mlflow.log_artifacts(str(folder))
        with mlflow.start_run(nested=True, run_name=f"child {number}"):
            made = mlflow.pyfunc.log_model(
                name="echo", python_model=Echo(), registered_model_name="echo ü", params={"depth": str(number)}
            )
            mlflow.log_metric("auc", 0.5 + number / 10, step=2, model_id=made.model_id)
            with mlflow.start_span("ask") as span:
                span.set_inputs({"question": number})


def _register(client: MlflowClient, folder: Path) -> None:
    """Versions with tags, aliases and a stage, one that is deleted, and one of a run's folder."""
    client.update_registered_model("echo ü", "What it is told")
    client.set_registered_model_tag("echo ü", "team", "growth")
    client.delete_model_version("echo ü", "2")
    client.set_registered_model_alias("echo ü", "champion", "3")
    client.update_model_version("echo ü", "3", "The best one")
    client.set_model_version_tag("echo ü", "3", "checked", "yes")
    client.transition_model_version_stage("echo ü", "4", "Production")
    run = client.create_run(client.create_experiment("plain"), run_name="plain", tags={"mlflow.user": "grace"})
    client.log_artifacts(run.info.run_id, str(folder), "model")
    client.set_terminated(run.info.run_id, "FAILED")
    client.create_registered_model("plain", tags={"old": "yes"})
    client.create_model_version("plain", f"{run.info.artifact_uri}/model", run.info.run_id)


def picture(url: str, key: str = "", of: str = "") -> Picture:
    """What somebody finds in a server, under the ids that it had in the server `of` from which it was imported."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        return _Reader(http, of).everything()


class _Reader:
    def __init__(self, http: httpx.Client, of: str) -> None:
        self._http, self._of = http, of
        self._ids: dict[str, str] = {}

    def everything(self) -> Picture:
        body = {"max_results": 100}
        experiments = self._post("experiments/search", body)["experiments"]
        experiments = [
            one for one in experiments if self._origin(one) or (not self._of and one["name"] != "Default")
        ]
        ids = [one["experiment_id"] for one in experiments]
        runs = self._post("runs/search", {"experiment_ids": ids, "max_results": 1000, "run_view_type": "ALL"})[
            "runs"
        ]
        models = self._post("logged-models/search", {"experiment_ids": ids, "max_results": 50}).get("models", [])
        for one in experiments:
            self._note(one["experiment_id"], one)
        for one in runs:
            self._note(one["info"]["run_id"], one["data"])
        for one in models:
            self._note(one["info"]["model_id"], one["info"])
        registered = self._get("registered-models/search").get("registered_models", [])
        return {
            "experiments": {self._ids[one["experiment_id"]]: [one["name"], _tags(one)] for one in experiments},
            "runs": {self._ids[run["info"]["run_id"]]: self._run(run["info"]["run_id"]) for run in runs},
            "models": {self._ids[one["info"]["model_id"]]: self._model(one) for one in models},
            "registered": {one["name"]: self._registered(one) for one in registered},
            "traces": self._traces(ids),
        }

    def _note(self, identity: str, entity: Any) -> None:
        origin = self._origin(entity) or identity
        assert origin not in self._ids.values(), f"{origin} is there twice"
        self._ids[identity] = origin

    def _origin(self, entity: Any) -> str:
        """The id that something had where it was imported from."""
        tags = {tag["key"]: tag["value"] for tag in entity.get("tags", [])}
        mark = tags.get("import.source", "")
        assert not self._of or not mark or mark.startswith(f"{self._of}/#/"), mark
        return mark.rpartition("/")[2]

    def _run(self, identity: str) -> Picture:
        run = self._get("runs/get", run_id=identity)["run"]
        info, data = run["info"], run["data"]
        tags = _tags(data)
        if PARENT in tags:
            tags[PARENT] = self._ids[tags[PARENT]]
        outputs = run.get("outputs", {}).get("model_outputs", [])
        return {
            "of": self._ids[info["experiment_id"]],
            "info": {
                key: info.get(key) for key in ("run_name", "status", "start_time", "end_time", "lifecycle_stage")
            },
            "tags": tags,
            "params": {one["key"]: one["value"] for one in data.get("params", [])},
            "metrics": {one["key"]: self._history(identity, one["key"]) for one in data.get("metrics", [])},
            "last": sorted(_value(one) for one in data.get("metrics", [])),
            "datasets": run.get("inputs", {}).get("dataset_inputs", []),
            "outputs": [[self._ids[one["model_id"]], one.get("step")] for one in outputs],
            "files": self._files("artifacts/list", run["info"]["artifact_uri"], "path", run_id=identity),
        }

    def _history(self, identity: str, key: str) -> list[str]:
        found = self._get("metrics/get-history", run_id=identity, metric_key=key)["metrics"]
        return sorted(_value(one) for one in found)

    def _model(self, model: Picture) -> Picture:
        info, data = model["info"], model.get("data", {})
        folder = f"logged-models/{info['model_id']}/artifacts/directories"
        return {
            "of": self._ids[info["experiment_id"]],
            "name": info["name"],
            "run": self._ids[info["source_run_id"]],
            "status": info["status"],
            "tags": _tags(info, "mlflow.modelVersions"),
            "params": data.get("params", []),
            "metrics": [[_value(one), self._ids[one["run_id"]]] for one in data.get("metrics", [])],
            "files": self._files(folder, info["artifact_uri"], "artifact_directory_path"),
        }

    def _registered(self, model: Picture) -> Picture:
        found = self._get("model-versions/search", filter=f"name='{model['name']}'", max_results=100)
        versions = {one["version"]: self._version(one) for one in found["model_versions"]}
        aliases = {one["alias"]: one["version"] for one in model.get("aliases", [])}
        return {
            "description": model.get("description", ""),
            "tags": _tags(model),
            "aliases": aliases,
            "versions": versions,
        }

    def _version(self, version: Picture) -> Picture:
        source = version["source"]
        for identity, origin in self._ids.items():
            if len(identity) > 20:
                source = source.replace(identity, origin)
        return {
            "description": version.get("description", ""),
            "tags": _tags(version),
            "stage": version["current_stage"],
            "run": self._ids[version["run_id"]],
            "source": source.partition("artifacts/")[2] if source.startswith("mlflow-artifacts:") else source,
        }

    def _traces(self, ids: list[str]) -> Picture:
        places = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": one}} for one in ids]
        body = {"locations": places, "max_results": 100}
        reply = self._http.post("/api/3.0/mlflow/traces/search", json=body).raise_for_status().json()
        return {trace["trace_id"]: self._trace(trace) for trace in reply.get("traces", [])}

    def _trace(self, trace: Picture) -> list[Any]:
        spans = self._http.get("/ajax-api/2.0/mlflow/get-trace-artifact", params={"request_id": trace["trace_id"]})
        about = [trace.get(key) for key in ("request_time", "execution_duration", "state", "request_preview")]
        run = self._ids[trace["trace_metadata"]["mlflow.sourceRun"]]
        return [*about, run, sorted(span["name"] for span in spans.raise_for_status().json()["spans"])]

    def _files(self, listing: str, place: str, field: str, **of: str) -> dict[str, str]:
        """The hash of every file below a place."""
        found, folders = {}, [""]
        while folders:
            folder = folders.pop()
            for entry in self._get(listing, **of, **({field: folder} if folder else {})).get("files", []):
                if entry.get("is_dir"):
                    folders.append(entry["path"])
                    continue
                path = f"{place.removeprefix('mlflow-artifacts:/')}/{entry['path']}"
                content = self._http.get(f"/api/2.0/mlflow-artifacts/artifacts/{path}").raise_for_status().content
                found[entry["path"]] = hashlib.sha256(content).hexdigest()
        return found

    def _post(self, path: str, body: Any) -> Any:
        return self._http.post(f"/api/2.0/mlflow/{path}", json=body).raise_for_status().json()

    def _get(self, path: str, /, **params: Any) -> Any:
        return self._http.get(f"/api/2.0/mlflow/{path}", params=params).raise_for_status().json()


def _tags(entity: Any, *without: str) -> dict[str, str]:
    tags = {tag["key"]: tag["value"] for tag in entity.get("tags", [])}
    return {key: value for key, value in tags.items() if not key.startswith(ADDED) and key not in without}


def _value(metric: Any) -> str:
    return " ".join(str(metric.get(field)) for field in ("key", "value", "timestamp", "step"))
