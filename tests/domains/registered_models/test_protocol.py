"""The registry in MLflow's protocol, by HTTP."""

import asyncio
from typing import Any

import pytest

from modelyard.domains.users import issue_run_token
from tests.client import Person
from tests.conftest import Cost
from tests.domains.experiments.tracking import experiment
from tests.domains.projects.conftest import make
from tests.domains.registered_models.conftest import MLFLOW, give_role, put_version
from tests.domains.registered_models.conftest import put_model as put_registered
from tests.domains.registered_models.runs import info, measure, new_run, put_file, put_model

MODELS, VERSIONS = f"{MLFLOW}/registered-models", f"{MLFLOW}/model-versions"
NOT_THERE, TAKEN, WRONG = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE"


async def _create(person: Person, name: str, expect: int = 200, **tags: str) -> Any:
    body = {"name": name, "tags": [{"key": key, "value": value} for key, value in tags.items()]}
    return await person.post(f"{MODELS}/create", body, expect=expect)


async def _add(person: Person, name: str, source: str, expect: int = 200, **more: Any) -> Any:
    return await person.post(f"{VERSIONS}/create", {"name": name, "source": source} | more, expect=expect)


async def _send(person: Person, method: str, path: str, expect: int = 200, **body: Any) -> Any:
    reply = await person.request(method, path, json=body)
    assert reply.status_code == expect, reply.text
    return reply.json()


async def _names(person: Person, **asked: Any) -> list[str]:
    return [one["name"] for one in (await person.get(f"{MODELS}/search", **asked)).get("registered_models", [])]


def _tags(fields: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in fields.get("tags", [])}


async def test_a_model_is_created_once_and_read_as_clients_know_it(ada: Person) -> None:
    made = (await _create(ada, "team/churn", team="a"))["registered_model"]
    assert set(made) == {"name", "creation_timestamp", "last_updated_timestamp", "user_id", "tags"}
    assert isinstance(made["creation_timestamp"], int)
    assert (_tags(made)["team"], _tags(made)["mlflow.domino.project_name"]) == ("a", "quick-start")
    again = await _create(ada, "team/churn", expect=400)
    assert again["error_code"] == TAKEN
    assert (await ada.get(f"{MODELS}/get", name="team/churn"))["registered_model"] == made
    assert (await ada.get(f"{MODELS}/get", name="nothing", expect=404))["error_code"] == NOT_THERE
    assert (await ada.get(f"{MODELS}/get", expect=400))["error_code"] == WRONG
    assert (await _create(ada, "ui", expect=400))["error_code"] == WRONG


