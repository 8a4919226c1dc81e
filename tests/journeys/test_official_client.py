"""The official Python client drives the whole way of one piece of work."""

import io
import os
from pathlib import Path

import pytest
from domino import Domino
from domino.exceptions import DatasetExistsException, DatasetNotFoundException
from requests import HTTPError

from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for

SCRIPT = b"""
import json, os, sys
print("training in", os.environ["DOMINO_PROJECT_NAME"])
print("a warning", file=sys.stderr)
os.makedirs("results", exist_ok=True)
open("results/model.txt", "w").write("weights")
json.dump({"accuracy": 0.97}, open("dominostats.json", "w"))
"""


@pytest.fixture
def domino(server: RunningServer) -> Domino:
    client = Domino("admin/quick-start", api_key=server.key, host=server.url)
    client.project_create_v4("journey")
    return Domino("admin/journey", api_key=server.key, host=server.url)


def _plain_python(domino: Domino) -> str:
    found = [one["id"] for one in domino.environments_list()["data"] if one["name"] == "Plain Python"]
    return str(found[0])


def test_a_project_runs_a_script_as_a_job(domino: Domino) -> None:
    assert "journey" in [project["name"] for project in domino.projects_list()]
    assert domino.files_upload("/train.py", io.BytesIO(SCRIPT)).status_code == 201
    commit = domino.commits_list()[0]
    assert "train.py" in [entry["path"] for entry in domino.files_list(commit)["data"]]

    tiers = [entry["hardwareTier"]["name"] for entry in domino.hardware_tiers_list()]
    job = domino.job_start(
        "python train.py", hardware_tier_name=tiers[0], environment_id=_plain_python(domino), title="First"
    )
    status = wait_for(lambda: (s := domino.job_status(job["id"]))["statuses"]["isCompleted"] and s, DONE_SECONDS)
    assert status["statuses"]["executionStatus"] == "Succeeded"
    assert domino.jobs_list(domino.project_id)["jobs"][0]["id"] == job["id"]
    assert domino.job_runtime_execution_details(job["id"])["hardwareTier"]["name"] == tiers[0]

    log = domino.get_run_log(job["id"])
    assert "training in journey" in log
    results = domino.commits_list()[0]
    paths = [entry["path"] for entry in domino.files_list(results, "results")["data"]]
    assert paths == ["results/model.txt"]
    assert domino.files_download("results/model.txt", results).read() == b"weights"


def test_a_first_generation_run_blocks_until_its_output_commit(domino: Domino) -> None:
    domino.files_upload("/hello.py", io.BytesIO(b"print('hello')"))
    default = domino.get_default_environment()
    assert default["latestRevisionDetails"]["dockerImage"]
    ended = domino.job_start_blocking(1, command="hello.py", environment_id=_plain_python(domino))
    assert ended["statuses"]["executionStatus"] == "Succeeded"
    runs = domino.runs_list()["data"]
    assert runs[0]["status"] == "Succeeded"
    assert runs[0]["outputCommitId"]


def test_tags_and_the_archive_of_a_project(domino: Domino) -> None:
    domino.tags_add(["urgent"], project_id=domino.project_id)
    assert [tag["name"] for tag in domino.tags_list(domino.project_id)] == ["urgent"]
    domino.project_archive("journey")
    assert "journey" not in [project["name"] for project in domino.projects_list()]


def test_datasets_are_made_filled_described_and_removed(
    server: RunningServer, domino: Domino, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = domino.datasets_create("calls", "who called")
    assert domino.datasets_names(domino.project_id) == ["calls"]
    assert domino.datasets_ids(domino.project_id) == [made["datasetId"]]
    with pytest.raises(DatasetExistsException):
        domino.datasets_create("calls", "again")
    files = {"data/2026/january.csv": b"1,2", "data/empty": b"", "data/large.bin": os.urandom(9 * 2**20)}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    domino.datasets_upload_files(made["datasetId"], "data", target_relative_path="raw")
    assert [one["datasetName"] for one in domino.datasets_list(domino.project_id)] == ["calls"]
    with server.http() as http:
        url = f"/v4/datasetrw/datasets/{made['datasetId']}"
        for path, content in files.items():
            assert http.get(f"{url}/file", params={"path": f"raw/{path}"}).content == content
        usage = http.get(f"{url}/usage").json()
    assert (usage["fileCount"], usage["sizeBytes"]) == (3, 3 + 9 * 2**20)

    assert domino.datasets_details(made["datasetId"])["description"] == "who called"
    changed = domino.datasets_update_details(made["datasetId"], "bills", "who paid")
    assert (changed["datasetName"], changed["description"]) == ("bills", "who paid")
    assert domino.datasets_update_details(made["datasetId"]) == changed
    (removed,) = domino.datasets_remove([made["datasetId"]])
    assert removed.status_code == 200
    assert domino.datasets_list() == []
    with pytest.raises(DatasetNotFoundException):
        domino.datasets_remove([made["datasetId"]])


def test_models_are_published_and_the_endpoint_of_a_project_answers(server: RunningServer, domino: Domino) -> None:
    domino.files_upload("/model.py", io.BytesIO(b"def add(x, y=1):\n    return {'sum': x + y}\n"))
    plain = _plain_python(domino)
    published = domino.model_publish("model.py", "add", plain, "adder", "It adds")["data"]
    assert (published["name"], published["description"]) == ("adder", "It adds")
    (listed,) = domino.models_list()["data"]
    assert listed["id"] == published["_id"]
    second = domino.model_version_publish(published["_id"], "model.py", "add", plain, "Again")
    assert second["number"] == 2
    versions = {one["metadata"]["number"]: one for one in domino.model_versions_get(published["_id"])["data"]}
    assert versions[2]["_id"] == second["_id"]
    image = {"registry_host": "r", "registry_username": "u", "registry_password": "p", "image_tag": "1"}
    for export in (domino.model_version_export, domino.model_version_sagemaker_export):
        with pytest.raises(HTTPError, match="400 Client Error"):
            export(published["_id"], second["_id"], repository_name="m", **image)
    for reading in (domino.model_version_export_status, domino.model_version_export_logs):
        with pytest.raises(HTTPError, match="404 Client Error"):
            reading("0" * 24)

    assert not domino.endpoint_state()["isPublished"]
    with server.http() as http:
        settings = {"defaultEnvironmentId": plain}
        http.put(f"/v4/projects/{domino.project_id}/settings", json=settings).raise_for_status()
        assert domino.endpoint_publish("model.py", "add", domino.commits_list()[0]).status_code == 200
        wait_for(lambda: domino.endpoint_state()["status"] == "Running", DONE_SECONDS, server.describe)
        asked = {"parameters": [1, 2]}
        answer = wait_for(
            lambda: (reply := http.post("/v1/admin/journey/endpoint", json=asked)).is_success and reply.json(), 30
        )
    assert (answer["result"], answer["release"]["function"]) == ({"sum": 3}, "add")
    assert domino.endpoint_unpublish().status_code == 200
    assert not domino.endpoint_state()["isPublished"]
