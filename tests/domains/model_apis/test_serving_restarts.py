"""Runners that are killed or stopped while they serve versions, and what the next ones make of it."""

import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import file_source, make_model_api
from tests.domains.model_apis.serving import (
    Runner,
    calls,
    eventually,
    first_version,
    pid_of,
    problem_of,
    replicas_of,
    says,
    sets_running,
    status_of,
    waits_for,
)
from tests.domains.running import as_

SLOW = """
import os, time

while not os.path.exists("/tmp/go") and not os.path.exists(os.environ["TMPDIR"] + "/go"):
    time.sleep(0.02)


def predict(x):
    return x
"""
NEEDY = "import os\n\nKEY = os.environ['KEY']\n\n\ndef predict():\n    return KEY\n"


@pytest.fixture
async def runner(modelyard: Modelyard, dsn: str) -> AsyncIterator[Runner]:
    """A runner of the test's home; it ends its replicas with the test."""
    runner = Runner(modelyard, dsn)
    runner.start()
    yield runner
    await runner.stop()


async def serve(ada: Person, project: dict[str, Any], **more: Any) -> dict[str, Any]:
    version = await first_version(ada, await make_model_api(ada, project, **more))
    await waits_for(ada, version, "Running")
    return version


async def test_replicas_outlive_a_killed_runner_and_are_adopted(
    ada: Person, project: dict[str, Any], runner: Runner
) -> None:
    version = await serve(ada, project)
    before = await replicas_of(ada, version)
    await runner.kill()
    assert await calls(ada, version, x=1) == {"sum": 2}
    runner.start()
    await says(ada, version, "1 replicas live")
    assert await replicas_of(ada, version) == before
    assert await status_of(ada, version) == "Running"
    assert await calls(ada, version, x=1) == {"sum": 2}
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")


async def test_lost_replicas_are_replaced(ada: Person, project: dict[str, Any], runner: Runner) -> None:
    version = await serve(ada, project, replicas=2)
    lost, kept = await replicas_of(ada, version)
    await runner.kill()
    os.kill(pid_of(ada.modelyard.settings.home_path, lost), signal.SIGKILL)
    runner.start()

    async def are_two() -> list[str]:
        now = [one["id"] for one in await replicas_of(ada, version)]
        return now if len(now) == 2 and lost["id"] not in now else []

    assert kept["id"] in await eventually(are_two, "two replicas")
    [ended] = await replicas_of(ada, version, "ended")
    assert (ended["id"], ended["problem"]) == (lost["id"], "It was gone when the runner came back.")


async def test_what_is_not_wanted_any_more_ends_when_the_runner_is_back(
    ada: Person, project: dict[str, Any], runner: Runner
) -> None:
    version = await serve(ada, project)
    await runner.kill()
    await sets_running(ada, version, False)
    runner.start()
    await waits_for(ada, version, "Stopped")
    assert await replicas_of(ada, version, "starting", "ready", "draining") == []


async def test_a_version_that_was_starting_goes_on_starting(
    ada: Person, project: dict[str, Any], runner: Runner
) -> None:
    await as_(ada).uploads("churn", "slow.py", SLOW)
    version = await first_version(
        ada, await make_model_api(ada, project, version={"source": file_source("slow.py")})
    )
    home = ada.modelyard.settings.home_path

    async def is_loading() -> bool:
        there = await replicas_of(ada, version, "starting")
        return bool(there) and (home / "runs" / there[0]["id"] / "pid").exists()

    await eventually(is_loading, "a replica")
    [starting] = await replicas_of(ada, version, "starting")
    await runner.kill()
    runner.start()
    await says(ada, version, "1 replicas live")
    assert await status_of(ada, version) == "Starting"
    (home / "runs" / starting["id"] / "tmp" / "go").touch()
    await waits_for(ada, version, "Running")
    assert [one["id"] for one in await replicas_of(ada, version)] == [starting["id"]]


async def test_a_stopped_runner_ends_replicas_and_the_next_one_starts_them_anew(
    ada: Person, project: dict[str, Any], runner: Runner
) -> None:
    version = await serve(ada, project)
    [before] = await replicas_of(ada, version)
    pid = pid_of(ada.modelyard.settings.home_path, before)
    await runner.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert await replicas_of(ada, version, "starting", "ready", "draining") == []
    runner.start()
    await eventually(lambda: replicas_of(ada, version), "another replica")
    await waits_for(ada, version, "Running")
    assert await calls(ada, version, x=1) == {"sum": 2}


async def test_a_version_that_has_run_is_tried_again_and_again(
    ada: Person, project: dict[str, Any], runner: Runner
) -> None:
    await as_(ada).uploads("churn", "needy.py", NEEDY)
    given = [{"key": "KEY", "value": "1"}]
    version = await serve(ada, project, environmentVariables=given, version={"source": file_source("needy.py")})
    await runner.stop()
    await ada.modelyard.db.execute("UPDATE model_api_variables SET key = 'AWAY'")
    runner.start()
    await waits_for(ada, version, "Stalled")
    await says(ada, version, "KeyError: 'KEY'")

    async def has_failed_often() -> bool:
        return "replicas in a row have failed" in str(await problem_of(ada, version))

    await eventually(has_failed_often, "another failure")
    await ada.modelyard.db.execute("UPDATE model_api_variables SET key = 'KEY'")
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")
    await sets_running(ada, version, True)
    await waits_for(ada, version, "Running")
