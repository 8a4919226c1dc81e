"""Models and versions made from runs."""

import asyncio
from typing import Any

import pytest

from tests.client import Person
from tests.domains.projects.conftest import make
from tests.domains.registered_models.conftest import MLFLOW, V1, at, give_role
from tests.domains.registered_models.conftest import put_model as put_registered
from tests.domains.registered_models.runs import info, measure, new_run, put_file, put_model

pytestmark = pytest.mark.usefixtures("tracking")


def _body(run_id: str, name: str = "churn", **more: Any) -> dict[str, Any]:
    return {"modelName": name, "experimentRunId": run_id, "discoverable": False} | more


def _version(run_id: str, artifact: str, description: str = "first") -> dict[str, Any]:
    return {"description": description, "experimentRunId": run_id, "artifact": artifact}


async def test_a_model_is_made_from_the_only_model_that_a_run_has_logged(
    ada: Person, project: dict[str, Any]
) -> None:
    run_id = await new_run(ada, project)
    await put_model(ada, run_id, "half", ready=False)
    logged = await put_model(ada, run_id, "forest")
    await measure(ada, run_id, auc=0.9, depth="3")
    body = _body(run_id, "team/churn", description="It tells.", tags={"team": "a"}, discoverable=True)
    made = await ada.post(V1, body)
    assert (made["name"], made["description"], made["latestVersion"]) == ("team/churn", "It tells.", 1)
    assert (made["discoverable"], made["project"]["id"], made["tags"]["team"]) == (True, project["id"], "a")
    version = await ada.get(at("team/churn", "/versions/1"))
    details = version["versionUiDetails"]["experimentRunInfo"]
    assert version["experimentRunId"] == run_id
    assert details["metrics"] == [{"key": "auc", "value": 0.9, "timestamp": "2023-11-14T22:13:20Z"}]
    assert details["params"] == [{"key": "depth", "value": "3"}]
    experiment_id = (await info(ada, run_id))["experiment_id"]
    assert details["runUrl"] == f"http://modelyard/mlflow/#/experiments/{experiment_id}/runs/{run_id}"
    stored = await ada.get(f"{MLFLOW}/model-versions/get", name="team/churn", version="1")
    assert stored["model_version"]["source"] == f"models:/{logged}"


async def test_a_model_is_made_from_the_only_folder_that_is_one(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "out/forest/MLmodel")
    await put_file(ada, run_id, "plots/roc.png")
    await ada.post(V1, _body(run_id))
    place = await ada.get(f"{MLFLOW}/model-versions/get-download-uri", name="churn", version="1")
    assert place["artifact_uri"] == (await info(ada, run_id))["artifact_uri"] + "/out/forest"


async def test_a_run_with_several_models_or_none_says_what_it_has(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "notes.txt")
    said = (await ada.post(V1, _body(run_id), expect=400))["message"]
    assert "no model" in said
    await put_file(ada, run_id, "a/MLmodel")
    await put_file(ada, run_id, "b/MLmodel")
    said = (await ada.post(V1, _body(run_id), expect=400))["message"]
    assert "several models (a, b)" in said
    assert "with `artifact`" in said
    logged = [await put_model(ada, run_id, "same") for _ in range(2)]
    said = (await ada.post(V1, _body(run_id), expect=400))["message"]
    assert all(one in said for one in logged)
    await ada.get(at("churn"), expect=404)


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 251, "a\nb", "a\u0000b", "...", ".", " a", "names", "ui", "access", "versionstages"]
)
async def test_names_that_no_model_can_have(ada: Person, project: dict[str, Any], name: str) -> None:
    run_id = await new_run(ada, project)
    await put_model(ada, run_id, "forest")
    said = (await ada.post(V1, _body(run_id, name), expect=400))["message"]
    assert "name" in said
    if name == "names":
        assert "'names' cannot be the name of a model" in said


