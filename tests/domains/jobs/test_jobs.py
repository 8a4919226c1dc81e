"""Jobs, really run."""

import asyncio
from typing import Any

import pytest

from modelyard.domains.users import caller_of
from tests.client import Modelyard, Person
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("runner")

TRAIN = """
import json, os, sys
print("one"); print("two", file=sys.stderr)
os.makedirs("results"); open("results/model", "w").write("weights")
json.dump({"accuracy": 0.9, "name": "x"}, open("dominostats.json", "w"))
"""


async def test_a_job_leaves_its_log_statistics_and_results(ada: Person) -> None:
    project = await as_(ada).makes_project(train__py=TRAIN)
    job = await as_(ada).runs(project, "train.py", title="First")
    assert job["status"]["executionStatus"] == "Succeeded"
    assert (job["number"], job["title"], job["startedById"]) == (1, "First", ada.id)
    assert job["dominoStats"] == [{"name": "accuracy", "value": "0.9"}, {"name": "name", "value": "x"}]
    assert await as_(ada).log(job) == ["one"]
    assert await as_(ada).log(job, "STDERR") == ["two"]
    assert "Hardware tier small" in "\n".join(await as_(ada).log(job, "prepareOutput"))
    commit = job["commitDetails"]["outputCommitId"]
    path = f"/api/projects/v1/projects/{project}/files/{commit}/results%2Fmodel/content"
    assert await ada.get(path) == b"weights"
    assert job["usage"]["cpuPercentage"] >= 0


async def test_the_log_is_read_by_its_cursor(ada: Person) -> None:
    project = await as_(ada).makes_project()
    job = await as_(ada).runs(project, "for i in 1 2 3 4 5; do echo $i; done")
    path, seen, cursor = f"/api/jobs/beta/jobs/{job['id']}/logs", [], "0"
    while True:
        reply = await ada.get(path, logType="stdOut", limit=2, latestTimeNano=cursor)
        seen += [line["log"] for line in reply["logs"]["logContent"]]
        cursor = reply["metadata"]["pagination"]["latestTimeNano"]
        if reply["logs"]["isComplete"]:
            break
    assert seen == ["1", "2", "3", "4", "5"]
    await ada.get(path, latestTimeNano="soon", expect=400)
    await ada.get(path, logType="everything", expect=400)
    await ada.get(path, limit=10_001, expect=400)


async def test_a_failing_command_says_its_exit_code(ada: Person) -> None:
    project = await as_(ada).makes_project()
    job = await as_(ada).runs(project, "sh -c 'exit 3'")
    assert job["status"]["executionStatus"] == "Failed"
    reply = await ada.get(f"/api/jobs/beta/jobs/{job['id']}/logs")
    assert reply["logs"]["problem"] == "The command ended with exit code 3."
    assert "outputCommitId" not in job["commitDetails"]


async def test_a_job_finds_what_a_domino_run_finds(ada: Person, modelyard: Modelyard) -> None:
    project = await as_(ada).makes_project("vars")
    script = 'import os; print("\\n".join(f"{k}={v}" for k, v in os.environ.items())); open("here", "w")'
    job = await as_(ada).starts_job(project, f"python -c '{script}'; cat $DOMINO_TOKEN_FILE; sleep 1")
    while not any(line.startswith("mdr_") for line in await as_(ada).log(job)):
        await asyncio.sleep(0.03)
    lines = await as_(ada).log(job)
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    wanted = {
        "DOMINO_PROJECT_ID": project,
        "DOMINO_PROJECT_NAME": "vars",
        "DOMINO_PROJECT_OWNER": "ada",
        "DOMINO_RUN_ID": job["id"],
        "DOMINO_RUN_NUMBER": "1",
        "DOMINO_STARTING_USERNAME": "ada",
        "DOMINO_HARDWARE_TIER_ID": "small",
    }
    assert {name: found.get(name) for name in wanted} == wanted
    token = next(line for line in lines if line.startswith("mdr_"))
    caller = await caller_of(modelyard.db, token)
    assert (caller.id, caller.run_id, caller.is_admin) == (ada.id, job["id"], False)
    await as_(ada).waits_for(job)
    await Person(modelyard, "", "", token).get("/api/users/v1/self", expect=401)


