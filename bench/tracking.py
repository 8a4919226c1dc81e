"""What the way through the API adds to MLflow's server behind it; and reads of registered models."""

import itertools
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from bench.reads import mlflow_server
from bench.serving import Server, load, modelyard, peak_memory, table
from modelyard.engines.tracker.place import HOST, TrackerPlace

METRICS, RUNS, VERSIONS = 100, 100, 25
ROUNDS, LARGE_ROUNDS, READ_ROUNDS, READ_SECONDS = 300, 7, 5, 3.0
LARGE_BYTES = 100 * 10**6
API, FILES = "/api/2.0/mlflow", "/api/2.0/mlflow-artifacts/artifacts"

Way = tuple[str, httpx.Client]


def measure() -> None:
    """The same requests in turns: to MLflow's server on its own socket, and through the API."""
    with modelyard() as server:
        experiment = _experiment(server)
        # Compressed replies would take MLflow's server longer than what is measured.
        plain = {"Accept-Encoding": "identity"}
        direct = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(TrackerPlace(server.home).socket)),
            base_url=f"http://{HOST}",
            headers=plain,
            timeout=60,
        )
        headers = plain | {"Authorization": f"Bearer {server.key}"}
        through = httpx.Client(base_url=f"{server.url}/mlflow", headers=headers, timeout=60)
        ways = [("direct", direct), ("through", through)]
        _small(ways, experiment)
        _large(server, ways, experiment)
    _registry()


def _experiment(server: Server) -> str:
    body = {"name": "bench"}
    return str(server.json("POST", f"/mlflow{API}/experiments/create", json=body)["experiment_id"])


def _run(client: httpx.Client, experiment: str, number: int = 0) -> dict[str, Any]:
    """A new run with some parameters and metrics, made through the API."""
    run: dict[str, Any] = _post(client, "runs/create", {"experiment_id": experiment})["run"]["info"]
    values = [{"key": f"m{place}", "value": number + place, "timestamp": 1, "step": 0} for place in range(10)]
    params = [{"key": f"p{place}", "value": str(place)} for place in range(10)]
    _post(client, "runs/log-batch", {"run_id": run["run_id"], "metrics": values, "params": params})
    return run


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    response = client.post(f"{API}/{path}", json=body)
    response.raise_for_status()
    return response.json()


def _small(ways: list[Way], experiment: str) -> None:
    """A batch of metrics, and a search, one after the other."""
    for number in range(RUNS):
        run = _run(ways[1][1], experiment, number)
    steps: Iterator[int] = itertools.count(1)

    def log(client: httpx.Client) -> None:
        step = next(steps)
        values = [{"key": f"v{key}", "value": step, "timestamp": step, "step": step} for key in range(METRICS)]
        _post(client, "runs/log-batch", {"run_id": run["run_id"], "metrics": values})

    def search(client: httpx.Client) -> None:
        found = _post(client, "runs/search", {"experiment_ids": [experiment], "max_results": RUNS})
        assert len(found["runs"]) == RUNS

    rows = [("what", "MLflow's server", "through the API", "added to the p50", "budget")]
    for what, request in ((f"log-batch of {METRICS} metrics", log), (f"search of {RUNS} runs", search)):
        times = _in_turns(ways, request, ROUNDS)
        p50 = {name: statistics.median(values) * 1e3 for name, values in times.items()}
        added = p50["through"] - p50["direct"]
        rows.append((what, f"{p50['direct']:.1f} ms", f"{p50['through']:.1f} ms", f"{added:.1f} ms", "2 ms"))
    table("Tracking, one client, the same MLflow server with and without the API before it", rows)


