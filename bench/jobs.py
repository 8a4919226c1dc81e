"""Launch of a no-op Python job against the bare program, and a hundred of them."""

import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.serving import Server, clean_environment, modelyard, table

RUNS, MANY, SUBMITTERS = 40, 100, 4


def measure() -> None:
    """Interleaves jobs with bare runs of the same command in the same environment."""
    for isolation, budget in (("none", "2x"), ("auto", "2.7x")):
        with modelyard(job_isolation=isolation) as server:
            _measure(server, "isolated by bubblewrap" if isolation == "auto" else "not isolated", budget)


def _measure(server: Server, how: str, budget: str) -> None:
    project, environment = server.new_project("launch"), server.plain_python()
    _wait(server, _start(server, project, environment))
    python = next((server.home / "envs").glob("*/bin/python"))
    launches, bare = [], []
    for _ in range(RUNS):
        bare.append(_bare(python))
        launches.append(_launch(server, project, environment))
    many = _many(server, project, environment)
    loop = MANY * statistics.median(bare)
    ratio = statistics.median(launches) / statistics.median(bare)
    table(
        f"Jobs, {how} (records and logs durable)",
        [
            ("what", "median", "ratio", "budget"),
            ("bare `python -c pass` in the same environment", f"{statistics.median(bare) * 1e3:.1f} ms", "1", ""),
            (
                "job, from submission to its end as recorded",
                f"{statistics.median(launches) * 1e3:.1f} ms",
                f"{ratio:.2f}x",
                budget,
            ),
            (f"{MANY} jobs", f"{MANY / many:.1f} jobs/s", f"{loop / many:.2f}x the rate of a bare loop", "1.2x"),
        ],
    )


def _start(server: Server, project: str, environment: str) -> str:
    body = {"projectId": project, "runCommand": "python -c pass", "environmentId": environment}
    return str(server.json("POST", "/api/jobs/v1/jobs", json=body)["job"]["id"])


def _details(server: Server, job_id: str) -> dict[str, Any]:
    return dict(server.json("GET", f"/v4/jobs/{job_id}"))


def _wait(server: Server, job_id: str) -> dict[str, Any]:
    while True:
        job = _details(server, job_id)
        if job["statuses"]["isCompleted"]:
            if job["statuses"]["executionStatus"] != "Succeeded":
                raise RuntimeError(str(job))
            return job
        time.sleep(0.005)


def _launch(server: Server, project: str, environment: str) -> float:
    began = time.time()
    job = _wait(server, _start(server, project, environment))
    return float(job["stageTime"]["completedTime"]) / 1e3 - began


def _bare(python: Path) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run([python, "-c", "pass"], cwd=folder, check=True, env=clean_environment())
        return time.perf_counter() - began


def _many(server: Server, project: str, environment: str) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(SUBMITTERS) as submitters:
        jobs = list(submitters.map(lambda _: _start(server, project, environment), range(MANY)))
    for job_id in reversed(jobs):
        _wait(server, job_id)
    return time.perf_counter() - began