async def test_results_on_a_branch_of_their_own(ada: Person) -> None:
    project = await as_(ada).makes_project("apart")
    path = f"/api/projects/beta/projects/{project}/results-settings"
    await ada.put(path, {"branch": "isolated"})
    before = (await ada.get("/v1/projects/ada/apart/commits"))[0]
    job = await as_(ada).runs(project, "touch made")
    assert (await ada.get("/v1/projects/ada/apart/commits"))[0] == before
    listed = await ada.get(f"/v1/projects/ada/apart/files/{job['commitDetails']['outputCommitId']}/")
    assert "made" in [entry["path"] for entry in listed["data"]]


@pytest.mark.parametrize(("keep", "has_results"), [(True, True), (False, False)])
async def test_a_running_job_is_stopped(ada: Person, keep: bool, has_results: bool) -> None:
    project = await as_(ada).makes_project()
    job = await as_(ada).starts_job(project, "echo up; touch made; sleep 60")
    while await as_(ada).log(job) != ["up"]:
        await asyncio.sleep(0.03)
    await asyncio.sleep(0.1)
    await ada.post("/v4/jobs/stop", {"projectId": project, "jobId": job["id"], "commitResults": keep})
    ended = await as_(ada).waits_for(job)
    assert ended["status"]["executionStatus"] == "Stopped"
    assert ("outputCommitId" in ended["commitDetails"]) is has_results
    assert await as_(ada).log(job) == ["up"]


async def test_a_waiting_job_explains_itself_and_is_stopped_at_once(ada: Person) -> None:
    project = await as_(ada).makes_project()
    await as_(ada).runs(project, "true")
    first = await as_(ada).starts_job(project, "sleep 60", hardwareTier="large")
    await as_(ada).waits_for_status(first, "Running")
    second = await as_(ada).starts_job(project, "sleep 60", hardwareTier="large")
    waiting = (await ada.get(f"/api/jobs/beta/jobs/{second['id']}"))["job"]
    assert "cores" in waiting["queuedJobStatusDetails"]["explanation"]
    for job in (second, first):
        await ada.post("/v4/jobs/stop", {"projectId": project, "jobId": job["id"], "commitResults": False})
        assert (await as_(ada).waits_for(job))["status"]["executionStatus"] == "Stopped"


async def test_a_job_is_restarted(ada: Person) -> None:
    project = await as_(ada).makes_project()
    job = await as_(ada).runs(project, "echo again")
    again = await ada.post("/v4/jobs/restart", {"jobId": job["id"], "shouldUseOriginalInputCommit": True})
    assert again["number"] == 2
    assert (await as_(ada).waits_for(again))["status"]["executionStatus"] == "Succeeded"
    assert await as_(ada).log(again) == ["again"]


async def test_memory_over_the_tier_is_said(ada: Person, admin: Person) -> None:
    resources = {
        "cores": 1,
        "memory": {"value": 100, "units": "MiB"},
        "allowSharedMemoryToExceedDefault": False,
    }
    tier = {"id": "tiny", "name": "Tiny", "nodePool": "default", "resources": resources}
    await admin.post("/api/hardwaretiers/v1/hardwaretiers", tier)
    project = await as_(ada).makes_project()
    hog = "python -c 'import time; x = bytearray(300 * 2**20); time.sleep(30)'"
    job = await as_(ada).runs(project, hog, hardwareTier="tiny")
    assert job["status"]["executionStatus"] == "Failed"
    problem = (await ada.get(f"/api/jobs/beta/jobs/{job['id']}/logs"))["logs"]["problem"]
    assert "its tier allows 100 MiB" in problem


