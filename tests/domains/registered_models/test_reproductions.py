"""Versions of models made again: the same job, and what comes out of both."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.datasets.conftest import make_dataset
from tests.domains.datasets.live import Live
from tests.domains.experiments.tracking import experiment, run
from tests.domains.jobs.conftest import DATA, nothing_waits
from tests.domains.registered_models.conftest import at
from tests.domains.registered_models.jobs import logs, registers, speaker
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("tracking", "runner")

TRAIN = f"/bin/sh -c 'cat {DATA}/local/calls/a >model; echo $DOMINO_RUN_NUMBER >{{}}; cp input copy'"
STEADY, RANDOM = TRAIN.format("/dev/null"), TRAIN.format("stamp")


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's project, with a file."""
    return {"id": await as_(ada).makes_project("churn", input="1")}


@pytest.fixture
async def live(ada: Person, project: dict[str, Any]) -> Live:
    """The live files of the dataset `calls` in Ada's project."""
    found = Live(ada.modelyard, ada, await make_dataset(ada, project, "calls"))
    await found.write(a=b"data")
    return found


async def made(person: Person, project: dict[str, Any], command: str) -> dict[str, Any]:
    """A job that made version 1 of the model `team/churn`, when it is over."""
    job = await as_(person).runs(project["id"], command)
    logged = await logs(person, job)
    await registers(await speaker(person, job), "team/churn", f"models:/{logged.model_id}", logged.run_id)
    await nothing_waits(person)
    return job


async def starts(person: Person, expect: int = 200) -> dict[str, Any]:
    """A reproduction of that version."""
    reply: dict[str, Any] = await person.post(at("team/churn", "/versions/1/reproductions"), expect=expect)
    return reply


async def result(person: Person, started: dict[str, Any], expect: int = 200) -> dict[str, Any]:
    """What came of a reproduction."""
    url = at("team/churn", f"/versions/1/reproductions/{started['jobId']}")
    reply: dict[str, Any] = await person.get(url, expect=expect)
    return reply


