"""A model that a job has trained, served from the registry and from a file, by people who use it."""

import io
from importlib.resources import files
from typing import Any

import httpx
import pytest
from domino import Domino
from domino.domino_enums import ProjectVisibility
from sklearn.datasets import load_breast_cancer

from tests.journeys.commands import Somebody
from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for
from tests.journeys.serving import Load, ServedModel, file_version, serve
from tests.journeys.test_model_story import environment
from tests.journeys.test_model_story import http as http_of

TRAIN = files("modelyard").joinpath("examples/breast_cancer/train.py").read_bytes()
KEEPING = b'\nimport joblib\n\njoblib.dump(model, "results/model.pkl")\n'
PREDICT = b"""
import joblib
import pandas as pd

model = joblib.load("results/model.pkl")


def predict(rows):
    print("asked about", len(rows), "tumours")
    return {"benign": [bool(one) for one in model.predict(pd.DataFrame(rows))]}
"""
FIRST = b"""
def predict(x):
    return {"value": x, "by": "first"}
"""
SLOW = b"""
import time


def predict(x):
    time.sleep(1)
    return {"value": x * 2}
"""


@pytest.fixture
def trained(server: RunningServer) -> tuple[Somebody, str, str]:
    """Ada, her project in which a job has trained and registered a model, and the environment for it."""
    ada = Somebody(server, "ada")
    training = environment(server)
    domino = Domino("ada/quick-start", api_key=ada.key, host=server.url)
    domino.project_create_v4("tumours", visibility=ProjectVisibility.PRIVATE)
    domino = Domino("ada/tumours", api_key=ada.key, host=server.url)
    domino.files_upload("/train.py", io.BytesIO(TRAIN + KEEPING))
    job = domino.job_start("python train.py", environment_id=training)
    status = wait_for(lambda: (s := domino.job_status(job["id"]))["statuses"]["isCompleted"] and s, DONE_SECONDS)
    assert status["statuses"]["executionStatus"] == "Succeeded", domino.get_run_log(job["id"])
    domino.files_upload("/predict.py", io.BytesIO(PREDICT))
    return ada, domino.project_id, training


def test_a_trained_model_is_served_from_the_registry_and_from_a_file(
    server: RunningServer, trained: tuple[Somebody, str, str]
) -> None:
    ada, project, training = trained
    with http_of(server, ada) as http:
        by_registry = serve(server, http, training, _registered(project), name="by-registry")
        by_file = serve(server, http, training, file_version(project, "predict.py", "predict"), name="by-file")
        rows = _rows()
        columns = list(rows[0])
        split = {"columns": columns, "data": [[row[name] for name in columns] for row in rows]}
        answers = [
            by_registry.call(body).json()
            for body in ({"dataframe_split": split}, {"dataframe_records": rows}, {"data": rows})
        ]
        assert [answer["result"] for answer in answers] == [[0, 0, 0]] * 3
        release = answers[0]["release"]
        assert (release["model_version_number"], release["registered_model_version"]) == (1, 1)
        answer = by_file.call({"data": {"rows": rows}}).json()
        assert answer["result"] == {"benign": [False, False, False]}
        wait_for(lambda: "asked about 3 tumours" in by_file.told(1), DONE_SECONDS, server.describe)
        wrong = by_registry.call({"dataframe_split": {"columns": ["x"], "data": [[1]]}})
        assert wrong.status_code == 400
        assert "mean radius" in wrong.json()["message"]
        assert by_registry.call({"data": rows}).status_code == 200
        found = http.get("/api/registeredmodels/v1/breast-cancer/versions/1/modelapis").json()["items"]
        assert [one["name"] for one in found] == ["by-registry"]


def test_a_second_version_is_promoted_under_load_and_a_prediction_survives_a_restart(
    server: RunningServer,
) -> None:
    ada = Somebody(server, "ada")
    domino = Domino("ada/quick-start", api_key=ada.key, host=server.url)
    domino.files_upload("/model.py", io.BytesIO(FIRST))
    with http_of(server, ada) as http:
        plain = _plain(http)
        served = serve(server, http, plain, file_version(domino.project_id, "model.py", "predict"))
        _promote(served, 1)
        domino.files_upload("/model.py", io.BytesIO(FIRST.replace(b"first", b"second")))
        newest, production = (
            Load(served, {"data": {"x": 1}}, which, each_seconds=0.05) for which in ("latest", "labels/prod")
        )
        with newest.running(), production.running():
            newest.answered(20)
            served.made("POST", "/versions", file_version(domino.project_id, "model.py", "predict"))
            served.runs(2)
            production.answered(20)
            assert set(production.numbers) == {1}
            _promote(served, 2)
            newest.answered(20)
            production.answered(20)
            _promote(served, 1)
            production.answered(20)
        assert newest.failures == production.failures == []
        assert newest.numbers[-1] == 2
        assert set(production.numbers) == {1, 2}
        assert production.numbers[-1] == 1

        domino.files_upload("/slow.py", io.BytesIO(SLOW))
        slow = serve(
            server, http, plain, file_version(domino.project_id, "slow.py", "predict"), name="slow", isAsync=True
        )
        asked = [_ask(server, slow, number) for number in range(4)]
        server.kill("api", "runner", "postgres", "supervisor")
        server.start()
    results = [
        wait_for(lambda one=one: _prediction(server, slow, one), DONE_SECONDS, server.describe) for one in asked
    ]
    assert [one["result"]["value"] for one in results] == [0, 2, 4, 6]


def _registered(project: str) -> dict[str, Any]:
    source = {"type": "Registry", "registeredModelName": "breast-cancer", "registeredModelVersion": 1}
    return {"projectId": project, "source": source, "logHttpRequestResponse": False, "monitoringEnabled": False}


def _rows() -> list[dict[str, float]]:
    """Three tumours of the data, all of them malignant."""
    rows: list[dict[str, float]] = load_breast_cancer(as_frame=True).data.head(3).to_dict("records")
    return rows


def _plain(http: httpx.Client) -> str:
    found = http.get("/api/environments/beta/environments").json()["environments"]
    return str(next(one["id"] for one in found if one["name"] == "Plain Python"))


def _promote(served: ServedModel, number: int) -> None:
    version = next(one for one in served.versions() if one["number"] == number)
    served.made("PUT", f"/versions/{version['id']}/productionLabel", {"isProd": True})


def _ask(server: RunningServer, served: ServedModel, x: int) -> str:
    reply = httpx.post(
        f"{server.url}/api/modelApis/async/v1/{served.id}",
        json={"parameters": {"x": x}},
        headers={"Authorization": f"Bearer {served.token}"},
    )
    assert reply.status_code == 200, reply.text
    return str(reply.json()["asyncPredictionId"])


def _prediction(server: RunningServer, served: ServedModel, prediction: str) -> dict[str, Any] | None:
    try:
        reply = httpx.get(
            f"{server.url}/api/modelApis/async/v1/{served.id}/{prediction}",
            headers={"Authorization": f"Bearer {served.token}"},
        )
    except (httpx.HTTPError, FileNotFoundError):
        return None
    assert reply.status_code in {200, 503}, reply.text
    found: dict[str, Any] = reply.json()
    assert found.get("status") != "Failed", found
    return found if found.get("status") == "Succeeded" else None
