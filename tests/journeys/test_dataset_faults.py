"""Datasets and processes that are killed: no snapshot is half, none is taken twice, no file is lost."""

import hashlib
from typing import Any

import httpx
import pytest

from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for

SIZE = 150
WRITE = f"dd if=/dev/urandom of=$DOMINO_DATASETS_DIR/local/big/data bs=1M count={SIZE}"

EVERYTHING = ("supervisor", "api", "runner", "postgres")


def _get(server: RunningServer, path: str, **params: Any) -> Any:
    """A reply's JSON, or nothing while the server is away."""
    try:
        with server.http() as http:
            reply = http.get(path, params=params)
            return reply.json() if reply.status_code == 200 else {}
    except (httpx.HTTPError, FileNotFoundError):
        return {}


def _make_dataset(http: httpx.Client) -> tuple[str, str, str]:
    project = http.get("/api/projects/beta/projects").json()["projects"][0]["id"]
    made = http.post("/api/datasetrw/v1/datasets", json={"name": "big", "projectId": project})
    environments = http.get("/api/environments/beta/environments").json()["environments"]
    plain = next(one["id"] for one in environments if one["name"] == "Plain Python")
    return project, made.json()["dataset"]["id"], plain


def _start(http: httpx.Client, project: str, environment: str, **more: Any) -> str:
    body = {"projectId": project, "runCommand": WRITE, "environmentId": environment} | more
    return str(http.post("/api/jobs/v1/jobs", json=body).json()["job"]["id"])


def _status(server: RunningServer, job_id: str) -> str:
    found = _get(server, f"/api/jobs/beta/jobs/{job_id}").get("job", {})
    return str(found.get("status", {}).get("executionStatus", ""))


def _restart(server: RunningServer, victims: tuple[str, ...]) -> None:
    server.kill(*victims)
    if "supervisor" in victims:
        server.start()


def _is_whole(server: RunningServer, dataset: str, number: int) -> None:
    """The snapshot has the very bytes of the live file, and the store what it says."""
    with server.http() as http:
        checked = http.get(f"/v4/datasetrw/datasets/{dataset}/verification").json()
        assert checked["damaged"] == []
        digests = [
            hashlib.sha256(http.get(f"/v4/datasetrw/datasets/{dataset}/file", params=query).content).digest()
            for query in ({"path": "data"}, {"path": "data", "snapshot": str(number)})
        ]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("victims", [("runner",), EVERYTHING], ids="+".join)
def test_the_snapshot_at_the_end_of_a_job_survives_kill_9_of(
    server: RunningServer, victims: tuple[str, ...]
) -> None:
    with server.http() as http:
        project, dataset, environment = _make_dataset(http)
        job_id = _start(http, project, environment, snapshotDatasetsOnCompletion=True)
    wait_for((server.home / "runs" / job_id / "exit").exists, DONE_SECONDS, server.describe)
    _restart(server, victims)
    wait_for(lambda: _status(server, job_id) == "Succeeded", DONE_SECONDS, server.describe)
    listed = _get(server, f"/v4/datasetrw/datasets/{dataset}/snapshots")["snapshots"]
    assert [(one["number"], one["status"], one["runId"], one["sizeBytes"]) for one in listed] == [
        (1, "active", job_id, SIZE * 2**20)
    ]
    _is_whole(server, dataset, 1)


def test_a_snapshot_that_is_being_copied_survives_kill_9_of_everything(server: RunningServer) -> None:
    with server.http() as http:
        project, dataset, environment = _make_dataset(http)
        job_id = _start(http, project, environment)
        wait_for(lambda: _status(server, job_id) == "Succeeded", DONE_SECONDS, server.describe)
        asked = http.post(f"/api/datasetrw/v1/datasets/{dataset}/snapshots", json={"relativeFilePaths": []})
        taken = asked.json()["snapshot"]
    assert taken["status"] == "pending"
    packs = server.home / "blobs" / "packs"
    wait_for(lambda: any(one.stat().st_size > 2**20 for one in packs.iterdir()), DONE_SECONDS, server.describe)
    _restart(server, EVERYTHING)

    def status() -> str:
        return str(_get(server, f"/v4/datasetrw/snapshots/{taken['id']}").get("status", ""))

    wait_for(lambda: status() == "active", DONE_SECONDS, server.describe)
    _is_whole(server, dataset, 1)