def _large(server: Server, ways: list[Way], experiment: str) -> None:
    """A file of 100 MB in and out."""
    run = _run(ways[1][1], experiment)
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    content = os.urandom(2**20)

    def upload(client: httpx.Client) -> None:
        pieces = (content[: LARGE_BYTES - start] for start in range(0, LARGE_BYTES, len(content)))
        headers = {"Content-Length": str(LARGE_BYTES), "Content-Type": "application/octet-stream"}
        client.put(f"{FILES}/{place}/large.bin", content=pieces, headers=headers).raise_for_status()

    def download(client: httpx.Client) -> None:
        with client.stream("GET", f"{FILES}/{place}/large.bin") as response:
            assert sum(len(piece) for piece in response.iter_raw()) == LARGE_BYTES

    rows = [("what", "MLflow's server", "through the API", "ratio", "budget", "growth of the API's memory")]
    for what, request in (("upload", upload), ("download", download)):
        with peak_memory(server) as idle:
            _in_turns(ways[:1], request, 1)
        with peak_memory(server) as busy:
            times = _in_turns(ways, request, LARGE_ROUNDS)
        rates = {name: LARGE_BYTES / 1e6 / statistics.median(values) for name, values in times.items()}
        growth = (busy[0] - idle[0]) / 2**20
        ratio = f"{rates['through'] / rates['direct']:.2f}x"
        shown = [f"{rates[name]:.0f} MB/s" for name, _ in ways]
        rows.append((what, *shown, ratio, "0.9x", f"{growth:.0f} MB"))
    table("A file of 100 MB among the artifacts of a run", rows)


def _in_turns(ways: list[Way], request: Callable[[httpx.Client], None], rounds: int) -> dict[str, list[float]]:
    """The times in seconds of the same request, on each way in turns.

    Which comes first is left to chance: what happens at every so-many-th request must not always meet the same.
    """
    times: dict[str, list[float]] = {name: [] for name, _ in ways}
    chance = random.Random(1)
    for _ in range(rounds):
        for name, client in chance.sample(ways, len(ways)):
            began = time.perf_counter()
            request(client)
            times[name].append(time.perf_counter() - began)
    return times


def _registry() -> None:
    """Point reads of registered models, beside MLflow's server reading an experiment."""
    with modelyard() as server, mlflow_server() as peer:
        project = server.new_project("bench")
        _register(server)
        model = f"{server.url}/api/registeredmodels/v1/bench"
        reads = {
            "one project": f"{server.url}/api/projects/v1/projects/{project}",
            "one model": model,
            f"20 of {VERSIONS} versions of a model": f"{model}/versions",
            "one version": f"{model}/versions/{VERSIONS}",
        }
        experiment = f"{peer}/api/2.0/mlflow/experiments/get?experiment_id=0"
        rates: dict[str, list[float]] = {name: [] for name in ("mlflow", *reads)}
        for _ in range(READ_ROUNDS):
            for name, url in (("mlflow", experiment), *reads.items()):
                headers = {} if name == "mlflow" else {"X-Domino-Api-Key": server.key}
                rates[name].append(len(load(url, headers, READ_SECONDS)) / READ_SECONDS)
    median = {name: statistics.median(values) for name, values in rates.items()}
    rows = [
        ("what", "requests/s", "ratio", "budget"),
        ("MLflow server, get-experiment, no authentication", f"{median['mlflow']:.0f}", "1", ""),
    ]
    rows += [(name, f"{median[name]:.0f}", f"{median[name] / median['mlflow']:.1f}x", "20x") for name in reads]
    table("Reads of registered models by 16 clients", rows)


def _register(server: Server) -> None:
    """A model with versions that have tags, metrics and parameters."""
    with httpx.Client(
        base_url=f"{server.url}/mlflow", headers={"Authorization": f"Bearer {server.key}"}, timeout=60
    ) as client:
        experiment = _experiment(server)
        _post(client, "registered-models/create", {"name": "bench"})
        for number in range(VERSIONS):
            run = _run(client, experiment, number)
            body = {
                "name": "bench",
                "source": f"{run['artifact_uri']}/model",
                "run_id": run["run_id"],
                "tags": [{"key": f"t{place}", "value": str(place)} for place in range(5)],
            }
            _post(client, "model-versions/create", body)
