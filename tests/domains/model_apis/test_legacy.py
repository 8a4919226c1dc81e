"""The routes by which the official client publishes models, and the one endpoint of a project."""

import asyncio
from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import MODEL_APIS, PREDICT, at, make_model_api, of_version, versions
from tests.domains.model_apis.served import Model
from tests.domains.projects.conftest import let
from tests.domains.running import as_
from tests.engines.serving.models import Yard

NOBODY = "0" * 24
MODELS = "/v1/projects/ada/churn/models"
ENDPOINT = "/v1/ada/churn/endpoint"


def model(project: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What the client sends to publish a model."""
    body = {
        "name": "adder",
        "description": "It adds",
        "projectId": project["id"],
        "file": "model.py",
        "function": "predict",
        "excludeFiles": [],
        "environmentId": "",
    }
    return body | more


def release(function: str = "predict", commit: str | None = None) -> dict[str, Any]:
    """What the client sends to publish an endpoint."""
    return {"commitId": commit, "bindingDefinition": {"file": "model.py", "function": function}}


async def default_environment(person: Person) -> str:
    """The id of the environment that is used when none is named."""
    return str((await person.get("/v4/environments/defaultEnvironment"))["id"])


async def test_a_model_is_published_listed_and_gets_versions(ada: Person, project: dict[str, Any]) -> None:
    assert (await ada.get(MODELS))["data"] == []
    published = (await ada.post("/v1/models", model(project)))["data"]
    assert (published["_id"], published["name"], published["description"]) == (published["id"], "adder", "It adds")
    listed = await ada.get(MODELS)
    assert (listed["objectType"], listed["data"]) == ("list", [published])
    assert (await ada.get(at(published)))["environmentId"] == await default_environment(ada)

    path = f"/v1/models/{published['id']}/versions"
    environment = await as_(ada).plain_python()
    second = await ada.post(path, model(project, description="Better", environmentId=environment))
    assert (second["number"], second["description"]) == (2, "Better")
    listed = await ada.get(path)
    assert [one["metadata"]["number"] for one in listed["data"]] == [2, 1]
    assert listed["data"][0] == second
    [newest, first] = await versions(ada, published)
    assert newest["id"] == second["_id"]
    assert newest["environmentRevisionId"] != first["environmentRevisionId"]


async def test_an_empty_environment_is_the_project_default(ada: Person, project: dict[str, Any]) -> None:
    environment = await as_(ada).plain_python()
    await ada.put(f"/v4/projects/{project['id']}/settings", {"defaultEnvironmentId": environment})
    published = (await ada.post("/v1/models", model(project)))["data"]
    assert (await ada.get(at(published)))["environmentId"] == environment


async def test_names_of_files_are_taken_as_clients_have_sent_them(ada: Person, project: dict[str, Any]) -> None:
    body = model(project, file="/model.py", excludeFiles="notes.txt")
    published = (await ada.post("/v1/models", body))["data"]
    [version] = await versions(ada, published)
    assert version["source"] == {
        "type": "File", "file": "model.py", "function": "predict", "excludeFiles": ["notes.txt"]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"file": "missing.py"}, "no file missing.py"),
        ({"function": ""}, "needs file and function"),
        ({"name": ""}, "name"),
        ({"environmentId": NOBODY}, "environment"),
    ],
)
async def test_what_cannot_be_published_is_refused_by_name(
    ada: Person, project: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    assert says in (await ada.post("/v1/models", model(project, **change), expect=400))["message"]
    assert (await ada.get(MODELS))["data"] == []


async def test_only_who_may_runs_code_publishes(
    ada: Person, bob: Person, modelyard: Modelyard, project: dict[str, Any]
) -> None:
    published = (await ada.post("/v1/models", model(project)))["data"]
    path = f"/v1/models/{published['id']}/versions"
    await bob.get(MODELS, expect=404)
    await bob.get(path, expect=404)
    await bob.post("/v1/models", model(project), expect=404)
    await modelyard.stranger().get(MODELS, expect=401)
    await let(ada, project, bob, "LauncherUser")
    assert len((await bob.get(MODELS))["data"]) == 1
    assert len((await bob.get(path))["data"]) == 1
    await bob.post("/v1/models", model(project), expect=403)
    await bob.post(path, model(project), expect=403)


async def test_a_version_of_another_project_needs_rights_there(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    published = (await ada.post("/v1/models", model(project)))["data"]
    other = await as_(bob).makes_project("secret", model__py=PREDICT)
    path = f"/v1/models/{published['id']}/versions"
    await ada.post(path, model(project, projectId=other), expect=404)


async def test_there_are_no_images_to_export(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    made = await make_model_api(ada, project)
    [version] = await versions(ada, made)
    path = f"/v4/models/{made['id']}/{version['id']}"
    body = {"registryUrl": "r.example.org", "username": "u", "password": "p", "repository": "m", "tag": "1"}
    for kind in ("exportImageToRegistry", "exportImageForSagemaker"):
        refused = await ada.post(f"{path}/{kind}", body, expect=400)
        assert f"files at the commit {version['commitId']}" in refused["message"]
        await bob.post(f"{path}/{kind}", body, expect=404)
        await ada.post(f"/v4/models/{made['id']}/{NOBODY}/{kind}", body, expect=404)
    for kind in ("getExportImageStatus", "getExportLogs"):
        assert "exports no images" in (await ada.get(f"/v4/models/{NOBODY}/{kind}", expect=404))["message"]


async def test_a_project_has_one_endpoint(ada: Person, project: dict[str, Any]) -> None:
    assert await ada.get(f"{ENDPOINT}/state") == {"isPublished": False, "status": "Unpublished"}
    await ada.delete(ENDPOINT, expect=404)
    commit = (await ada.get("/v1/projects/ada/churn/commits"))[0]
    state = await ada.post(f"{ENDPOINT}/publishRelease", release(commit=commit))
    assert state["isPublished"]
    assert state["release"] == {"version": 1, "commitId": commit, "file": "model.py", "function": "predict"}
    assert state == await ada.get(f"{ENDPOINT}/state")
    assert [one["id"] for one in (await ada.get(MODELS))["data"]] == [state["modelId"]]

    again = await ada.post(f"{ENDPOINT}/publishRelease", release())
    assert (again["modelId"], again["release"]["version"]) == (state["modelId"], 2)
    assert (await ada.delete(ENDPOINT))["success"]
    stopped = await ada.get(f"{ENDPOINT}/state")
    assert (stopped["isPublished"], stopped["modelId"]) == (False, state["modelId"])
    await ada.delete(ENDPOINT, expect=404)
    third = await ada.post(f"{ENDPOINT}/publishRelease", release())
    assert (third["isPublished"], third["release"]["version"]) == (True, 3)
    assert (await ada.get(MODEL_APIS))["metadata"]["totalCount"] == 1


async def test_an_archived_endpoint_makes_room_for_another(ada: Person, project: dict[str, Any]) -> None:
    first = await ada.post(f"{ENDPOINT}/publishRelease", release())
    await ada.delete(at({"id": first["modelId"]}), expect=204)
    assert not (await ada.get(f"{ENDPOINT}/state"))["isPublished"]
    second = await ada.post(f"{ENDPOINT}/publishRelease", release())
    assert second["modelId"] != first["modelId"]


async def test_two_who_publish_at_once_make_one_endpoint(ada: Person, project: dict[str, Any]) -> None:
    path = f"{ENDPOINT}/publishRelease"
    replies = await asyncio.gather(*(ada.request("POST", path, json=release()) for _ in range(4)))
    assert {reply.status_code for reply in replies} <= {200, 400}
    assert any(reply.is_success for reply in replies)
    assert len((await ada.get(MODELS))["data"]) == 1


async def test_an_endpoint_is_for_those_who_work_in_its_project(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    state = await ada.post(f"{ENDPOINT}/publishRelease", release())
    await bob.get(f"{ENDPOINT}/state", expect=404)
    await bob.delete(ENDPOINT, expect=404)
    await let(ada, project, bob, "resultsConsumer")
    assert await bob.get(f"{ENDPOINT}/state") == state
    await bob.post(f"{ENDPOINT}/publishRelease", release(), expect=403)
    await bob.delete(ENDPOINT, expect=403)
    await ada.post(f"{ENDPOINT}/publishRelease", release("a b"), expect=400)
    await ada.post(f"{ENDPOINT}/publishRelease", release(commit="0" * 40), expect=400)
    [version] = await versions(ada, {"id": state["modelId"]})
    assert version == await bob.get(of_version(version))


async def test_an_endpoint_is_called_at_the_address_of_its_project(
    ada: Person, bob: Person, modelyard: Modelyard, yard: Yard, project: dict[str, Any]
) -> None:
    await ada.post(ENDPOINT, {"parameters": [1]}, expect=404)
    state = await ada.post(f"{ENDPOINT}/publishRelease", release())
    assert "does not run" in (await ada.post(ENDPOINT, {"parameters": [1]}, expect=503))["message"]
    endpoint = Model(ada, yard, {"id": state["modelId"]}, project)
    await endpoint.serves(await endpoint.first_version(), PREDICT)
    while (reply := await ada.request("POST", ENDPOINT, json={"parameters": [1, 2]})).status_code == 503:
        pass
    assert reply.json() == {
        "requestId": reply.headers["x-request-id"],
        "result": {"sum": 3},
        "release": state["release"],
    }
    assert "It takes: x, y" in (await ada.post(ENDPOINT, {"parameters": []}, expect=400))["message"]
    assert "TypeError" in (await ada.post(ENDPOINT, {"parameters": [None]}, expect=500))["message"]
    await bob.post(ENDPOINT, {"parameters": [1]}, expect=404)
    await modelyard.stranger().post(ENDPOINT, {"parameters": [1]}, expect=401)
    await let(ada, project, bob, "resultsConsumer")
    assert (await bob.post(ENDPOINT, {"parameters": [4]}))["result"] == {"sum": 5}
