"""From a training job to a reviewed model, by the people who take part, each with a client of the field."""

import io

import httpx
import pytest
from domino import Domino
from domino.domino_enums import ProjectVisibility
from mlflow.exceptions import MlflowException

from tests.journeys.commands import Somebody
from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for
from tests.journeys.tracking import client_of

BUILD_SECONDS = 300
TRAIN = b"""
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

mlflow.autolog()
features, target = load_iris(return_X_y=True)
with mlflow.start_run() as run:
    LogisticRegression(max_iter=200).fit(features, target)
(logged,) = mlflow.MlflowClient().get_run(run.info.run_id).outputs.model_outputs
version = mlflow.register_model(f"models:/{logged.model_id}", "iris")
print("registered version", version.version)
"""


def http(server: RunningServer, person: Somebody) -> httpx.Client:
    """A plain client of somebody."""
    return httpx.Client(base_url=server.url, headers={"X-Domino-Api-Key": person.key}, timeout=30)


def environment(server: RunningServer) -> str:
    """An environment with MLflow's client and scikit-learn, really built; its id."""
    with server.http() as admin:
        made = admin.post(
            "/api/environments/beta/environments",
            json={
                "name": "training",
                "visibility": "global",
                "image": "python",
                "dockerfileInstructions": "RUN pip install mlflow-skinny scikit-learn pandas",
            },
        ).json()["environment"]["id"]

        def status() -> str:
            found = admin.get(f"/api/environments/v1/environments/{made}").json()
            return str(found["environment"]["latestRevision"]["status"])

        wait_for(lambda: status() in {"succeeded", "failed"}, BUILD_SECONDS, server.describe)
        assert status() == "succeeded"
        return str(made)


def test_a_model_is_trained_registered_reviewed_and_promoted(server: RunningServer) -> None:
    ada, grace, eve = (Somebody(server, name) for name in ("ada", "grace", "eve"))
    training = environment(server)
    domino = Domino("ada/quick-start", api_key=ada.key, host=server.url)
    domino.project_create_v4("iris", visibility=ProjectVisibility.PRIVATE)
    domino = Domino("ada/iris", api_key=ada.key, host=server.url)
    domino.files_upload("/train.py", io.BytesIO(TRAIN))
    ada.does("project", "add", "ada/iris", "grace", "--role", "resultsConsumer")
    job = domino.job_start("python train.py", environment_id=training)
    status = wait_for(lambda: (s := domino.job_status(job["id"]))["statuses"]["isCompleted"] and s, DONE_SECONDS)
    log = domino.get_run_log(job["id"])
    assert status["statuses"]["executionStatus"] == "Succeeded", log
    assert "registered version 1" in log

    registered = "/api/registeredmodels/v1/iris/versions/1"
    with http(server, ada) as client:
        version = client.get(registered).json()
        values = {one["key"]: one["value"] for one in version["versionUiDetails"]["experimentRunInfo"]["metrics"]}
        assert values["training_accuracy_score"] > 0.9
        assert (version["ownerUsername"], version["currentStage"]) == ("ada", "None")
        assert version["project"]["name"] == "iris"
        lineage = client.get(f"{registered}/lineage").json()
        assert lineage["job"]["id"] == job["id"]
        reviewer = next(one["id"] for one in client.get("/v4/users").json() if one["userName"] == "grace")
        body = {"targetStage": "Production", "reviewers": [{"userId": reviewer}], "notes": "Please look"}
        review = client.post(f"{registered}/reviews", json=body).json()["modelReviewId"]
        direct = client.patch(registered, json={"currentStage": "Production"})
        assert (direct.status_code, "review" in direct.text) == (400, True)

    with http(server, grace) as client:
        (told,) = client.get("/v4/notifications").json()["notifications"]
        assert "iris" in told["subject"]
        answer = client.post(f"{registered}/reviews/{review}/responses", json={"decision": "Approved"})
        assert (answer.status_code, answer.json()["status"]) == (201, "Approved")

    with client_of(server, ada.key) as client:
        found = client.get_model_version("iris", "1")
        assert found.current_stage == "Production"
        assert client.get_run(found.run_id).data.tags["mlflow.domino.run_id"] == job["id"]

    with client_of(server, eve.key) as client:
        assert client.search_registered_models() == []
        assert client.search_experiments() == []
        for refused in (
            lambda: client.get_model_version("iris", "1"),
            lambda: client.get_registered_model("iris"),
            lambda: client.get_run(found.run_id),
        ):
            with pytest.raises(MlflowException, match="may not see it"):
                refused()
    with http(server, eve) as client:
        for path in (registered, "/api/registeredmodels/beta/iris", f"{registered}/lineage"):
            assert client.get(path).status_code == 404
        assert client.get("/api/registeredmodels/v1/names").json()["items"] == []
        assert client.get("/v4/notifications").json()["notifications"] == []
