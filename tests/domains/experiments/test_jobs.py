"""What a job logs: it belongs to the job's project, and says where it comes from."""

import asyncio
from typing import Any

import pytest

from modelyard.domains.users import issue_run_token
from tests.client import Modelyard, Person
from tests.domains.experiments.tracking import API, experiment, make_project, run
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("tracking")


async def in_job(modelyard: Modelyard, person: Person, job: dict[str, Any]) -> Person:
    """Somebody who speaks from within a job, with its token."""
    token = await issue_run_token(modelyard.db, job["id"], person.id, 600)
    return Person(modelyard, person.id, person.name, token)


async def test_what_a_job_logs_says_which_job_it_was(modelyard: Modelyard, ada: Person) -> None:
    project = await make_project(ada, "churn")
    job = await as_(ada).starts_job(project, "python train.py")
    inside = await in_job(modelyard, ada, job)
    made = await experiment(inside, "baseline")
    logged = await run(inside, made)
    data = (await ada.get(f"{API}/runs/get", run_id=logged))["run"]["data"]
    tags = {one["key"]: one["value"] for one in data["tags"]}
    assert tags["mlflow.domino.run_id"] == job["id"]
    assert tags["mlflow.domino.run_number"] == str(job["number"])
    assert tags["mlflow.domino.project_id"] == project
    assert tags["mlflow.domino.commit_id"] == tags["mlflow.source.git.commit"]
    assert tags["mlflow.domino.environment_revision_id"]
    assert tags["mlflow.domino.hardware_tier"]
    assert tags["mlflow.source.type"] == "JOB"
    forged = {"run_id": logged, "key": "mlflow.domino.run_id", "value": "0" * 24}
    await inside.post(f"{API}/runs/set-tag", forged, expect=400)


async def test_a_job_logs_to_its_own_project_whatever_it_names(modelyard: Modelyard, ada: Person) -> None:
    elsewhere = await experiment(ada, "elsewhere")
    project = await make_project(ada, "churn")
    inside = await in_job(modelyard, ada, await as_(ada).starts_job(project, "python train.py"))
    made = await experiment(inside, "named", project="ada/quick-start")
    found = (await ada.get(f"{API}/experiments/get", experiment_id=made))["experiment"]
    assert {"key": "mlflow.domino.project_id", "value": project} in found["tags"]
    refused = await inside.post(f"{API}/runs/create", {"experiment_id": elsewhere}, expect=403)
    assert "its own project" in refused["message"]
    await inside.get(f"{API}/experiments/get-by-name", experiment_name="elsewhere", expect=404)
    default = await run(inside, "0")
    info = (await ada.get(f"{API}/runs/get", run_id=default))["run"]["info"]
    there = (await ada.get(f"{API}/experiments/get", experiment_id=info["experiment_id"]))["experiment"]
    assert {"key": "mlflow.domino.project_id", "value": project} in there["tags"]


async def test_a_run_that_a_kill_left_unnoted_is_taken_up(modelyard: Modelyard, ada: Person, bob: Person) -> None:
    project = await make_project(ada, "churn")
    job = await as_(ada).starts_job(project, "python train.py")
    logged = await run(await in_job(modelyard, ada, job), "0")
    await modelyard.db.execute("DELETE FROM experiment_runs WHERE id = $1", logged)
    await bob.get(f"{API}/runs/get", run_id=logged, expect=404)
    await ada.get(f"{API}/runs/get", run_id=logged)
    assert await modelyard.db.value("SELECT job_id FROM experiment_runs WHERE id = $1", logged) == job["id"]


async def test_an_experiment_that_a_kill_left_unnoted_is_taken_up(modelyard: Modelyard, ada: Person) -> None:
    made = await experiment(ada, "half")
    await modelyard.db.execute("DELETE FROM experiments WHERE id = $1", made)
    assert await experiment(ada, "half") == made


async def test_two_at_once_make_one_experiment(ada: Person) -> None:
    bodies = [ada.request("POST", f"{API}/experiments/create", json={"name": "both"}) for _ in range(4)]
    replies = await asyncio.gather(*bodies)
    assert sorted(one.status_code for one in replies) == [200, 400, 400, 400]
    found = (await ada.post(f"{API}/experiments/search", {}))["experiments"]
    assert [one["name"] for one in found] == ["both"]
