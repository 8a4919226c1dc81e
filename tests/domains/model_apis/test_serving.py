"""Versions of files, really built, started, called, replaced and stopped."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.model_apis.conftest import make_model_api
from tests.domains.model_apis.serving import calls, first_version, replicas_of, waits_for

pytestmark = pytest.mark.usefixtures("runner")


async def test_a_function_is_served(ada: Person, project: dict[str, Any]) -> None:
    made = await make_model_api(ada, project)
    version = await first_version(ada, made)
    await waits_for(ada, version, "Running")
    assert await calls(ada, version, x=2, y=3) == {"sum": 5}
    assert len(await replicas_of(ada, version)) == 1
