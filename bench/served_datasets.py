"""What a dataset costs through the server: its snapshots over HTTP, and jobs that see it."""

import statistics
import time
from typing import Any

from bench.serving import Server, modelyard, table

FILES, FILE_BYTES, LARGE_MIB = 10_000, 4096, 1024
RUNS = 20

_FILL = f"""python -c "
import os
root = os.environ['DOMINO_DATASETS_DIR'] + '/local/data'
for number in range({FILES}):
    folder = root + '/d%02d' % (number % 100)
    os.makedirs(folder, exist_ok=True)
    with open(folder + '/f%d' % number, 'wb') as file:
        file.write(os.urandom({FILE_BYTES}))
with open(root + '/large', 'wb') as file:
    for _ in range({LARGE_MIB}):
        file.write(os.urandom(2 ** 20))
"
"""


def measure() -> None:
    """Fills a dataset by a job, takes snapshots of it, and runs jobs beside it and without it in turns."""
    with modelyard() as server:
        without, project = server.new_project("without"), server.new_project("with")
        environment = server.plain_python()
        made = server.json("POST", "/api/datasetrw/v1/datasets", json={"name": "data", "projectId": project})
        dataset = str(made["dataset"]["id"])
        _job(server, project, environment, _FILL)
        first = _snapshot(server, dataset)
        again = [_snapshot(server, dataset) for _ in range(RUNS)]
        making = _job(server, project, environment, "true")
        beside: dict[str, list[float]] = {without: [], project: []}
        for _ in range(RUNS):
            for one, times in beside.items():
                times.append(_job(server, one, environment, "true"))
        table(
            f"A dataset of {FILES:,} files of 4 KiB and one of 1 GiB, through the server",
            [
                ("what", "median", "budget"),
                ("first snapshot, until it is active", _ms([first]), ""),
                ("another one, nobody mounted it since", _ms(again), "50 ms"),
                ("job in a project without datasets", _ms(beside[without]), ""),
                ("job that sees the dataset and its snapshots", _ms(beside[project]), ""),
                ("first such job, which makes the folder of a snapshot", _ms([making]), ""),
            ],
        )


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1e3:,.0f} ms"


def _job(server: Server, project: str, environment: str, command: str) -> float:
    """How long a job takes from submission to its end as recorded, in seconds."""
    body = {"projectId": project, "runCommand": command, "environmentId": environment}
    began = time.perf_counter()
    job = server.json("POST", "/api/jobs/v1/jobs", json=body)["job"]["id"]
    _until(server, f"/api/jobs/beta/jobs/{job}", lambda reply: reply["job"]["status"]["isCompleted"])
    return time.perf_counter() - began


def _snapshot(server: Server, dataset: str) -> float:
    """How long a snapshot takes until it is active, in seconds."""
    began = time.perf_counter()
    path = f"/api/datasetrw/v1/datasets/{dataset}/snapshots"
    taken = server.json("POST", path, json={"relativeFilePaths": []})["snapshot"]
    if taken["status"] != "active":
        path = f"/api/datasetrw/v1/snapshots/{taken['id']}"
        _until(server, path, lambda reply: reply["snapshot"]["status"] == "active")
    return time.perf_counter() - began


def _until(server: Server, path: str, is_reached: Any) -> None:
    while not is_reached(server.json("GET", path)):
        time.sleep(0.002)
