"""Environment variables of a model API: set, changed, removed, and never read."""

from typing import Any

import pytest

from modelyard.domains.model_apis.variables import service
from modelyard.kit.crypto import Vault
from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import at, make_model_api
from tests.domains.projects.conftest import let

SECRET = "the-secret-of-ada"


@pytest.fixture
async def adder(ada: Person, project: dict[str, Any]) -> dict[str, Any]:
    """Ada's model API, with a variable."""
    return await make_model_api(ada, project, environmentVariables=[{"key": "REGION", "value": "north"}])


async def stored(modelyard: Modelyard, model_api: dict[str, Any]) -> dict[str, str]:
    """What replicas will see."""
    vault = Vault.open(modelyard.settings.home_path / "secret.key")
    rows = await modelyard.db.rows(
        dict, "SELECT key, sealed_value FROM model_api_variables WHERE model_api_id = $1", model_api["id"]
    )
    return {row["key"]: vault.unseal(row["sealed_value"]) for row in rows}


async def test_values_are_sealed_and_masked(ada: Person, adder: dict[str, Any], modelyard: Modelyard) -> None:
    body = {"key": "PASSWORD", "value": SECRET}
    masked = await ada.post(at(adder, "/environmentVariables"), body, expect=201)
    assert masked == {"key": "PASSWORD", "value": service.MASK}
    listed = await ada.get(at(adder, "/environmentVariables"))
    assert listed == [{"key": key, "value": service.MASK} for key in ("PASSWORD", "REGION")]
    assert await ada.get(at(adder, "/environmentVariables/PASSWORD")) == masked
    assert await stored(modelyard, adder) == {"REGION": "north", "PASSWORD": SECRET}
    shown = await modelyard.db.values("SELECT id FROM events WHERE details::text LIKE '%' || $1 || '%'", SECRET)
    assert shown == []


async def test_a_value_is_replaced(ada: Person, adder: dict[str, Any], modelyard: Modelyard) -> None:
    place = at(adder, "/environmentVariables/REGION")
    assert await ada.put(place, {"key": "REGION", "value": "south"}) == {"key": "REGION", "value": service.MASK}
    assert await stored(modelyard, adder) == {"REGION": "south"}
    refused = await ada.put(place, {"key": "OTHER", "value": "x"}, expect=400)
    assert "the same" in refused["message"]
    refused = await ada.put(place, {"key": "REGION", "value": service.MASK}, expect=400)
    assert "not shown" in refused["message"]
    assert await stored(modelyard, adder) == {"REGION": "south"}


async def test_a_variable_is_removed(ada: Person, adder: dict[str, Any], modelyard: Modelyard) -> None:
    await ada.delete(at(adder, "/environmentVariables/REGION"), expect=204)
    assert await stored(modelyard, adder) == {}
    for name in ("REGION", "NO_SUCH", "a%2Fb"):
        place = at(adder, f"/environmentVariables/{name}")
        await ada.delete(place, expect=404)
        await ada.get(place, expect=404)
        await ada.put(place, {"key": name.replace("%2F", "/"), "value": "x"}, expect=404)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("REGION", "x", "PUT"),
        ("1ST", "x", "1ST"),
        ("LD_PRELOAD", "x", "platform's"),
        ("A", "x\0", "null character"),
        ("A", "x" * 100_001, "100,000"),
        ("A", service.MASK, "not shown"),
    ],
)
async def test_what_no_process_can_have_is_refused(
    ada: Person, adder: dict[str, Any], modelyard: Modelyard, key: str, value: str, says: str
) -> None:
    body = {"key": key, "value": value}
    refused = await ada.post(at(adder, "/environmentVariables"), body, expect=400)
    assert says in refused["message"]
    assert await stored(modelyard, adder) == {"REGION": "north"}


async def test_there_are_so_many_variables_and_no_more(
    ada: Person, adder: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 1)
    await ada.post(at(adder, "/environmentVariables"), {"key": "A", "value": "x"}, expect=400)


async def test_who_may_not_edit_does_not_even_read_names(
    ada: Person, bob: Person, project: dict[str, Any], adder: dict[str, Any]
) -> None:
    await bob.get(at(adder, "/environmentVariables"), expect=404)
    await let(ada, project, bob, "LauncherUser")
    await bob.get(at(adder, "/environmentVariables"), expect=403)
    await bob.delete(at(adder, "/environmentVariables/REGION"), expect=403)
