"""Model APIs and their versions, as records: who sees, makes, changes and archives them."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.model_apis.conftest import (
    MODEL_APIS,
    at,
    file_source,
    make_model_api,
    of_version,
    version_of,
    versions,
)
from tests.domains.projects.conftest import let
from tests.domains.running import as_


async def test_one_call_makes_a_model_api_and_its_first_version(ada: Person, project: dict[str, Any]) -> None:
    made = await make_model_api(ada, project, replicas=2)
    assert made["activeVersion"]["number"] == 1
    assert made["activeVersion"]["deployment"] == {"status": "Preparing to build", "isPending": True}
    assert made["collaborators"] == [{"collaborator": ada.id, "role": "Owner"}]
    assert made["replicas"] == 2
    assert made == await ada.get(at(made))
    [version] = await versions(ada, made)
    assert version["source"] == file_source()
    assert version["labels"] == []
    assert version == await ada.get(of_version(version))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": " "}, "name"),
        ({"environmentId": "0" * 24}, "environment"),
        ({"hardwareTierId": "huge"}, "hardware tier"),
        ({"environmentVariables": [{"key": "LD_PRELOAD", "value": "x"}]}, "environmentVariables"),
        ({"version": {"source": file_source("missing.py")}}, "no file missing.py"),
        ({"version": {"source": file_source("../x.py")}}, "dot segment"),
        ({"version": {"source": file_source(function="a b")}}, "not the name"),
        ({"version": {"source": {"type": "Registry"}}}, "registeredModelName"),
        ({"version": {"commitId": "0" * 40}}, "commit"),
        ({"replicas": 0}, "replicas"),
    ],
)
async def test_what_cannot_be_used_is_refused_by_name(
    ada: Person, project: dict[str, Any], change: dict[str, Any], says: str
) -> None:
    reply = await make_model_api(ada, project, expect=400, **change)
    assert says in reply["message"]
    assert (await ada.get(MODEL_APIS))["metadata"]["totalCount"] == 0


async def test_the_environment_of_a_model_api_is_looked_at_though_its_version_has_another(
    ada: Person, project: dict[str, Any]
) -> None:
    own = {"environmentId": await as_(ada).plain_python()}
    refused = await make_model_api(ada, project, expect=400, environmentId="0" * 24, version=own)
    assert "environment" in refused["message"]


async def test_a_stranger_sees_and_makes_nothing(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    made = await make_model_api(ada, project)
    await make_model_api(bob, project, expect=404)
    await bob.get(at(made), expect=404)
    await bob.get(at(made, "/versions"), expect=404)
    assert (await bob.get(MODEL_APIS))["items"] == []


async def test_a_role_in_the_project_is_a_role_in_its_model_apis(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    made = await make_model_api(ada, project)
    await let(ada, project, bob, "LauncherUser")
    [version] = await versions(bob, made)
    await bob.put(of_version(version, "/targetState"), {"isRunning": False}, expect=403)
    await bob.post(at(made, "/versions"), version_of(project), expect=403)
    await bob.delete(at(made), expect=403)


async def test_the_list_filters_and_orders(ada: Person, project: dict[str, Any]) -> None:
    for name in ("alpha", "beta", "gamma"):
        await make_model_api(ada, project, name)

    async def names(**asked: Any) -> list[str]:
        return [one["name"] for one in (await ada.get(MODEL_APIS, **asked))["items"]]

    assert await names() == ["gamma", "beta", "alpha"]
    assert await names(orderBy="name") == ["alpha", "beta", "gamma"]
    assert await names(orderBy="name DESC", limit=1, offset=1) == ["beta"]
    assert await names(name="^(alp|GAM)", orderBy="name") == ["alpha", "gamma"]
    assert await names(projectId="0" * 24) == []
    assert await names(registeredModelName="none") == []
    assert "regular expression" in (await ada.get(MODEL_APIS, expect=400, name="("))["message"]
    await ada.get(MODEL_APIS, expect=400, registeredModelVersion=1)
    await ada.get(MODEL_APIS, expect=400, orderBy="password")


async def test_settings_are_replaced(ada: Person, project: dict[str, Any]) -> None:
    made = await make_model_api(ada, project)
    body = {
        "name": "renamed",
        "description": "other",
        "replicas": 3,
        "environmentId": await as_(ada).plain_python(),
        "access": {"isPublic": True},
        "overrideRequestTimeoutSecs": 7,
    }
    changed = await ada.put(at(made), body)
    assert (changed["name"], changed["replicas"], changed["overrideRequestTimeoutSecs"]) == ("renamed", 3, 7)
    assert changed["access"]["isPublic"]
    assert changed["healthCheck"] == made["healthCheck"]
    await ada.put(at(made), body | {"replicas": 99}, expect=400)


async def test_versions_are_numbered_and_cannot_be_promoted_before_they_run(
    ada: Person, project: dict[str, Any]
) -> None:
    made = await make_model_api(ada, project)
    second = await ada.post(at(made, "/versions"), version_of(project, shouldDeploy=False), expect=201)
    assert second["number"] == 2
    assert [one["number"] for one in await versions(ada, made)] == [2, 1]
    refused = await ada.put(of_version(second, "/productionLabel"), {"isProd": True}, expect=400)
    assert "not running" in refused["message"]
    refused = await ada.put(of_version(second, "/targetState"), {"isRunning": True}, expect=400)
    assert "not built" in refused["message"]
    await ada.get(of_version({"id": "0" * 24, "modelApiId": made["id"]}), expect=404)


async def test_an_archived_model_api_is_gone(ada: Person, project: dict[str, Any]) -> None:
    made = await make_model_api(ada, project)
    await ada.delete(at(made), expect=204)
    await ada.get(at(made), expect=404)
    assert (await ada.get(MODEL_APIS))["items"] == []
