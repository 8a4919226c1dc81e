"""A project with a dataset, and jobs that work with it."""

import asyncio
import time
from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import make_dataset
from tests.domains.datasets.live import Live
from tests.domains.running import as_

DATA = "$DOMINO_DATASETS_DIR"


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's project."""
    return {"id": await as_(ada).makes_project("churn")}


@pytest.fixture
async def live(modelyard: Modelyard, ada: Person, project: dict[str, Any]) -> Live:
    """The live files of the dataset `calls` in Ada's project."""
    return Live(modelyard, ada, await make_dataset(ada, project, "calls"))


async def shell(person: Person, project: str, command: str, **more: Any) -> tuple[dict[str, Any], list[str]]:
    """A job that runs a shell command, when it is over, and what it printed."""
    job = await as_(person).runs(project, f"/bin/sh -c '{command}'", **more)
    return job, [*await as_(person).log(job), *await as_(person).log(job, "stdErr")]


def status(job: dict[str, Any]) -> str:
    return str(job["status"]["executionStatus"])


async def nothing_waits(person: Person) -> None:
    """Until the runner has done what concerns datasets."""
    deadline = time.monotonic() + 30
    while await person.modelyard.db.value("SELECT EXISTS (SELECT FROM work WHERE kind LIKE 'datasets.%')"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