async def test_scripts_and_variables_of_the_environment_take_effect(ada: Person) -> None:
    body = {
        "name": "scripted",
        "visibility": "Private",
        "image": "python",
        "environmentVariables": [{"name": "GREETING", "value": "hello"}],
        "dockerfileInstructions": "ENV PLACE=world",
        "preRunScript": "echo before",
        "postRunScript": "echo after",
    }
    made = (await ada.post("/api/environments/beta/environments", body))["environment"]
    assert made["visibility"] == "private"
    project = await as_(ada).makes_project()
    job = await as_(ada).runs(project, "echo $GREETING $PLACE; exit 4", environmentId=made["id"])
    assert await as_(ada).log(job) == ["before", "hello world", "after"]
    assert job["status"]["executionStatus"] == "Failed"


async def test_an_environment_that_cannot_be_built_is_refused_with_the_reason(ada: Person) -> None:
    body = {
        "name": "broken",
        "visibility": "private",
        "image": "python",
        "dockerfileInstructions": "RUN pip install --no-cache-dir \\\n  numpy\nRUN apt-get install curl",
    }
    made = (await ada.post("/api/environments/beta/environments", body))["environment"]
    project = await as_(ada).makes_project()
    revision = made["latestRevision"]["id"]
    path = f"/v4/environments/{made['id']}/revisions/{revision}/buildLogs"
    while not (log := await ada.get(path))["isComplete"]:
        await asyncio.sleep(0.03)
    refusal = await as_(ada).starts_job(project, "true", expect=400, environmentId=made["id"])
    assert "Line 3" in refusal["message"]
    assert log["status"] == "failed"
    assert "Line 3" in log["lines"][-1]["text"]
    assert "apt-get" in log["lines"][-1]["text"]


async def test_a_job_that_waits_for_a_build_that_fails_ends_as_error(ada: Person) -> None:
    await ada.modelyard.db.execute("UPDATE environment_revisions SET instructions = 'COPY a b'")
    project = await as_(ada).makes_project()
    ended = await as_(ada).runs(project, "true")
    assert ended["status"]["executionStatus"] == "Error"
    reply = await ada.get(f"/api/jobs/beta/jobs/{ended['id']}/logs")
    assert "could not be built" in reply["logs"]["problem"]


async def test_tags_and_goals(ada: Person) -> None:
    project = await as_(ada).makes_project()
    job = await as_(ada).runs(project, "true")
    tag = (await ada.post(f"/api/jobs/v1/jobs/{job['id']}/tags", {"projectId": project, "tagName": "good"}))["tag"]
    listed = await ada.get("/api/jobs/beta/jobs", projectId=project, tagFilter="good")
    assert listed["metadata"]["totalCount"] == 1
    await ada.delete(f"/api/jobs/v1/jobs/{job['id']}/tags/{tag['id']}", projectId=project)
    await ada.delete(f"/api/jobs/v1/jobs/{job['id']}/tags/{tag['id']}", projectId=project, expect=404)
    goals = f"/api/projects/v1/projects/{project}/goals"
    goal = (await ada.post(goals, {"title": "Win"}))["goal"]["id"]
    linked = (await ada.post("/api/jobs/v1/goals", {"goalId": goal}, jobId=job["id"]))["goal"]
    assert linked["title"] == "Win"
    assert len((await ada.get("/api/jobs/v1/goals", jobId=job["id"]))["goals"]) == 1
    await ada.delete(f"/api/jobs/v1/goals/{goal}", jobId=job["id"])
    await ada.delete(f"/api/jobs/v1/goals/{goal}", jobId=job["id"], expect=404)
    await ada.post("/api/jobs/v1/goals", {"goalId": "0" * 24}, expect=404, jobId=job["id"])


