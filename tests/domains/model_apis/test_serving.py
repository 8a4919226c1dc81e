"""Versions of files, really built, started, called, replaced and stopped."""

import asyncio
from typing import Any

import pytest

from modelyard.engines.logs.local import LocalLogStore
from modelyard.kit.crypto import Vault
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import at, file_source, make_model_api, of_version
from tests.domains.model_apis.serving import (
    asked,
    calls,
    eventually,
    first_version,
    gone,
    new_version,
    problem_of,
    promotes,
    replicas_of,
    says,
    sets_running,
    status_of,
    waits_for,
)
from tests.domains.running import as_

pytestmark = pytest.mark.usefixtures("runner")

SECOND = 'def predict(x, y=1):\n    return {"product": x * y}\n'
BROKEN = "import no_such_module\n\n\ndef predict(x):\n    return x\n"
TALKING = """
import os, sys

print("loaded with", sorted(os.environ))
print("on the other stream", file=sys.stderr)


def predict(name):
    return os.environ.get(name)


def end(code):
    os._exit(code)
"""


async def serve(ada: Person, project: dict[str, Any], **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model API, and its first version when it runs."""
    made = await make_model_api(ada, project, **more)
    version = await first_version(ada, made)
    await waits_for(ada, version, "Running")
    return made, version


async def replaced(ada: Person, project: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """A second version that multiplies, when it runs."""
    await as_(ada).uploads("churn", "model.py", SECOND)
    version = await new_version(ada, made, project)
    await waits_for(ada, version, "Running")
    return version


async def actions(ada: Person, made: dict[str, Any]) -> list[str]:
    """What is recorded of a model API, in order."""
    return await ada.modelyard.db.values("SELECT action FROM events WHERE target_id = $1 ORDER BY id", made["id"])


async def test_a_function_is_served(ada: Person, project: dict[str, Any]) -> None:
    made, version = await serve(ada, project)
    assert await calls(ada, version, x=2, y=3) == {"sum": 5}
    assert len(await replicas_of(ada, version)) == 1
    stored = await ada.modelyard.db.value("SELECT interface FROM model_api_versions WHERE id = $1", version["id"])
    assert stored["example"] == {"data": {"x": 1, "y": 1}}
    recorded = ["created", "versionCreated", "versionBuilt", "versionReleased"]
    assert await actions(ada, made) == [f"modelApi.{one}" for one in recorded]
    assert "revision 1 is built" in await says(ada, version, "is built", "build")
    log = await says(ada, version, "is ready")
    assert f"Files at commit {version['commitId']}" in log
    assert "Hardware tier" in log


async def test_a_version_that_cannot_be_loaded_fails_and_the_one_before_goes_on(
    ada: Person, project: dict[str, Any]
) -> None:
    made, first = await serve(ada, project)
    await as_(ada).uploads("churn", "broken.py", BROKEN)
    second = await new_version(ada, made, project, source=file_source("broken.py"))
    await eventually(lambda: has_status(ada, second, "Failed"), "the failure")
    assert "No module named 'no_such_module'" in str(await problem_of(ada, second))
    await says(ada, second, "No module named 'no_such_module'")
    assert await status_of(ada, first) == "Running"
    assert await calls(ada, first, x=1) == {"sum": 2}
    [ended] = await replicas_of(ada, second, "starting", "ready", "draining", "ended")
    assert ended["state"] == "ended"
    assert (await actions(ada, made))[-1] == "modelApi.versionFailed"


async def has_status(ada: Person, version: dict[str, Any], status: str) -> bool:
    return await status_of(ada, version) == status


async def test_a_failed_version_can_be_started_again(ada: Person, project: dict[str, Any]) -> None:
    made, _ = await serve(ada, project)
    await as_(ada).uploads(
        "churn", "needy.py", "import os\n\nKEY = os.environ['KEY']\n\n\ndef predict():\n    return KEY\n"
    )
    version = await new_version(ada, made, project, source=file_source("needy.py"))
    await eventually(lambda: has_status(ada, version, "Failed"), "the failure")
    await ada.modelyard.db.execute(
        "INSERT INTO model_api_variables VALUES ($1, 'KEY', $2)", made["id"], sealed(ada.modelyard, "given")
    )
    await sets_running(ada, version, True)
    await eventually(lambda: has_status(ada, version, "Running"), "the second start")
    assert await calls(ada, version) == "given"


def sealed(modelyard: Modelyard, text: str) -> bytes:
    return Vault.open(modelyard.settings.home_path / "secret.key").seal(text)


async def test_a_newer_version_takes_over(ada: Person, project: dict[str, Any]) -> None:
    made, first = await serve(ada, project)
    second = await replaced(ada, project, made)
    assert await calls(ada, second, x=2, y=3) == {"product": 6}
    await waits_for(ada, first, "Stopped")
    assert await replicas_of(ada, first, "starting", "ready", "draining") == []
    await says(ada, first, "not wanted any more")


@pytest.mark.parametrize("keep", ["by hand", "in production"])
async def test_a_version_that_is_kept_goes_on(ada: Person, project: dict[str, Any], keep: str) -> None:
    made, first = await serve(ada, project)
    await (sets_running(ada, first, True) if keep == "by hand" else promotes(ada, first))
    second = await replaced(ada, project, made)
    if keep == "in production":
        await promotes(ada, second)
    third = await new_version(ada, made, project)
    await waits_for(ada, third, "Running")
    assert await status_of(ada, first) == "Running"
    assert await calls(ada, first, x=1) == {"sum": 2}
    await sets_running(ada, first, False)
    await waits_for(ada, first, "Stopped")


async def test_a_version_is_stopped_and_started_by_hand(ada: Person, project: dict[str, Any]) -> None:
    _, version = await serve(ada, project)
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")
    await sets_running(ada, version, True)
    await waits_for(ada, version, "Running")
    assert await calls(ada, version, x=1) == {"sum": 2}


async def test_a_version_that_is_wanted_again_while_it_ends_goes_on(ada: Person, project: dict[str, Any]) -> None:
    _, version = await serve(ada, project)
    [before] = await replicas_of(ada, version)
    await sets_running(ada, version, False)
    await eventually(lambda: replicas_of(ada, version, "draining", "ended"), "the end")
    await sets_running(ada, version, True)
    [after] = await eventually(lambda: replicas_of(ada, version), "another replica")
    assert after["id"] != before["id"]
    await waits_for(ada, version, "Running")
    assert await calls(ada, version, x=1) == {"sum": 2}


async def test_a_version_that_is_not_to_run_is_only_built(ada: Person, project: dict[str, Any]) -> None:
    made, _ = await serve(ada, project)
    second = await new_version(ada, made, project, shouldDeploy=False)
    await waits_for(ada, second, "Ready to run")
    await eventually(lambda: gone(ada, second), "the end of the work")
    assert await replicas_of(ada, second, "starting", "ready", "draining", "ended") == []
    await sets_running(ada, second, True)
    await waits_for(ada, second, "Running")


async def test_replicas_are_as_many_as_are_wanted(ada: Person, project: dict[str, Any]) -> None:
    made, version = await serve(ada, project)

    async def wants(replicas: int) -> None:
        body = {"name": "adder", "description": "", "replicas": replicas}
        await ada.put(at(made), body | {"environmentId": await as_(ada).plain_python()})

    async def has(replicas: int) -> bool:
        return (
            len(await replicas_of(ada, version, "starting", "ready", "draining"))
            == replicas
            == len(await replicas_of(ada, version))
        )

    [first] = await replicas_of(ada, version)
    await wants(3)
    await eventually(lambda: has(3), "three replicas")
    await wants(1)
    await eventually(lambda: has(1), "one replica")
    assert await replicas_of(ada, version) == [first]
    assert await status_of(ada, version) == "Running"


async def test_a_replica_that_ends_is_replaced_while_the_other_serves(
    ada: Person, project: dict[str, Any]
) -> None:
    await as_(ada).uploads("churn", "talking.py", TALKING)
    _, version = await serve(ada, project, replicas=2, version={"source": file_source("talking.py", "end")})
    before = {one["id"] for one in await replicas_of(ada, version)}
    with pytest.raises(Exception, match="ended while it worked"):
        await calls(ada, version, code=3)

    async def is_replaced() -> bool:
        now = {one["id"] for one in await replicas_of(ada, version)}
        return len(now) == 2 and now != before

    await eventually(is_replaced, "another replica")
    [ended] = await eventually(lambda: replicas_of(ada, version, "ended"), "the end of the first one")
    assert "exit code 3" in ended["problem"]
    await says(ada, version, "exit code 3")
    assert "modelApi.versionStalled" not in await actions(ada, {"id": version["modelApiId"]})


async def test_a_version_without_replicas_stalls_until_one_is_there_again(
    ada: Person, project: dict[str, Any]
) -> None:
    await as_(ada).uploads("churn", "talking.py", TALKING)
    made, version = await serve(ada, project, version={"source": file_source("talking.py", "end")})
    with pytest.raises(Exception, match="ended while it worked"):
        await calls(ada, version, code=0)
    await eventually(lambda: recovered(ada, made), "another replica")
    assert (await actions(ada, made))[-2:] == ["modelApi.versionStalled", "modelApi.versionRecovered"]
    assert await status_of(ada, version) == "Running"


async def recovered(ada: Person, made: dict[str, Any]) -> bool:
    return (await actions(ada, made))[-1] == "modelApi.versionRecovered"


async def test_variables_are_given_to_the_model_and_told_nobody(ada: Person, project: dict[str, Any]) -> None:
    await as_(ada).uploads("churn", "talking.py", TALKING)
    variables = [{"key": "TOKEN", "value": "sesame-open"}]
    _, version = await serve(
        ada, project, environmentVariables=variables, version={"source": file_source("talking.py")}
    )
    assert await calls(ada, version, name="TOKEN") == "sesame-open"
    assert await calls(ada, version, name="DOMINO_PROJECT_NAME") == "churn"
    assert await calls(ada, version, name="DOMINO_USER_API_KEY") is None
    assert await calls(ada, version, name="MODELYARD_DSN") is None
    assert "sesame-open" not in await says(ada, version, "is ready")
    details = await ada.modelyard.db.values("SELECT details::text FROM events")
    assert "sesame-open" not in "\n".join(details)


async def test_what_a_model_prints_is_kept_after_its_end(ada: Person, project: dict[str, Any]) -> None:
    await as_(ada).uploads("churn", "talking.py", TALKING)
    _, version = await serve(ada, project, version={"source": file_source("talking.py")})
    [replica] = await replicas_of(ada, version)
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")
    folder = ada.modelyard.settings.home_path / "runs" / replica["id"]
    assert sorted(one.name for one in folder.iterdir()) == ["log"]
    page = LocalLogStore(folder.parent).read(replica["id"], ["stdout", "stderr"], 0, 10)
    assert {line.stream for line in page.lines} == {"stdout", "stderr"}
    assert page.lines[0].text.startswith("loaded with")


async def test_excluded_files_are_not_there(ada: Person, project: dict[str, Any]) -> None:
    await as_(ada).uploads(
        "churn", "listing.py", "import os\n\n\ndef predict():\n    return sorted(os.listdir())\n"
    )
    await as_(ada).uploads("churn", "data/large.csv", "1")
    await as_(ada).uploads("churn", "secret.txt", "1")
    source = file_source("listing.py") | {"excludeFiles": ["data/", "secret.txt"]}
    _, version = await serve(ada, project, version={"source": source})
    seen = await calls(ada, version)
    assert {"listing.py", "model.py"} <= set(seen)
    assert not {"data", "secret.txt"} & set(seen)


async def test_an_error_of_the_model_is_an_answer(ada: Person, project: dict[str, Any]) -> None:
    _, version = await serve(ada, project)
    status, said = await asked(ada, version, {"data": {"x": "text", "y": 1}})
    assert status == 500
    assert "TypeError" in said
    assert await calls(ada, version, x=1) == {"sum": 2}


async def test_an_archived_model_api_leaves_nothing_running(ada: Person, project: dict[str, Any]) -> None:
    made, version = await serve(ada, project)
    folder = ada.modelyard.settings.home_path / "models" / version["id"]
    assert folder.exists()
    await ada.delete(at(made), expect=204)
    await eventually(lambda: gone(ada, version), "the end")
    assert await replicas_of(ada, version, "starting", "ready", "draining") == []

    async def is_removed() -> bool:
        return not folder.exists()

    await eventually(is_removed, "the removal of its files")


async def test_a_version_waits_for_its_environment_and_fails_with_it(ada: Person, project: dict[str, Any]) -> None:
    body = {
        "name": "bad",
        "visibility": "private",
        "image": "python",
        "dockerfileInstructions": "RUN pip install no-such-package",
    }
    environment = (await ada.post("/api/environments/beta/environments", body))["environment"]
    made = await make_model_api(ada, project, environmentId=environment["id"])
    version = await first_version(ada, made)
    await eventually(lambda: has_status(ada, version, "Failed"), "the failure")
    assert "environment revision could not be built" in str(await problem_of(ada, version))
    refused = await ada.put(of_version(version, "/targetState"), {"isRunning": True}, expect=400)
    assert "could not be built" in refused["message"]


class TestHealth:
    """Replicas that do not answer, or never end what they do."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return Settings(home=settings.home, job_stop_grace_seconds=1)

    async def test_a_replica_that_is_busy_for_too_long_is_replaced(
        self, ada: Person, project: dict[str, Any]
    ) -> None:
        await as_(ada).uploads(
            "churn", "slow.py", "import time\n\n\ndef predict(s):\n    time.sleep(s)\n    return s\n"
        )
        check = {"initialDelaySeconds": 1, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}
        _, version = await serve(
            ada,
            project,
            healthCheck=check,
            overrideRequestTimeoutSecs=1,
            version={"source": file_source("slow.py")},
        )
        [before] = await replicas_of(ada, version)
        calling = asyncio.create_task(calls(ada, version, s=1000))

        async def is_replaced() -> bool:
            return before not in await replicas_of(ada, version) and bool(await replicas_of(ada, version))

        await eventually(is_replaced, "another replica")
        with pytest.raises(Exception, match=r"ended while it worked|in time"):
            await calling
        [ended] = await eventually(lambda: replicas_of(ada, version, "ended"), "the end of the first one")
        assert "has worked on one request" in ended["problem"]
        assert await calls(ada, version, s=0) == 0


async def test_no_call_fails_while_a_version_takes_over(ada: Person, project: dict[str, Any]) -> None:
    made, first = await serve(ada, project, replicas=2)
    results: list[Any] = []
    over = asyncio.Event()

    async def keep_calling() -> None:
        while not over.is_set():
            reply = await ada.modelyard.http.post(
                f"/models/{made['id']}/latest/model",
                json={"data": {"x": 3, "y": 5}},
                headers={"X-Domino-Api-Key": ada.key},
            )
            assert reply.status_code == 200, reply.text
            results.append(reply.json()["result"])

    calling = [asyncio.create_task(keep_calling()) for _ in range(4)]
    await replaced(ada, project, made)
    await waits_for(ada, first, "Stopped")
    before = len(results)
    await eventually(lambda: more_than(results, before + 20), "more calls")
    over.set()
    await asyncio.gather(*calling)
    assert {tuple(one.items()) for one in results} == {(("sum", 8),), (("product", 15),)}
    assert results[-20:] == [{"product": 15}] * 20


async def more_than(results: list[Any], count: int) -> bool:
    return len(results) > count


@pytest.mark.parametrize(
    ("tier", "says_why"),
    [("memory_bytes = 100 * 1048576", "its tier allows 100 MiB"), ("gpus = 1", "choose a tier without")],
)
async def test_what_a_tier_does_not_give_is_said(
    ada: Person, project: dict[str, Any], tier: str, says_why: str
) -> None:
    hungry = "KEPT = bytearray(300 * 2**20)\nimport time\n\ntime.sleep(60)\n\n\ndef predict():\n    return 1\n"
    await as_(ada).uploads("churn", "hungry.py", hungry)
    source = file_source("hungry.py")
    version = await first_version(
        ada, await make_model_api(ada, project, version={"source": source, "shouldDeploy": False})
    )
    await waits_for(ada, version, "Ready to run")
    await ada.modelyard.db.execute(f"UPDATE hardware_tiers SET {tier}")
    await sets_running(ada, version, True)
    await eventually(lambda: has_status(ada, version, "Failed"), "the failure")
    assert says_why in str(await problem_of(ada, version))
    await says(ada, version, says_why)
