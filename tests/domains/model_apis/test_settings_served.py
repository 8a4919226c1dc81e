"""Settings of a model API as its replicas find them, and what they print as its owner reads it."""

from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import make_dataset
from tests.domains.model_apis.conftest import at, make_model_api, of_version
from tests.domains.model_apis.serving import calls, eventually, first_version, sets_running, waits_for
from tests.domains.running import as_

CODE = """
import os
import sys
from pathlib import Path

print("the model is loaded")


def predict(line):
    print(line)
    print("and to the other stream", file=sys.stderr)
    return [os.environ.get("REGION"), Path(os.environ["MODELYARD_VOLUME_CALLS"], "greeting.txt").read_text()]
"""

OTHER = "and to the other stream"

pytestmark = pytest.mark.usefixtures("runner")


async def _all_lines(person: Person, version: dict[str, Any]) -> list[str]:
    """What two replicas have printed of three calls, when all of it is there."""
    lines = await log_of(person, version, "instanceLogs")
    return lines if "three" in lines and lines.count(OTHER) == 3 else []


async def log_of(person: Person, version: dict[str, Any], kind: str, **asked: Any) -> list[str]:
    """The lines of a log of a version."""
    return [line["log"] for line in (await person.get(of_version(version, f"/{kind}"), **asked))["logs"]]


async def test_replicas_see_variables_and_volumes_and_their_lines_are_read(
    ada: Person, modelyard: Modelyard
) -> None:
    project = {"id": await as_(ada).makes_project("greeter", model__py=CODE)}
    dataset = await make_dataset(ada, project, "calls")
    live = modelyard.settings.home_path / "datasets" / dataset["id"] / "live"
    live.mkdir(parents=True)
    (live / "greeting.txt").write_text("hello")
    volume = {"name": "calls", "mountPath": "/data/calls", "volumeType": "Dataset", "readOnly": True}
    made = await make_model_api(
        ada, project, volumes=[volume], environmentVariables=[{"key": "REGION", "value": "north"}]
    )
    version = await first_version(ada, made)
    await waits_for(ada, version, "Running")
    assert await calls(ada, version, line="one") == ["north", "hello"]

    await ada.put(at(made, "/environmentVariables/REGION"), {"key": "REGION", "value": "south"})
    assert await calls(ada, version, line="two") == ["north", "hello"]
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")
    await sets_running(ada, version, True)
    await waits_for(ada, version, "Running")
    assert await calls(ada, version, line="three") == ["south", "hello"]

    printed = await eventually(lambda: _all_lines(ada, version), "that all lines are in the log")
    said = [line for line in printed if line != OTHER]
    assert said == ["the model is loaded", "one", "two", "the model is loaded", "three"]
    assert await log_of(ada, version, "instanceLogs", tail=True, maxResults=1) == printed[-1:]
    build = await ada.get(of_version(version, "/buildLogs"))
    assert build["status"] == "complete"
    sources = [tag["value"] for line in build["logs"] for tag in line["tags"] if tag["key"] == "source"]
    assert {"environment", "version"} == set(sources)
    assert await log_of(ada, version, "deploymentLogs")