def different(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The outputs that are not identical."""
    return [
        (one["kind"], one["name"], one["verdict"]) for one in found["outputs"] if one["verdict"] != "identical"
    ]


async def test_a_steady_job_makes_the_same_again_whatever_has_changed_since(
    ada: Person, project: dict[str, Any], live: Live
) -> None:
    job = await made(ada, project, STEADY)
    await live.write(a=b"other data")
    await as_(ada).uploads("churn", "input", "2")
    started = await starts(ada)
    assert (started["originalJobId"], started["status"], started["isCompleted"]) == (job["id"], "Queued", False)
    assert "outputs" not in started
    done = await as_(ada).waits_for({"id": started["jobId"]})
    assert (done["title"], done["runCommand"]) == ("Reproduces team/churn/1", STEADY)
    assert done["commitDetails"]["inputCommitId"] == job["commitDetails"]["inputCommitId"]
    await logs(ada, done)
    found = await result(ada, started)
    assert different(found) == []
    assert found["isIdentical"] is True
    assert [(one["kind"], one.get("of"), one["name"]) for one in found["outputs"]] == [
        ("status", None, "job"),
        ("resultFile", None, "copy"),
        ("resultFile", None, "model"),
        ("run", None, "run 1"),
        ("metric", "run 1", "auc"),
        ("param", "run 1", "depth"),
        ("artifact", "run 1", "plots/roc.txt"),
        ("artifact", "run 1, model forest", "MLmodel"),
        ("artifact", "run 1, model forest", "model.pkl"),
    ]
    assert "MLmodel" in found["notes"][0]
    assert await live.text("a") == b"other data"


async def test_what_differs_is_named(ada: Person, project: dict[str, Any], live: Live) -> None:
    await made(ada, project, RANDOM)
    started = await starts(ada)
    done = await as_(ada).waits_for({"id": started["jobId"]})
    await logs(ada, done, auc=0.8, depth="4", weights=b"4567")
    await logs(ada, done)
    found = await result(ada, started)
    assert found["isIdentical"] is False
    assert different(found) == [
        ("resultFile", "stamp", "differs"),
        ("metric", "auc", "differs"),
        ("param", "depth", "differs"),
        ("artifact", "model.pkl", "differs"),
        ("run", "run 2", "new"),
    ]
    (auc,) = [one for one in found["outputs"] if one["name"] == "auc"]
    assert (auc["original"], auc["reproduction"]) == ("0.9", "0.8")


async def test_what_is_missing_is_named(ada: Person, project: dict[str, Any], live: Live) -> None:
    # The first job of the project has the number 1.
    await made(ada, project, "/bin/sh -c 'test $DOMINO_RUN_NUMBER != 1 || echo 1 >only; rm input'")
    started = await starts(ada)
    await as_(ada).waits_for({"id": started["jobId"]})
    found = await result(ada, started)
    assert different(found) == [("resultFile", "only", "missing"), ("run", "run 1", "missing")]
    assert {"kind": "resultFile", "name": "input", "verdict": "identical"} in found["outputs"]


async def test_results_on_a_branch_that_others_have_moved_on_are_told_apart(
    ada: Person, project: dict[str, Any], live: Live
) -> None:
    first = await as_(ada).runs(project["id"], STEADY)
    await as_(ada).uploads("churn", "notes", "of somebody else")
    # Its results are on the branch already: there is nothing to commit.
    job = await as_(ada).runs(project["id"], STEADY, commitId=first["commitDetails"]["inputCommitId"])
    logged = await logs(ada, job)
    await registers(ada, "team/churn", f"models:/{logged.model_id}", logged.run_id)
    started = await starts(ada)
    done = await as_(ada).waits_for({"id": started["jobId"]})
    await logs(ada, done)
    found = await result(ada, started)
    assert [one["name"] for one in found["outputs"] if one["kind"] == "resultFile"] == ["copy", "model"]
    assert found["isIdentical"] is True


async def test_a_version_that_no_job_has_made_cannot_be_reproduced(ada: Person, project: dict[str, Any]) -> None:
    run_id = await run(ada, await experiment(ada, "by hand", project["id"]))
    await registers(ada, "team/churn", f"runs:/{run_id}/model", run_id)
    refused = await starts(ada, expect=400)
    assert "was made from a run that was logged outside a job" in refused["message"]
    await result(ada, {"jobId": "0" * 24}, expect=400)


async def test_content_that_is_gone_is_said_before_anything_starts(
    ada: Person, project: dict[str, Any], live: Live
) -> None:
    job = await as_(ada).runs(project["id"], STEADY)
    await live.write(a=b"other data")
    logged = await logs(ada, job)
    await registers(ada, "team/churn", f"models:/{logged.model_id}", logged.run_id)
    refused = await starts(ada, expect=400)
    assert "What was held by the dataset calls when the job started is gone" in refused["message"]
    assert len((await ada.get("/api/jobs/beta/jobs", projectId=project["id"]))["jobs"]) == 1


async def test_who_may_start_no_job_there_starts_none(
    ada: Person, bob: Person, project: dict[str, Any], live: Live
) -> None:
    await made(ada, project, STEADY)
    await starts(bob, expect=404)
    collaborators = f"/api/projects/v1/projects/{project['id']}/collaborators"
    await ada.post(collaborators, {"id": bob.id, "role": "resultsConsumer"})
    refused = await starts(bob, expect=403)
    assert "StartJob" in refused["message"]
    started = await starts(ada)
    await as_(ada).waits_for({"id": started["jobId"]})
    assert (await result(bob, started))["isCompleted"] is True
    await ada.delete(f"{collaborators}/{bob.id}")
    await ada.post(collaborators, {"id": bob.id, "role": "contributor"})
    refused = await starts(bob, expect=403)
    assert "The job saw the dataset calls, in which you have no role" in refused["message"]


async def test_other_jobs_are_no_reproductions(ada: Person, project: dict[str, Any], live: Live) -> None:
    job = await made(ada, project, STEADY)
    other = await as_(ada).runs(project["id"], "true")
    for one in (job["id"], other["id"], "nothing"):
        await result(ada, {"jobId": one}, expect=404)


async def test_data_is_kept_as_long_as_a_version_needs_it(
    ada: Person, project: dict[str, Any], live: Live
) -> None:
    job = await made(ada, project, STEADY)
    run_id = (await ada.get(at("team/churn", "/versions/1")))["experimentRunId"]
    await registers(ada, "other", f"runs:/{run_id}/plots", run_id)

    async def kept() -> list[Any]:
        return await ada.modelyard.db.values(
            "SELECT keeping IS NOT NULL FROM dataset_mounts WHERE run_id = $1", job["id"]
        )

    assert await kept() == [True]
    await ada.request(
        "DELETE", "/api/2.0/mlflow/model-versions/delete", json={"name": "team/churn", "version": "1"}
    )
    assert await kept() == [True]
    await ada.request("DELETE", "/api/2.0/mlflow/registered-models/delete", json={"name": "other"})
    assert await kept() == [False]
