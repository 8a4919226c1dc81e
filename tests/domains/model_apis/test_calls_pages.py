"""The description of a model API and the page to try it."""

import base64
import hashlib
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.client import Person
from tests.domains.model_apis.served import TOKEN, Model, basic, failure, new_model
from tests.engines.serving.models import Yard

TYPED = """
def predict(x: int, y: float = 1.5, name: str = "ada", scores: list[float] = ()):
    return {"seen": [x, y, name, list(scores)]}
"""


@pytest.fixture
async def model(ada: Person, yard: Yard, project: dict[str, Any]) -> Model:
    """A model API of Ada's with typed parameters."""
    return await new_model(ada, yard, project, TYPED, name="typed")


async def _description(model: Model, **headers: str) -> Any:
    reply = await model.modelyard.stranger().request(
        "GET", f"/models/{model.id}/openapi.json", headers=basic(TOKEN) | headers
    )
    assert reply.status_code == 200, reply.text
    return reply.json()


def _valid(document: Any, schema: str, value: Any) -> bool:
    registry = Registry().with_resource("urn:api", DRAFT202012.create_resource(document))
    reference = {"$ref": f"urn:api#/components/schemas/{schema}"}
    return bool(Draft202012Validator(reference, registry=registry).is_valid(value))


async def test_the_description_says_what_the_model_takes(model: Model) -> None:
    document = await _description(model)
    assert document["info"]["title"] == "typed"
    inputs = document["components"]["schemas"]["Inputs"]
    assert inputs["properties"]["x"] == {"type": "integer"}
    assert inputs["properties"]["name"]["default"] == "ada"
    assert inputs["required"] == ["x"]
    assert set(document["paths"]) == {
        f"/models/{model.id}/latest/model",
        f"/models/{model.id}/labels/prod/model",
        f"/models/{model.id}/{{versionNumber}}/model",
    }


async def test_its_example_is_answered_and_all_of_it_fits_the_schemas(model: Model) -> None:
    document = await _description(model)
    body = document["paths"][f"/models/{model.id}/latest/model"]["post"]["requestBody"]
    example = body["content"]["application/json"]["example"]
    assert _valid(document, "Request", example)
    assert not _valid(document, "Request", {"something": 1})
    answer = await model.call(example)
    assert answer.status_code == 200, answer.text
    assert _valid(document, "Answer", answer.json())
    refusal = await model.call(b"{}")
    assert _valid(document, "Failure", refusal.json())


async def test_a_registered_model_is_described_with_the_forms_of_mlflow(model: Model) -> None:
    version = await model.first_version()
    await model.modelyard.db.execute(
        "UPDATE model_api_versions SET source = $2 WHERE id = $1",
        version["id"], {"type": "Registry", "registeredModelName": "m", "registeredModelVersion": 1},
    )  # fmt: skip
    await model.set(description="changed")
    await model.says_at_last(200)
    document = await _description(model)
    for body in (
        {"dataframe_split": {"columns": ["x"], "data": [[1]]}},
        {"dataframe_records": [{"x": 1}]},
        {"inputs": [1]},
    ):
        assert _valid(document, "Request", body), body
    assert _valid(document, "Answer", (await model.call()).json())


async def test_a_model_that_answers_later_is_described_as_such(ada: Person, yard: Yard, project: Any) -> None:
    model = await new_model(ada, yard, project, TYPED, isAsync=True)
    paths = (await _description(model))["paths"]
    there = f"/api/modelApis/async/v1/{model.id}"
    assert set(paths) == {there, there + "/{asyncPredictionId}"}


async def test_a_model_without_a_running_version_is_described_all_the_same(
    ada: Person, yard: Yard, project: Any
) -> None:
    model = await new_model(ada, yard, project)
    assert (await _description(model))["info"]["version"] == "1"


async def test_only_those_who_may_call_see_the_description(model: Model, bob: Person) -> None:
    address = f"/models/{model.id}/openapi.json"
    nobody = model.modelyard.stranger()
    failure(await nobody.request("GET", address), 401)
    failure(await nobody.request("GET", address, headers=basic("mdt_wrong")), 401)
    await bob.get(address, expect=404)
    assert (await model.owner.get(address))["info"]["title"] == "typed"
    await model.set(is_public=True)
    await model.says_at_last(200, token="mdt_wrong")
    document = await nobody.get(address)
    assert document["security"] == [{}]


async def test_the_page_is_the_same_for_all_and_runs_nothing_but_its_own(model: Model) -> None:
    nobody = model.modelyard.stranger()
    reply = await nobody.request("GET", f"/models/{model.id}")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert model.id not in reply.text
    assert "typed" not in reply.text
    assert reply.content == (await nobody.request("GET", "/models/unknown")).content
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    for kind in ("script", "style"):
        (inline,) = re.findall(f"<{kind}>(.*?)</{kind}>", reply.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert policy[f"{kind}-src"] == f"'sha256-{digest}'"
    assert "://" not in reply.text