async def test_first_generation_runs(ada: Person) -> None:
    await as_(ada).makes_project("runs", hello__py="print('hello', __import__('sys').argv[1])")
    environment = await as_(ada).plain_python()
    await ada.modelyard.db.execute("UPDATE environments SET is_default = false")
    await ada.modelyard.db.execute("UPDATE environments SET is_default = true WHERE id = $1", environment)
    base = "/v1/projects/ada/runs"
    run = (await ada.post(f"{base}/runs", {"command": ["hello.py", "two words"], "isDirect": False}))["runId"]
    await as_(ada).waits_for({"id": run})
    listed = (await ada.get(f"{base}/runs"))["data"][0]
    assert (listed["status"], bool(listed["outputCommitId"])) == ("Succeeded", True)
    assert (await ada.get(f"{base}/run/{run}/stdout"))["stdout"] == "hello two words\n"
    assert (await ada.get(f"{base}/runs/{run}"))["id"] == run


async def test_the_quick_start_project_runs(ada: Person) -> None:
    found = await ada.get(
        "/v4/gateway/projects/findProjectByOwnerAndName", ownerName="ada", projectName="quick-start"
    )
    job = await as_(ada).runs(found["id"], "main.py")
    assert job["status"]["executionStatus"] == "Succeeded"
    assert job["dominoStats"]


async def test_refusals(ada: Person, bob: Person) -> None:
    project = await as_(ada).makes_project()
    for field, value in (
        ("commitId", "f" * 40),
        ("hardwareTier", "none"),
        ("environmentId", "0" * 24),
        ("environmentRevisionSpec", "SomeRevision(nonsense)"),
        ("externalVolumeMountIds", ["x"]),
    ):
        reply = await as_(ada).starts_job(project, "true", expect=400, **{field: value})
        assert reply["message"]
    await as_(ada).starts_job(project, "   ", expect=400)
    await as_(ada).starts_job("0" * 24, "true", expect=404)
    await as_(bob).starts_job(project, "true", expect=404)
    job = await as_(ada).runs(project, "true")
    for path in (
        f"/api/jobs/beta/jobs/{job['id']}",
        f"/v4/jobs/{job['id']}",
        f"/api/jobs/beta/jobs/{job['id']}/logs",
    ):
        await bob.get(path, expect=404)
    collaborators = f"/api/projects/v1/projects/{project}/collaborators"
    await ada.post(collaborators, {"id": bob.id, "role": "resultsConsumer"})
    await bob.get(f"/api/jobs/beta/jobs/{job['id']}")
    await as_(bob).starts_job(project, "true", expect=403)
    await bob.post("/v4/jobs/stop", {"projectId": project, "jobId": job["id"]}, expect=403)


async def test_lists_filter_sort_and_page(ada: Person) -> None:
    project = await as_(ada).makes_project()
    jobs: list[dict[str, Any]] = [await as_(ada).runs(project, f"echo {n}", title=f"t{9 - n}") for n in range(5)]

    async def numbers(**query: Any) -> list[int]:
        reply = await ada.get("/api/jobs/beta/jobs", projectId=project, **query)
        return [job["number"] for job in reply["jobs"]]

    assert await numbers() == [5, 4, 3, 2, 1]
    assert await numbers(ascending=True, limit=2) == [1, 2]
    assert await numbers(limit=2, offset=3) == [2, 1]
    assert await numbers(limit=2, offset=4, ascending=True) == [5]
    assert await numbers(offset=5) == []
    assert await numbers(sortBy="title", limit=2) == [1, 2]
    assert await numbers(statusFilter="queued") == []
    await ada.post(f"/v4/jobs/{jobs[0]['id']}/archive")
    assert await numbers(statusFilter="completed") == [5, 4, 3, 2]
    assert await numbers(statusFilter="archived") == [1]
    assert await numbers(showArchived=True) == [5, 4, 3, 2, 1]
    assert (await ada.get("/v4/jobs", projectId=project, page_size=2, page_no=2))["totalCount"] == 4
    await ada.get("/api/jobs/beta/jobs", projectId=project, sortBy="colour", expect=400)
    await ada.get("/api/jobs/beta/jobs", expect=400)