async def test_a_name_is_taken_once_on_the_whole_deployment(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await put_registered(ada, project, "churn")
    run_id = await new_run(bob)
    await put_model(bob, run_id, "forest")
    said = (await bob.post(V1, _body(run_id), expect=400))["message"]
    assert "already exists" in said
    results = await asyncio.gather(*(bob.request("POST", V1, json=_body(run_id, "fraud")) for _ in range(4)))
    assert sorted(reply.status_code for reply in results) == [200, 400, 400, 400]
    assert (await bob.get(at("fraud")))["latestVersion"] == 1


async def test_who_may_make_a_model_of_a_run(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_model(ada, run_id, "forest")
    await bob.post(V1, _body(run_id), expect=404)
    await bob.post(V1, _body("f" * 32), expect=404)
    await give_role(ada, project, bob, "resultsConsumer")
    await bob.post(V1, _body(run_id), expect=403)
    await give_role(ada, project, bob, "contributor")
    assert (await bob.post(V1, _body(run_id)))["ownerUsername"] == "bob"


async def test_nobody_forges_what_the_platform_says_of_a_model(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_model(ada, run_id, "forest")
    for key in ("mlflow.domino.user", "modelyard.anything"):
        await ada.post(V1, _body(run_id, tags={key: "bob"}), expect=400)
    await ada.post(V1, _body(run_id))
    body = {"name": "churn", "key": "mlflow.domino.user", "value": "bob"}
    await ada.post(f"{MLFLOW}/registered-models/set-tag", body, expect=400)
    reply = await ada.request("DELETE", f"{MLFLOW}/registered-models/delete-tag", json=body)
    assert reply.status_code == 400
    assert (await ada.get(at("churn")))["tags"]["mlflow.domino.user"] == "ada"


async def test_versions_are_made_of_folders_files_and_logged_models(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_registered(ada, project, "a/b")
    await put_file(ada, run_id, "forest/MLmodel")
    await put_file(ada, run_id, "model.pkl")
    logged = await put_model(ada, run_id, "tree")
    place = (await info(ada, run_id))["artifact_uri"]
    wanted = [("forest", f"{place}/forest"), ("/forest/", f"{place}/forest"), ("model.pkl", f"{place}/model.pkl"),
              ("tree", None), (logged, None)]  # fmt: skip
    for number, (artifact, location) in enumerate(wanted, 1):
        made = await ada.post(at("a/b", "/versions"), _version(run_id, artifact))
        assert (made["modelVersion"], made["modelVersionDescription"]) == (number, "first")
        found = await ada.get(f"{MLFLOW}/model-versions/get-download-uri", name="a/b", version=number)
        assert found["artifact_uri"] == (location or f"{place.rsplit('/', 2)[0]}/models/{logged}/artifacts")
    assert (await ada.get(at("a/b")))["latestVersion"] == 5


@pytest.mark.parametrize("artifact", ["", "nothing", "forest/none", "../x", "forest/..", "m-" + "0" * 32])
async def test_what_a_run_does_not_have_makes_no_version(
    ada: Person, project: dict[str, Any], artifact: str
) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "forest/MLmodel")
    await put_registered(ada, project, "churn")
    await ada.post(at("churn", "/versions"), _version(run_id, artifact), expect=400)
    assert (await ada.get(at("churn", "/versions")))["items"] == []


async def test_who_may_add_a_version(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    run_id, own = await new_run(ada, project), await new_run(bob)
    await put_file(ada, run_id, "forest/MLmodel")
    await put_file(bob, own, "forest/MLmodel")
    await put_registered(ada, project, "churn", discoverable=True)
    await bob.post(at("churn", "/versions"), _version(own, "forest"), expect=403)
    await bob.post(at("nothing", "/versions"), _version(own, "forest"), expect=404)
    await ada.post(at("churn", "/versions"), _version(own, "forest"), expect=404)
    await ada.post(at("churn", "/versions"), _version("0" * 32, "forest"), expect=404)
    await ada.post(at("churn", "/versions"), _version(run_id, "forest"))


async def test_versions_made_at_once_have_consecutive_numbers(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "forest/MLmodel")
    await put_registered(ada, project, "churn")
    made = await asyncio.gather(
        *(ada.post(at("churn", "/versions"), _version(run_id, "forest")) for _ in range(6))
    )
    assert sorted(one["modelVersion"] for one in made) == [1, 2, 3, 4, 5, 6]


async def test_a_version_follows_its_run(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "forest/MLmodel")
    await measure(ada, run_id, auc=0.5, nothing="NaN", endless="Infinity", depth="3")
    await put_registered(ada, project, "churn")
    made = await ada.post(at("churn", "/versions"), _version(run_id, "forest"))
    shown = made["versionUiDetails"]["experimentRunInfo"]
    assert {one["key"]: one["value"] for one in shown["metrics"]} == {"auc": 0.5}
    await measure(ada, run_id, auc=0.75, seed="1")
    shown = (await ada.get(at("churn", "/versions/1")))["versionUiDetails"]["experimentRunInfo"]
    assert {one["key"]: one["value"] for one in shown["metrics"]} == {"auc": 0.75}
    assert {one["key"]: one["value"] for one in shown["params"]} == {"depth": "3", "seed": "1"}
    listed = (await ada.get(f"{V1}/ui"))["items"][0]
    assert listed["latestVersionExperimentMetrics"] == {"auc": 0.75}


async def test_a_version_shows_the_snapshots_that_its_job_saw_to_those_who_may_see_them(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "forest/MLmodel")
    await put_registered(ada, project, "churn")
    await ada.post(at("churn", "/versions"), _version(run_id, "forest"))
    await give_role(ada, project, bob, "contributor")
    body = {"name": "calls", "projectId": project["id"]}
    dataset = (await ada.post("/api/datasetrw/v1/datasets", body))["dataset"]
    environment = (await ada.get("/api/environments/beta/environments"))["environments"][0]["id"]
    job = (await ada.post("/api/jobs/v1/jobs", {"projectId": project["id"], "runCommand": "true",
                                                "environmentId": environment}))["job"]["id"]  # fmt: skip
    db = ada.modelyard.db
    await db.execute("UPDATE experiment_runs SET job_id = $1 WHERE id = $2", job, run_id)
    await db.execute(
        "INSERT INTO dataset_snapshots (id, dataset_id, number, status) VALUES ('5', $1, 1, 'active')",
        dataset["id"],
    )
    await db.execute("INSERT INTO dataset_mounts (run_id, path, dataset_id, snapshot_id, is_writable)"
                     " VALUES ($1, 'snapshot/calls/1', $2, '5', false), ($1, 'local/calls', $2, NULL, true)",
                     job, dataset["id"])  # fmt: skip
    seen = (await ada.get(at("churn", "/versions/1")))["versionUiDetails"]["modelVersionDatasets"]
    assert seen == [{"id": dataset["id"], "name": "calls", "snapshotId": "5"}]
    assert (await bob.get(at("churn", "/versions/1")))["versionUiDetails"]["modelVersionDatasets"] == []


async def test_describing_a_model_and_letting_everybody_find_it(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await put_registered(ada, project, "churn")
    before = await ada.get(at("churn"))
    changed = await ada.patch(at("churn"), {"description": "Who leaves."})
    assert (changed["description"], changed["discoverable"]) == ("Who leaves.", False)
    assert changed["updatedAt"] > before["updatedAt"]
    await bob.get(at("churn"), expect=404)
    changed = await ada.patch(at("churn"), {"discoverable": True})
    assert (changed["description"], changed["discoverable"]) == ("Who leaves.", True)
    await bob.get(at("churn"))
    await bob.patch(at("churn"), {"discoverable": False}, expect=403)
    await bob.patch(at("nothing"), {"discoverable": False}, expect=404)
    await ada.patch(at("churn"), {"description": 5}, expect=400)


async def test_strangers_ask_to_be_let_into_the_project_of_what_they_found(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    path = f"{V1}/access/{project['id']}"
    await bob.post(path, expect=404)
    await bob.post(f"{V1}/access/{'0' * 24}", expect=404)
    await put_registered(ada, project, "churn", discoverable=True)
    await bob.post(path, expect=204)
    assert "within a day" in (await bob.post(path, expect=400))["message"]
    assert "already" in (await ada.post(path, expect=400))["message"]
    other = await make(ada, "open", visibility="Searchable")
    await bob.post(f"{V1}/access/{other['id']}", expect=204)
    asked = await ada.modelyard.db.values(
        "SELECT details->>'role' FROM events WHERE action = 'project.accessRequested' AND actor_id = $1", bob.id
    )
    assert asked == ["resultsConsumer", "resultsConsumer"]


async def test_every_step_is_in_the_audit_trail_by_the_models_name(
    ada: Person, admin: Person, project: dict[str, Any]
) -> None:
    run_id = await new_run(ada, project)
    await put_model(ada, run_id, "forest")
    await ada.post(V1, _body(run_id))
    await ada.patch(at("churn"), {"description": "d"})
    found = await ada.modelyard.db.values(
        "SELECT action FROM events WHERE target_kind = 'registeredModel' AND project_id = $1 ORDER BY id",
        project["id"],
    )
    assert found == ["registeredModel.created", "modelVersion.created", "registeredModel.changed"]


async def test_the_pages_show_files_of_a_version_to_who_sees_its_run(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "out/forest/MLmodel", b"flavors: {}")
    await ada.post(V1, _body(run_id, "team/churn", discoverable=True))
    url = "/mlflow/model-versions/get-artifact?name=team%2Fchurn&version=1&path="
    shown = await ada.request("GET", f"{url}MLmodel")
    assert (shown.status_code, shown.content) == (200, b"flavors: {}")
    assert "sandbox" in shown.headers["content-security-policy"]
    assert (await ada.request("GET", f"{url}../../secret")).status_code == 400
    assert (await bob.request("GET", f"{url}MLmodel")).status_code == 403
    # Of a run in a project that a reader of the model does not see, the files stay closed.
    elsewhere = await new_run(ada)
    await put_file(ada, elsewhere, "forest/MLmodel", b"closed")
    await ada.post(at("team/churn", "/versions"), _version(elsewhere, "forest"))
    await give_role(ada, project, bob, "resultsConsumer")
    assert (await bob.request("GET", f"{url}MLmodel")).status_code == 200
    second = await bob.request("GET", f"{url}MLmodel".replace("version=1", "version=2"))
    assert (second.status_code, b"closed" in second.content) == (404, False)