async def test_where_a_new_model_belongs(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    for number, named in enumerate((project["id"], "ada/churn")):
        made = (await _create(ada, f"m{number}", **{"modelyard.project": named}))["registered_model"]
        assert _tags(made)["mlflow.domino.project_id"] == project["id"]
        assert "modelyard.project" not in _tags(made)
    path = "/mlflow/projects/ada/churn/api/2.0/mlflow/registered-models/create"
    made = (await ada.post(path, {"name": "addressed"}))["registered_model"]
    assert _tags(made)["mlflow.domino.project_id"] == project["id"]
    await _create(bob, "b", expect=404, **{"modelyard.project": project["id"]})
    await give_role(ada, project, bob, "resultsConsumer")
    assert (await _create(bob, "b", expect=403, **{"modelyard.project": project["id"]}))["error_code"] == (
        "PERMISSION_DENIED"
    )
    await _create(ada, "c", expect=400, **{"modelyard.other": "x"})
    await _create(ada, "d", expect=400, **{"mlflow.domino.user": "bob"})


async def test_a_model_is_described_renamed_tagged_and_deleted(ada: Person, project: dict[str, Any]) -> None:
    model = await put_registered(ada, project, "old")
    await put_version(ada.modelyard.db, model)
    changed = await _send(ada, "PATCH", f"{MODELS}/update", name="old", description="words")
    assert changed["registered_model"]["description"] == "words"
    await _create(ada, "taken")
    assert (await ada.post(f"{MODELS}/rename", {"name": "old", "new_name": "taken"}, expect=400))[
        "error_code"
    ] == (TAKEN)
    await ada.post(f"{MODELS}/rename", {"name": "old", "new_name": "names"}, expect=400)
    renamed = await ada.post(f"{MODELS}/rename", {"name": "old", "new_name": "new/name"})
    assert renamed["registered_model"]["latest_versions"][0]["name"] == "new/name"
    await ada.get(f"{MODELS}/get", name="old", expect=404)
    await ada.post(f"{MODELS}/set-tag", {"name": "new/name", "key": "a.b/c", "value": "1"})
    await ada.post(f"{MODELS}/set-tag", {"name": "new/name", "key": "a.b/c", "value": "2"})
    assert _tags((await ada.get(f"{MODELS}/get", name="new/name"))["registered_model"])["a.b/c"] == "2"
    await _send(ada, "DELETE", f"{MODELS}/delete-tag", name="new/name", key="a.b/c")
    await _send(ada, "DELETE", f"{MODELS}/delete-tag", name="new/name", key="a.b/c")
    assert "a.b/c" not in _tags((await ada.get(f"{MODELS}/get", name="new/name"))["registered_model"])
    await ada.post(f"{MODELS}/set-tag", {"name": "new/name", "key": "", "value": "2"}, expect=400)
    await ada.post(f"{MODELS}/set-tag", {"name": "new/name", "key": "a", "value": "x" * 100_001}, expect=400)
    await _send(ada, "DELETE", f"{MODELS}/delete", name="new/name")
    await _send(ada, "DELETE", f"{MODELS}/delete", name="new/name", expect=404)
    await ada.get(f"{VERSIONS}/get", name="new/name", version="1", expect=404)


CHANGES = [
    ("PATCH", f"{MODELS}/update", {"description": "x"}),
    ("POST", f"{MODELS}/rename", {"new_name": "x"}),
    ("DELETE", f"{MODELS}/delete", {}),
    ("POST", f"{MODELS}/set-tag", {"key": "a", "value": "b"}),
    ("DELETE", f"{MODELS}/delete-tag", {"key": "a"}),
    ("POST", f"{MODELS}/alias", {"alias": "best", "version": "1"}),
    ("DELETE", f"{MODELS}/alias", {"alias": "best"}),
    ("POST", f"{VERSIONS}/create", {"source": "models:/churn/1"}),
    ("PATCH", f"{VERSIONS}/update", {"version": "1", "description": "x"}),
    ("DELETE", f"{VERSIONS}/delete", {"version": "1"}),
    ("POST", f"{VERSIONS}/set-tag", {"version": "1", "key": "a", "value": "b"}),
    ("DELETE", f"{VERSIONS}/delete-tag", {"version": "1", "key": "a"}),
]
READS = [
    (f"{MODELS}/get", {}),
    (f"{MODELS}/get-latest-versions", {}),
    (f"{MODELS}/alias", {"alias": "best"}),
    (f"{VERSIONS}/get", {"version": "1"}),
    (f"{VERSIONS}/get-download-uri", {"version": "1"}),
]


async def test_only_those_who_edit_the_project_change_anything(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    model = await put_registered(ada, project, "churn")
    await put_version(ada.modelyard.db, model)
    await ada.post(f"{MODELS}/alias", {"name": "churn", "alias": "best", "version": "1"})
    for method, path, body in CHANGES:
        assert (await _send(bob, method, path, 404, name="churn", **body))["error_code"] == NOT_THERE, path
        assert (
            await bob.modelyard.stranger().request(method, path, json={"name": "churn"} | body)
        ).status_code == 401
    for path, query in READS:
        await bob.get(path, expect=404, name="churn", **query)
    await bob.post(f"{MODELS}/get-latest-versions", {"name": "churn"}, expect=404)
    assert await _names(bob) == []
    await give_role(ada, project, bob, "resultsConsumer")
    for method, path, body in CHANGES:
        assert (await _send(bob, method, path, 403, name="churn", **body))["error_code"] == "PERMISSION_DENIED", (
            path
        )
    for path, query in READS:
        await bob.get(path, name="churn", **query)
    assert await _names(bob) == ["churn"]
    assert (await ada.get(f"{MODELS}/get", name="churn"))["registered_model"]["aliases"] == [
        {"alias": "best", "version": "1"}
    ]


async def test_a_discoverable_model_shows_strangers_nothing_in_the_protocol(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    model = await put_registered(ada, project, "churn", discoverable=True)
    await put_version(ada.modelyard.db, model)
    for path, query in READS:
        await bob.get(path, expect=403, name="churn", **query)
    assert await _names(bob) == []
    assert await bob.get(f"{VERSIONS}/search") == {}


async def test_aliases_point_at_versions(ada: Person, project: dict[str, Any]) -> None:
    model = await put_registered(ada, project, "churn")
    for _ in range(2):
        await put_version(ada.modelyard.db, model)
    for version in ("1", 2):
        await ada.post(f"{MODELS}/alias", {"name": "churn", "alias": "best", "version": version})
        found = await ada.get(f"{MODELS}/alias", name="churn", alias="best")
        assert (found["model_version"]["version"], found["model_version"]["aliases"]) == (str(version), ["best"])
    assert (await ada.get(f"{MODELS}/alias", name="churn", alias="latest"))["model_version"]["version"] == "2"
    for alias in ("latest", "v1", "7", "", "a b", "ü/x", "x" * 256):
        body = {"name": "churn", "alias": alias, "version": "1"}
        assert (await ada.post(f"{MODELS}/alias", body, expect=400))["error_code"] == WRONG
    await ada.post(f"{MODELS}/alias", {"name": "churn", "alias": "best", "version": "3"}, expect=404)
    await ada.post(f"{MODELS}/alias", {"name": "churn", "alias": "best", "version": "x"}, expect=400)
    await _send(ada, "DELETE", f"{MODELS}/alias", name="churn", alias="best")
    await _send(ada, "DELETE", f"{MODELS}/alias", name="churn", alias="best")
    await ada.get(f"{MODELS}/alias", name="churn", alias="best", expect=404)
    await ada.post(f"{MODELS}/alias", {"name": "churn", "alias": "best", "version": "2"})
    await _send(ada, "DELETE", f"{VERSIONS}/delete", name="churn", version="2")
    await ada.get(f"{MODELS}/alias", name="churn", alias="best", expect=404)
    assert (await ada.get(f"{MODELS}/alias", name="churn", alias="latest"))["model_version"]["version"] == "1"


async def test_aliases_set_while_their_version_is_deleted(ada: Person, project: dict[str, Any]) -> None:
    model = await put_registered(ada, project, "churn")
    for _ in range(10):
        number = await put_version(ada.modelyard.db, model)
        body = {"name": "churn", "version": str(number)}
        replies = await asyncio.gather(
            *(ada.request("POST", f"{MODELS}/alias", json=body | {"alias": f"a{place}"}) for place in range(3)),
            ada.request("DELETE", f"{VERSIONS}/delete", json=body),
        )
        assert replies[-1].status_code == 200
        assert {reply.status_code for reply in replies} <= {200, 404}
    assert (await ada.get(f"{MODELS}/get", name="churn"))["registered_model"].get("aliases", []) == []


async def test_the_latest_versions_are_one_for_each_stage(ada: Person, project: dict[str, Any]) -> None:
    model = await put_registered(ada, project, "churn")
    db = ada.modelyard.db
    for stage in ("None", "Production", "Production", "Archived", "None"):
        number = await put_version(db, model)
        await db.execute("UPDATE model_versions SET stage = $2 WHERE version = $1", number, stage)

    def found(reply: dict[str, Any]) -> dict[str, str]:
        return {one["current_stage"]: one["version"] for one in reply.get("model_versions", [])}

    everything = {"Production": "3", "Archived": "4", "None": "5"}
    path = f"{MODELS}/get-latest-versions"
    assert found(await ada.get(path, name="churn")) == everything
    assert found(await ada.post(path, {"name": "churn"})) == everything
    assert found(await ada.get(path, name="churn", stages=["production", "None"])) == {
        "Production": "3",
        "None": "5",
    }
    assert found(await ada.post(path, {"name": "churn", "stages": ["Staging"]})) == {}
    listed = (await ada.get(f"{MODELS}/search"))["registered_models"][0]
    assert {one["current_stage"]: one["version"] for one in listed["latest_versions"]} == everything


async def test_models_are_searched_as_mlflow_searches(ada: Person) -> None:
    for name, team in (("churn", "a"), ("Churn/2", "b"), ("fraud", "a")):
        await _create(ada, name, team=team)
    await _create(ada, "greeting", **{"mlflow.prompt.is_prompt": "true"})
    assert sorted(await _names(ada)) == ["Churn/2", "churn", "fraud"]
    assert await _names(ada, filter="name = 'churn'") == ["churn"]
    assert await _names(ada, filter="name ILIKE 'CHURN%' AND tags.team = 'b'") == ["Churn/2"]
    assert await _names(ada, filter="tags.`mlflow.prompt.is_prompt` = 'true'") == ["greeting"]
    assert sorted(await _names(ada, filter="tags.`mlflow.prompt.is_prompt` != 'true'")) == [
        "Churn/2",
        "churn",
        "fraud",
    ]
    assert await _names(ada, order_by=["timestamp DESC", "name"]) == ["fraud", "Churn/2", "churn"]
    assert (await ada.get(f"{MODELS}/search", filter="size > 1", expect=400))["error_code"] == WRONG
    for limit in ("0", "1001", "x"):
        await ada.get(f"{MODELS}/search", max_results=limit, expect=400)
    first = await ada.get(f"{MODELS}/search", max_results=2, order_by="name DESC")
    token = first["next_page_token"]
    rest = await ada.get(f"{MODELS}/search", max_results=2, order_by="name DESC", page_token=token)
    assert (len(first["registered_models"]), len(rest["registered_models"])) == (2, 1)
    assert "next_page_token" not in rest


async def test_versions_are_searched_tagged_and_described(
    ada: Person, bob: Person, project: dict[str, Any], cost: Cost
) -> None:
    db = ada.modelyard.db
    for name in ("churn", "fraud"):
        model = await put_registered(ada, project, name)
        for _ in range(2):
            await put_version(db, model)

    async def found(**asked: Any) -> list[str]:
        listed = (await ada.get(f"{VERSIONS}/search", **asked)).get("model_versions", [])
        return [f"{one['name']}/{one['version']}" for one in listed]

    assert await found() == ["fraud/2", "fraud/1", "churn/2", "churn/1"]
    assert await found(filter="name='churn'") == ["churn/2", "churn/1"]
    assert await found(filter="version_number > 1", order_by="name") == ["churn/2", "fraud/2"]
    assert await found(filter="source_path = 'runs:/0/1' AND name IN ('fraud')") == ["fraud/1"]
    assert await found(filter="run_id = 'x'") == []
    assert await found(order_by=["version_number", "name DESC"]) == ["fraud/1", "churn/1", "fraud/2", "churn/2"]
    body = {"name": "churn", "version": "1"}
    await ada.post(f"{VERSIONS}/set-tag", body | {"key": "checked", "value": "yes"})
    assert await found(filter="tags.checked = 'yes'") == ["churn/1"]
    await _send(ada, "DELETE", f"{VERSIONS}/delete-tag", **body, key="checked")
    assert await found(filter="tags.checked = 'yes'") == []
    await ada.post(f"{VERSIONS}/set-tag", body | {"key": "modelyard.x", "value": "yes"}, expect=400)
    changed = await _send(ada, "PATCH", f"{VERSIONS}/update", **body, description="good")
    assert changed["model_version"]["description"] == "good"
    assert (await found())[0] == "churn/1"
    await ada.get(f"{VERSIONS}/search", max_results=200_001, expect=400)
    await ada.get(f"{VERSIONS}/search", filter="stage = 'x'", expect=400)
    assert await bob.get(f"{VERSIONS}/search") == {}
    assert await cost(ada.get(f"{VERSIONS}/search")) == 2
    assert await cost(ada.get(f"{MODELS}/search")) == 2


async def test_numbers_of_versions_are_not_used_twice(ada: Person, project: dict[str, Any]) -> None:
    model = await put_registered(ada, project, "churn")
    await put_version(ada.modelyard.db, model)
    await _send(ada, "DELETE", f"{VERSIONS}/delete", name="churn", version="1")
    await _send(ada, "DELETE", f"{VERSIONS}/delete", name="churn", version="1", expect=404)
    assert await put_version(ada.modelyard.db, model) == 2


@pytest.mark.usefixtures("tracking")
async def test_sources_of_versions(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await put_file(ada, run_id, "forest/MLmodel")
    logged = await put_model(ada, run_id, "tree")
    place = (await info(ada, run_id))["artifact_uri"]
    logged_place = f"{place.rsplit('/', 2)[0]}/models/{logged}/artifacts"
    await _create(ada, "team/churn", **{"modelyard.project": project["id"]})
    wanted: list[tuple[str, dict[str, Any], str, str]] = [
        (f"runs:/{run_id}/forest", {}, f"{place}/forest", run_id),
        (f"runs:/{run_id}/forest", {"run_id": run_id}, f"{place}/forest", run_id),
        (f"runs:/{run_id}/not-yet", {"run_id": run_id}, f"{place}/not-yet", run_id),
        (f"runs:/{run_id}/tree", {}, logged_place, run_id),
        (f"models:/{logged}", {"model_id": logged}, logged_place, run_id),
        (f"{place}/forest", {"run_id": run_id}, f"{place}/forest", run_id),
        (f"{logged_place}/", {"model_id": logged}, logged_place, run_id),
        ("models:/team/churn/1", {}, f"{place}/forest", run_id),
        ("models:/team/churn/latest", {}, f"{place}/forest", run_id),
    ]
    for number, (source, more, location, of_run) in enumerate(wanted, 1):
        made = (await _add(ada, "team/churn", source, **more))["model_version"]
        assert (made["version"], made["run_id"], made["status"]) == (str(number), of_run, "READY")
        found = await ada.get(f"{VERSIONS}/get-download-uri", name="team/churn", version=number)
        assert found["artifact_uri"] == location, source
    await ada.post(f"{MODELS}/alias", {"name": "team/churn", "alias": "best", "version": "4"})
    made = (await _add(ada, "team/churn", "models:/team/churn@best"))["model_version"]
    assert made["source"] == "models:/team/churn/4"


@pytest.mark.usefixtures("tracking")
async def test_sources_that_are_refused(ada: Person, bob: Person) -> None:
    run_id, other = await new_run(ada), await new_run(bob)
    logged, hidden = await put_model(ada, run_id, "tree"), await put_model(bob, other, "tree")
    place, elsewhere = (await info(ada, run_id))["artifact_uri"], (await info(bob, other))["artifact_uri"]
    await _create(ada, "churn")
    await _create(bob, "secret")
    await put_file(bob, other, "forest/MLmodel")
    await _add(bob, "secret", f"runs:/{other}/forest")
    refused = [
        "/etc/passwd", "file:///etc/passwd", "s3://bucket/x", "http://169.254.169.254/", "dbfs:/x", "", "forest",
        f"runs://{run_id}/x", f"runs:/{run_id}/../x", f"runs:/{run_id}/%2e%2e/x", f"runs:/{run_id}/%252e%252e/x",
        f"runs:/{run_id}/a%2fb", f"RUNS:/{run_id}/x", f"runs:/{run_id}/x?y", f"runs:/{run_id}/x#y",
        f"runs:/{run_id}/a\\b", "runs:/", "models:/", "models:/churn/Production", "models:/a/b/c",
        "mlflow-artifacts:/", "mlflow-artifacts://host/1/2/artifacts", place.rsplit("/", 1)[0] + "/other",
        place.replace("/artifacts", "/artifactsx"), f"{place}/../../x", place.rsplit("/", 2)[0],
        "dummy-source", "prompt-template",
    ]  # fmt: skip
    for source in refused:
        said = await _add(ada, "churn", source, expect=400)
        assert said["error_code"] == WRONG, source
    hidden_place = f"{elsewhere.rsplit('/', 2)[0]}/models/{hidden}/artifacts"
    missing = [
        f"runs:/{other}/forest", f"runs:/{'0' * 32}/x", f"models:/{hidden}", "models:/secret/1", "models:/churn/9",
        "models:/churn@best", elsewhere, hidden_place, "models:/m-0", f"{elsewhere}/forest",
    ]  # fmt: skip
    for source in missing:
        assert (await _add(ada, "churn", source, expect=404))["error_code"] == NOT_THERE, source
    await _add(ada, "churn", f"runs:/{run_id}/x", expect=400, run_id=other)
    await _add(ada, "churn", f"models:/{logged}", expect=400, model_id=hidden)
    await _add(ada, "churn", f"runs:/{run_id}/x", expect=400, model_id=logged)
    assert (await ada.get(f"{MODELS}/get", name="churn"))["registered_model"].get("latest_versions", []) == []


@pytest.mark.usefixtures("tracking")
async def test_clients_that_register_one_name_at_once_make_one_model(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)

    async def register() -> str:
        reply = await ada.request("POST", f"{MODELS}/create", json={"name": "churn"})
        assert reply.status_code == 200 or reply.json()["error_code"] == TAKEN
        return str((await _add(ada, "churn", f"runs:/{run_id}/forest"))["model_version"]["version"])

    assert sorted(await asyncio.gather(*(register() for _ in range(5)))) == ["1", "2", "3", "4", "5"]


@pytest.mark.usefixtures("tracking")
async def test_what_is_said_of_a_version_has_bounds(ada: Person) -> None:
    run_id = await new_run(ada)
    await _create(ada, "churn")
    for link in ("javascript:alert(1)", "ftp://x", "https://x/\n", "https://" + "x" * 2000):
        await _add(ada, "churn", f"runs:/{run_id}/x", expect=400, run_link=link)
    await _add(ada, "churn", f"runs:/{run_id}/x", expect=400, description="d" * 100_001)
    made = await _add(
        ada, "churn", f"runs:/{run_id}/x", run_link="https://elsewhere/run", description="d" * 100_000
    )
    assert (made["model_version"]["version"], made["model_version"]["run_link"]) == ("1", "https://elsewhere/run")
    await _send(ada, "PATCH", f"{VERSIONS}/update", 400, name="churn", version="1", description="d" * 100_001)
    await _send(ada, "PATCH", f"{MODELS}/update", 400, name="churn", description="d" * 100_001)


@pytest.mark.usefixtures("tracking")
async def test_a_version_made_here_shows_its_run_everywhere(ada: Person, project: dict[str, Any]) -> None:
    run_id = await new_run(ada, project)
    await measure(ada, run_id, auc=0.5)
    await _create(ada, "churn", **{"modelyard.project": project["id"]})
    await _add(ada, "churn", f"runs:/{run_id}/forest", description="d", tags=[{"key": "a", "value": "b"}])
    await measure(ada, run_id, auc=0.6)
    found = await ada.get("/api/registeredmodels/v1/churn/versions/1")
    assert found["versionUiDetails"]["experimentRunInfo"]["metrics"][0]["value"] == 0.6
    assert (found["modelVersionDescription"], found["tags"], found["experimentRunId"]) == ("d", {"a": "b"}, run_id)


async def test_prompts_are_models_without_files(ada: Person) -> None:
    prompt = [
        {"key": "mlflow.prompt.is_prompt", "value": "true"},
        {"key": "mlflow.prompt.text", "value": "Hi {{x}}"},
    ]
    await ada.post(f"{MODELS}/create", {"name": "greeting", "tags": prompt[:1]})
    await _create(ada, "churn")
    made = (await _add(ada, "greeting", "dummy-source", tags=prompt))["model_version"]
    assert _tags(made)["mlflow.prompt.text"] == "Hi {{x}}"
    await _add(ada, "greeting", "/etc/passwd", expect=400, tags=prompt)
    await _add(ada, "churn", "dummy-source", expect=400, tags=prompt)
    await _add(ada, "churn", "models:/greeting/1", expect=400)
    assert await ada.get(f"{VERSIONS}/search", filter="name = 'greeting'") == {}
    found = await ada.get(f"{VERSIONS}/search", filter="tags.`mlflow.prompt.is_prompt` = 'true'")
    assert [one["name"] for one in found["model_versions"]] == ["greeting"]


@pytest.mark.usefixtures("tracking")
async def test_a_jobs_models_are_in_its_project(ada: Person, project: dict[str, Any]) -> None:
    other = await make(ada, "other")
    environment = (await ada.get("/api/environments/beta/environments"))["environments"][0]["id"]
    body = {"projectId": project["id"], "runCommand": "true", "environmentId": environment}
    job = (await ada.post("/api/jobs/v1/jobs", body))["job"]["id"]
    token = Person(ada.modelyard, ada.id, ada.name, await issue_run_token(ada.modelyard.db, job, ada.id, 3600))
    made = (await _create(token, "churn", **{"modelyard.project": other["id"]}))["registered_model"]
    assert _tags(made)["mlflow.domino.project_id"] == project["id"]
    run_id = await new_run(token)
    await _add(token, "churn", f"runs:/{run_id}/x")
    assert await experiment(token, "another")
