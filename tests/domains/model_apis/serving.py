"""Sentences about versions that are really served: waited for, called, watched through their rows and logs."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from modelyard.engines.serving.pool import LocalEndpoints
from modelyard.process import DATABASE_DSN
from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import at, of_version, version_of

SECONDS = 90


async def eventually(holds: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Waits until something is true; what it was."""
    deadline = time.monotonic() + SECONDS
    while not (found := await holds()):
        assert time.monotonic() < deadline, f"{what} did not come about"
        await asyncio.sleep(0.03)
    return found


async def first_version(person: Person, model_api: dict[str, Any]) -> dict[str, Any]:
    """The version that a model API was made with."""
    found: list[dict[str, Any]] = await person.get(at(model_api, "/versions"))
    return found[-1]


async def new_version(
    person: Person, model_api: dict[str, Any], project: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Another version."""
    made: dict[str, Any] = await person.post(at(model_api, "/versions"), version_of(project, **more), expect=201)
    return made


async def status_of(person: Person, version: dict[str, Any]) -> str:
    """The status of a version."""
    return str((await person.get(of_version(version)))["deployment"]["status"])


async def waits_for(person: Person, version: dict[str, Any], *statuses: str) -> str:
    """Waits until a version has one of these statuses; which one."""
    deadline = time.monotonic() + SECONDS
    while (status := await status_of(person, version)) not in statuses:
        if status == "Failed" or time.monotonic() > deadline:
            lines = "\n".join([*await log_of(person, version, "build"), *await log_of(person, version)])
            raise AssertionError(f"{status} instead of {statuses}: {await problem_of(person, version)}\n{lines}")
        await asyncio.sleep(0.03)
    return status


async def sets_running(person: Person, version: dict[str, Any], running: bool) -> None:
    """Starts or stops a version by hand."""
    await person.put(of_version(version, "/targetState"), {"isRunning": running})


async def promotes(person: Person, version: dict[str, Any]) -> None:
    """Gives a version the production label."""
    await person.put(of_version(version, "/productionLabel"), {"isProd": True})


async def problem_of(person: Person, version: dict[str, Any]) -> str | None:
    """Why a version has failed or stalls."""
    found: str | None = await person.modelyard.db.value(
        "SELECT problem FROM model_api_versions WHERE id = $1", version["id"]
    )
    return found


async def log_of(person: Person, version: dict[str, Any], kind: str = "deployment") -> list[str]:
    """What the platform said of a version."""
    return await person.modelyard.db.values(
        "SELECT line FROM model_api_log_lines WHERE version_id = $1 AND kind = $2 ORDER BY time_ns",
        version["id"], kind,
    )  # fmt: skip


async def says(person: Person, version: dict[str, Any], text: str, kind: str = "deployment") -> str:
    """Waits until a log of a version has a text; all of the log."""

    async def said() -> str:
        log = "\n".join(await log_of(person, version, kind))
        return log if text in log else ""

    return str(await eventually(said, f"{text!r} in the log"))


async def replicas_of(person: Person, version: dict[str, Any], *states: str) -> list[dict[str, Any]]:
    """The replicas of a version in these states."""
    return await person.modelyard.db.rows(
        dict,
        "SELECT id, state, address, problem FROM model_replicas WHERE version_id = $1 AND state = ANY($2)"
        " ORDER BY started_at, id",
        version["id"], list(states or ("ready",)),
    )  # fmt: skip


async def calls(person: Person, version: dict[str, Any], **data: Any) -> Any:
    """What a version answers; its replicas are called as whoever routes calls does it."""
    return (await asked(person, version, {"data": data}))[1]


async def asked(person: Person, version: dict[str, Any], body: Any) -> tuple[int, Any]:
    """The status and the answer of a version to a body."""
    addresses = [one["address"] for one in await replicas_of(person, version)]
    endpoint = LocalEndpoints().open(queue_size=10)
    endpoint.use(addresses, concurrency=1, pure=False)
    try:
        answer = await endpoint.call(msgspec.json.encode(body), "request", 20)
    finally:
        await endpoint.close()
    return answer.status, msgspec.json.decode(answer.body)


def pid_of(home: Path, replica: dict[str, Any]) -> int:
    """The process above a replica."""
    return int((home / "runs" / replica["id"] / "pid").read_text())


async def gone(person: Person, version: dict[str, Any]) -> bool:
    """Whether nobody works on a version any more."""
    return not await person.modelyard.db.value(
        "SELECT EXISTS (SELECT FROM work WHERE subject_id = $1)", version["id"]
    )


class Runner:
    """A runner as a process of its own, which can be killed."""

    def __init__(self, modelyard: Modelyard, dsn: str) -> None:
        self._environment = os.environ | {"MODELYARD_HOME": modelyard.settings.home, DATABASE_DSN: dsn}
        self._log = modelyard.settings.home_path / "runner.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "modelyard.runner"]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    async def kill(self) -> None:
        """Ends it at once."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Asks it to end, and waits for that."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            await asyncio.to_thread(self._process.wait, 40)
            self._process = None
