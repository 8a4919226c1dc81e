"""A dataset to work with, and hands that make others, share them and give them snapshots."""

import itertools
from typing import Any

import pytest

from modelyard.kit.db import Database
from tests.client import Person
from tests.domains.projects.conftest import make

V1 = "/api/datasetrw/v1/datasets"
V2 = "/api/datasetrw/v2/datasets"
SNAPSHOTS = "/api/datasetrw/v1/snapshots"
NOBODY = "0" * 24
OWNER, EDITOR, READER = "DatasetRwOwner", "DatasetRwEditor", "DatasetRwReader"

_numbers = itertools.count(1)


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's private project `churn`."""
    return await make(ada, "churn")


@pytest.fixture
async def dataset(ada: Person, project: dict[str, Any]) -> dict[str, Any]:
    """Ada's dataset `calls` in `churn`."""
    return await make_dataset(ada, project, "calls")


async def make_dataset(person: Person, project: dict[str, Any], name: str, **more: Any) -> dict[str, Any]:
    """A new dataset in a project."""
    reply = await person.post(V1, {"name": name, "projectId": project["id"]} | more)
    made: dict[str, Any] = reply["dataset"]
    return made


async def grant(
    owner: Person, dataset: dict[str, Any], account_id: str, role: str, expect: int = 200
) -> dict[str, Any]:
    """Gives an account a role on a dataset; the reply."""
    body = {"targetId": account_id, "targetRole": role}
    reply: dict[str, Any] = await owner.post(f"{V1}/{dataset['id']}/grants", body, expect=expect)
    return reply


async def put_snapshot(db: Database, dataset: dict[str, Any], status: str = "active") -> str:
    """A snapshot of a dataset, as if it had been taken; its id."""
    number = next(_numbers)
    snapshot_id = f"{number:024x}"
    await db.execute(
        "INSERT INTO dataset_snapshots (id, dataset_id, number, status) VALUES ($1, $2, $3, $4)",
        snapshot_id, dataset["id"], number, status,
    )  # fmt: skip
    return snapshot_id


async def names(person: Person, path: str = V2, **params: Any) -> list[str]:
    """The names of the datasets that somebody finds listed."""
    listed = (await person.get(path, **params))["datasets"]
    return [one.get("dataset", one)["name"] for one in listed]
