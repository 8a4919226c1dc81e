"""Reading the trail, and a project with something in it."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.projects.conftest import make

EVENTS = "/api/audittrail/v1/auditevents"


@pytest.fixture
async def project(ada: Person) -> dict[str, Any]:
    """Ada's private project `churn`."""
    return await make(ada, "churn")


async def actions(person: Person, **params: Any) -> list[str]:
    """The names of the events that match."""
    return [event["action"]["eventName"] for event in (await person.get(EVENTS, **params))["events"]]


async def newest(person: Person, **params: Any) -> dict[str, Any]:
    """The newest event that matches."""
    event: dict[str, Any] = (await person.get(EVENTS, limit=1, **params))["events"][0]
    return event
