"""Faults, caused for real: processes killed while jobs run and wait. Nothing is lost, nothing runs twice."""

import io
import os
import signal
import tarfile
from typing import Any

import httpx
import pytest

from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for

# Counts to ten slowly enough to be caught in the middle, and leaves a mark of every start.
COUNTING = b"""
import os, time
with open("starts.txt", "a") as file:
    file.write("started\\n")
for number in range(10):
    print("line", number, flush=True)
    time.sleep(0.3)
"""


def _project(http: httpx.Client) -> tuple[str, str]:
    project = http.post(
        "/api/projects/beta/projects", json={"name": "faults", "description": "", "visibility": "Private"}
    ).json()["project"]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("count.py")
        member.size = len(COUNTING)
        tar.addfile(member, io.BytesIO(COUNTING))
    reply = http.post(f"/v4/projects/{project['id']}/commits", content=archive.getvalue())
    assert reply.status_code in {200, 201}, reply.text
    environments = http.get("/api/environments/beta/environments").json()["environments"]
    plain = next(one["id"] for one in environments if one["name"] == "Plain Python")
    return project["id"], plain


def _start(http: httpx.Client, project_id: str, environment: str, tier: str) -> str:
    reply = http.post(
        "/api/jobs/v1/jobs",
        json={
            "projectId": project_id,
            "runCommand": "python count.py",
            "environmentId": environment,
            "hardwareTier": tier,
        },
    )
    assert reply.status_code == 200, reply.text
    return str(reply.json()["job"]["id"])


def _job(server: RunningServer, job_id: str) -> dict[str, Any]:
    """The job, or nothing while the server is away."""
    try:
        with server.http() as http:
            reply = http.get(f"/api/jobs/beta/jobs/{job_id}")
            return dict(reply.json()["job"]) if reply.status_code == 200 else {}
    except (httpx.HTTPError, FileNotFoundError):
        return {}


def _status(server: RunningServer, job_id: str) -> str:
    return str(_job(server, job_id).get("status", {}).get("executionStatus", ""))


def _lines(server: RunningServer, job_id: str) -> list[str]:
    with server.http() as http:
        reply = http.get(f"/api/jobs/beta/jobs/{job_id}/logs", params={"logType": "stdOut"})
        return [line["log"] for line in reply.json()["logs"]["logContent"]]


def _is_completed(server: RunningServer, job_id: str) -> bool:
    return bool(_job(server, job_id).get("status", {}).get("isCompleted"))


@pytest.mark.parametrize(
    "victims",
    [
        ("api",),
        ("runner",),
        ("postgres",),
        ("api", "runner", "postgres"),
        ("supervisor", "api", "runner", "postgres"),
    ],
    ids="+".join,
)
def test_jobs_survive_kill_9_of(server: RunningServer, victims: tuple[str, ...]) -> None:
    with server.http() as http:
        project_id, environment = _project(http)
        running = _start(http, project_id, environment, "large")
        queued = _start(http, project_id, environment, "large")
    wait_for(lambda: len(_lines(server, running)) >= 2, DONE_SECONDS, server.describe)
    assert _status(server, queued) == "Queued"

    server.kill(*victims)
    if "supervisor" in victims:
        server.start()

    for job_id in (running, queued):
        wait_for(lambda job_id=job_id: _is_completed(server, job_id), DONE_SECONDS, server.describe)
        assert _status(server, job_id) == "Succeeded"
        assert _lines(server, job_id) == [f"line {number}" for number in range(10)]
    with server.http() as http:
        commit = _job(server, running)["commitDetails"]["outputCommitId"]
        starts = http.get(f"/api/projects/v1/projects/{project_id}/files/{commit}/starts.txt/content")
        assert starts.text == "started\n"


def test_a_job_whose_processes_were_killed_is_said_to_be_lost(server: RunningServer) -> None:
    with server.http() as http:
        project_id, environment = _project(http)
        job_id = _start(http, project_id, environment, "small")
    wait_for(lambda: len(_lines(server, job_id)) >= 1, DONE_SECONDS, server.describe)
    pid = int((server.home / "runs" / job_id / "pid").read_text())
    server.kill("runner", "supervisor", "api")
    os.killpg(pid, signal.SIGKILL)
    server.start()
    wait_for(lambda: _is_completed(server, job_id), DONE_SECONDS, server.describe)
    assert _status(server, job_id) == "Error"
    assert _lines(server, job_id)[0] == "line 0"
