"""What versions of models come from, and who sees how much of it."""

from typing import Any

import pytest

from tests.client import Person
from tests.conftest import Cost
from tests.domains.datasets.conftest import READER, grant, make_dataset
from tests.domains.datasets.live import Live
from tests.domains.experiments.tracking import API, experiment, run
from tests.domains.jobs.conftest import nothing_waits
from tests.domains.registered_models.conftest import at
from tests.domains.registered_models.jobs import lineage, logs, registers, speaker
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("tracking", "runner")


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's project."""
    return {"id": await as_(ada).makes_project("churn")}


@pytest.fixture
async def live(ada: Person, project: dict[str, Any]) -> Live:
    """The live files of the dataset `calls` in Ada's project."""
    found = Live(ada.modelyard, ada, await make_dataset(ada, project, "calls"))
    await found.write(a=b"data")
    return found


async def test_a_version_tells_all_that_it_comes_from(ada: Person, project: dict[str, Any], live: Live) -> None:
    taken = await live.taken()
    job = await as_(ada).runs(project["id"], "/bin/sh -c 'echo 1 >result'", title="Training")
    logged = await logs(ada, job)
    await registers(await speaker(ada, job), "churn", f"models:/{logged.model_id}", logged.run_id)
    await nothing_waits(ada)
    found = await lineage(ada, "churn")
    assert (found["hidden"], found["missing"], found["upstreamModels"]) == ([], [], [])
    assert found["version"]["loggedModelId"] == logged.model_id
    assert found["run"]["id"] == logged.run_id
    assert (found["run"]["metrics"]["auc"], found["run"]["params"]) == (0.9, {"depth": "3"})
    assert found["job"] | {"submittedAt": "", "startedAt": "", "completedAt": ""} == {
        "id": job["id"],
        "number": 1,
        "projectId": project["id"],
        "command": "/bin/sh -c 'echo 1 >result'",
        "title": "Training",
        "status": "Succeeded",
        "startedByUsername": "ada",
        "hardwareTierId": found["job"]["hardwareTierId"],
        "submittedAt": "",
        "startedAt": "",
        "completedAt": "",
    }
    assert found["commit"] == job["commitDetails"] | {"gitRepositories": []}
    environment = found["environment"]
    assert (environment["name"], environment["revisionNumber"]) == ("Plain Python", 1)
    assert environment["lockHash"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    datasets = [(one["path"], one["root"], one.get("snapshotNumber"), one["keeping"]) for one in found["datasets"]]
    assert datasets == [
        ("local/calls", taken["root"], None, "kept"),
        ("snapshot/calls/1", taken["root"], 1, "kept"),
    ]


async def test_what_was_not_recorded_is_named_with_the_reason(ada: Person, project: dict[str, Any]) -> None:
    run_id = await run(ada, await experiment(ada, "by hand", project["id"]))
    await registers(ada, "churn", f"runs:/{run_id}/model", run_id)
    found = await lineage(ada, "churn")
    assert found["run"]["id"] == run_id
    assert not {"job", "commit", "environment"} & found.keys()
    assert [one["part"] for one in found["missing"]] == ["job"]
    assert "outside a job" in found["missing"][0]["reason"]


async def test_what_is_not_known_of_data_is_named(ada: Person, project: dict[str, Any], live: Live) -> None:
    job = await as_(ada).runs(project["id"], "true")
    await ada.modelyard.db.execute("UPDATE dataset_mounts SET root_before = NULL")
    logged = await logs(ada, job)
    await registers(await speaker(ada, job), "churn", f"models:/{logged.model_id}", logged.run_id)
    found = await lineage(ada, "churn")
    assert "root" not in found["datasets"][0]
    reasons = {one["part"]: one["reason"] for one in found["missing"]}
    assert "not known what calls held" in reasons["datasets"]
    assert reasons["outputCommit"] == "The job has changed no file."


async def test_models_that_a_job_has_used_are_upstream(ada: Person, project: dict[str, Any]) -> None:
    first = await as_(ada).runs(project["id"], "true")
    base = await logs(ada, first)
    await registers(await speaker(ada, first), "base", f"models:/{base.model_id}", base.run_id)
    second = await as_(ada).runs(project["id"], "true")
    tuned, other = await logs(ada, second), await logs(ada, second)
    job = await speaker(ada, second)
    # One run of the job has used what the other one has made, and what is registered as `base`.
    used = [{"model_id": base.model_id}, {"model_id": tuned.model_id}]
    await job.post(f"{API}/runs/log-inputs", {"run_id": other.run_id, "models": used})
    await registers(job, "tuned", f"models:/{tuned.model_id}", tuned.run_id)
    expected = {
        "evidence": "input",
        "loggedModelId": base.model_id,
        "loggedModelName": "forest",
        "runId": base.run_id,
        "modelName": "base",
        "modelVersion": 1,
    }
    assert (await lineage(ada, "tuned"))["upstreamModels"] == [expected]
    await registers(job, "copied", "models:/base/1")
    source = {"evidence": "source", "modelName": "base", "modelVersion": 1}
    assert (await lineage(ada, "copied"))["upstreamModels"] == [source]


async def test_each_sees_what_is_for_them_and_how_much_is_not(
    ada: Person, bob: Person, admin: Person, project: dict[str, Any], live: Live
) -> None:
    job = await as_(ada).runs(project["id"], "true")
    logged = await logs(ada, job)
    await registers(await speaker(ada, job), "churn", f"models:/{logged.model_id}", logged.run_id)
    await bob.get(at("churn", "/versions/1/lineage"), expect=404)
    await ada.patch(at("churn"), {"discoverable": True})
    await bob.get(at("churn", "/versions/1/lineage"), expect=403)
    collaborators = f"/api/projects/v1/projects/{project['id']}/collaborators"
    await ada.post(collaborators, {"id": bob.id, "role": "resultsConsumer"})
    found = await lineage(bob, "churn")
    assert (found["datasets"], found["hidden"]) == ([], [{"part": "datasets", "count": 1}])
    assert found["job"]["id"] == job["id"]
    await grant(ada, {"id": live.id}, bob.id, READER)
    found = await lineage(bob, "churn")
    assert (found["datasets"][0]["datasetName"], found["hidden"]) == ("calls", [])
    await ada.modelyard.db.execute("UPDATE environments SET visibility = 'private', owner_id = $1", ada.id)
    assert (await lineage(bob, "churn"))["hidden"] == [{"part": "environment", "count": 1}]
    assert (await lineage(admin, "churn"))["hidden"] == []


async def test_a_model_in_another_project_shows_nothing_of_a_run_that_its_reader_may_not_see(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    job = await as_(ada).runs(project["id"], "true")
    logged = await logs(ada, job)
    await registers(ada, "open", f"models:/{logged.model_id}", logged.run_id)
    quick_start = (await ada.get(at("open")))["project"]["id"]
    collaborators = f"/api/projects/v1/projects/{quick_start}/collaborators"
    await ada.post(collaborators, {"id": bob.id, "role": "resultsConsumer"})
    found = await lineage(bob, "open")
    assert found["hidden"] == [{"part": "run", "count": 1}, {"part": "job", "count": 1}]
    assert not {"run", "job", "commit", "environment"} & found.keys()


async def test_lineage_takes_few_queries(ada: Person, project: dict[str, Any], live: Live, cost: Cost) -> None:
    job = await as_(ada).runs(project["id"], "true")
    logged = await logs(ada, job)
    await registers(await speaker(ada, job), "churn", f"models:/{logged.model_id}", logged.run_id)
    await nothing_waits(ada)
    # The runner in this process asks now and then, too.
    assert min([await cost(lineage(ada, "churn")) for _ in range(3)]) <= 9
