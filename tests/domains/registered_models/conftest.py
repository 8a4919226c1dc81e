"""Models to work with, and hands that make others and give them versions."""

from typing import Any
from urllib.parse import quote

import pytest

from modelyard.domains.projects import project_by_id
from modelyard.domains.registered_models import service
from modelyard.domains.registered_models.queries import RegisteredModel, VersionMetric, VersionParam
from modelyard.domains.registered_models.versions import queries as versions
from modelyard.domains.users import Caller
from modelyard.kit.db import Database
from tests.client import Person
from tests.domains.projects.conftest import make

V1 = "/api/registeredmodels/v1"
MLFLOW = "/api/2.0/mlflow"


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's private project `churn`."""
    return await make(ada, "churn")


def at(name: str, rest: str = "") -> str:
    """The address of a model."""
    return f"{V1}/{quote(name, safe='')}{rest}"


async def put_model(
    person: Person, project: dict[str, Any], name: str, *, discoverable: bool = False, **tags: str
) -> RegisteredModel:
    """A model without versions."""
    caller = Caller(person.id, person.name, is_admin=False)
    db: Database = person.modelyard.db
    found = await project_by_id(db, caller, project["id"])
    async with db.transaction() as tx:
        return await service.create(tx, caller, found, name, discoverable=discoverable, tags=tags)


async def put_version(db: Database, model: RegisteredModel, **metrics: float) -> int:
    """A version that no run has made; its number."""
    async with db.transaction() as tx:
        number = await versions.next_version(tx, model.id)
        assert number is not None
        new = versions.NewVersion(
            model_id=model.id,
            version=number,
            description="",
            owner_id=model.owner_id,
            run_id=None,
            source=f"runs:/0/{number}",
            storage_location=f"mlflow-artifacts:/0/{number}",
            logged_model_id=None,
            run_link="",
            tags={},
            metrics=[VersionMetric(key, value, 1_700_000_000_000) for key, value in metrics.items()],
            params=[VersionParam("depth", "3")],
        )
        await versions.add_version(tx, new)
    return number


async def give_role(owner: Person, project: dict[str, Any], person: Person, role: str) -> None:
    """Gives somebody a role in a project."""
    body = {"id": person.id, "role": role}
    await owner.post(f"/api/projects/v1/projects/{project['id']}/collaborators", body)
