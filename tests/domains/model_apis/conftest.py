"""A project with a model's file, and hands that make model APIs of it."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.engines.compute.local import LocalCompute
from tests.client import Person
from tests.domains.running import as_
from tests.engines.serving.models import Yard

MODEL_APIS = "/api/modelServing/v1/modelApis"
PREDICT = """
def predict(x, y=1):
    return {"sum": x + y}
"""


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's private project `churn`, with a model in `model.py`."""
    return {"id": await as_(ada).makes_project("churn", model__py=PREDICT)}


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    """Where replicas run without isolation, in a folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="yard-") as folder:
        made = Yard(Path(folder), LocalCompute("none"))
        try:
            yield made
        finally:
            await made.close()


def at(model_api: dict[str, Any], rest: str = "") -> str:
    """The address of a model API."""
    return f"{MODEL_APIS}/{model_api['id']}{rest}"


def of_version(version: dict[str, Any], rest: str = "") -> str:
    """The address of a version."""
    return f"{MODEL_APIS}/{version['modelApiId']}/versions/{version['id']}{rest}"


def file_source(file: str = "model.py", function: str = "predict") -> dict[str, Any]:
    """A function in a file."""
    return {"type": "File", "file": file, "function": function}


def version_of(project: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The request for a version, in the words of the contract."""
    body = {
        "projectId": project["id"],
        "source": file_source(),
        "logHttpRequestResponse": False,
        "monitoringEnabled": False,
    }
    return body | more


async def make_model_api(
    person: Person,
    project: dict[str, Any],
    name: str = "adder",
    expect: int = 201,
    version: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A new model API in the environment without packages."""
    body = {
        "name": name,
        "description": f"About {name}",
        "environmentId": await as_(person).plain_python(),
        "isAsync": False,
        "strictNodeAntiAffinity": False,
        "environmentVariables": [],
        "version": version_of(project, **(version or {})),
    }
    made: dict[str, Any] = await person.post(MODEL_APIS, body | more, expect=expect)
    return made


async def versions(person: Person, model_api: dict[str, Any]) -> list[dict[str, Any]]:
    """The versions of a model API, newest first."""
    found: list[dict[str, Any]] = await person.get(at(model_api, "/versions"))
    return found
