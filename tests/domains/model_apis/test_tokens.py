"""Access tokens of a model API: shown once, stored hashed, renewed and revoked."""

import asyncio
from typing import Any

import pytest

from modelyard.domains.model_apis.queries import CHANNEL
from modelyard.domains.model_apis.tokens import service
from modelyard.kit import crypto
from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import at, make_model_api
from tests.domains.projects.conftest import let

NOBODY = "0" * 24


@pytest.fixture
async def adder(ada: Person, project: dict[str, Any]) -> dict[str, Any]:
    """Ada's model API."""
    return await make_model_api(ada, project)


async def make_token(person: Person, model_api: dict[str, Any], **body: Any) -> dict[str, Any]:
    """A new token, with its secret."""
    made: dict[str, Any] = await person.post(at(model_api, "/accessTokens"), body, expect=201)
    return made


async def digests(db: Database, model_api: dict[str, Any]) -> list[bytes]:
    """What is stored of the secrets."""
    return await db.values("SELECT digest FROM model_api_access_tokens WHERE model_api_id = $1", model_api["id"])


async def test_a_secret_is_shown_once_and_stored_hashed(
    ada: Person, adder: dict[str, Any], modelyard: Modelyard
) -> None:
    made = await make_token(ada, adder, name=" ci ")
    secret = made.pop("token")
    assert secret.startswith("mdm_")
    assert (made["name"], made["createdBy"], made["lastGeneratedBy"]) == ("ci", ada.id, ada.id)
    assert await ada.get(at(adder, "/accessTokens")) == [made]
    assert await ada.get(at(adder, f"/accessTokens/{made['id']}")) == made
    assert (await ada.get(at(adder)))["access"]["accessTokens"] == [made]
    assert await digests(modelyard.db, adder) == [crypto.digest(secret)]
    assert (
        await modelyard.db.values("SELECT id FROM events WHERE details::text LIKE '%' || $1 || '%'", secret) == []
    )


async def test_a_token_needs_no_name(ada: Person, adder: dict[str, Any]) -> None:
    assert "name" not in await make_token(ada, adder)
    assert "name" not in await make_token(ada, adder, name=None)
    refused = await ada.post(at(adder, "/accessTokens"), {"name": "x" * 201}, expect=400)
    assert "200 characters" in refused["message"]


async def test_a_renewed_token_has_another_secret_and_the_same_id(
    ada: Person, bob: Person, project: dict[str, Any], adder: dict[str, Any], modelyard: Modelyard
) -> None:
    await let(ada, project, bob, "Contributor")
    made = await make_token(ada, adder, name="ci")
    renewed = await bob.put(at(adder, f"/accessTokens/{made['id']}"), {"name": "robots"})
    assert renewed["token"] != made["token"]
    assert (renewed["id"], renewed["name"]) == (made["id"], "robots")
    assert (renewed["createdBy"], renewed["lastGeneratedBy"]) == (ada.id, bob.id)
    assert renewed["lastGenerated"] >= renewed["created"] == made["created"]
    assert await digests(modelyard.db, adder) == [crypto.digest(renewed["token"])]
    assert (await ada.put(at(adder, f"/accessTokens/{made['id']}"), {}))["name"] == "robots"


async def test_a_revoked_token_is_gone(ada: Person, adder: dict[str, Any]) -> None:
    kept, lost = await make_token(ada, adder, name="kept"), await make_token(ada, adder, name="lost")
    await ada.delete(at(adder, f"/accessTokens/{lost['id']}"), expect=204)
    assert [one["id"] for one in await ada.get(at(adder, "/accessTokens"))] == [kept["id"]]
    await ada.get(at(adder, f"/accessTokens/{lost['id']}"), expect=404)
    await ada.put(at(adder, f"/accessTokens/{lost['id']}"), {}, expect=404)
    await ada.delete(at(adder, f"/accessTokens/{lost['id']}"), expect=404)


async def test_a_token_belongs_to_one_model_api(
    ada: Person, project: dict[str, Any], adder: dict[str, Any]
) -> None:
    token = await make_token(ada, adder)
    other = await make_model_api(ada, project, "other")
    place = at(other, f"/accessTokens/{token['id']}")
    await ada.get(place, expect=404)
    await ada.put(place, {}, expect=404)
    await ada.delete(place, expect=404)
    assert len(await ada.get(at(adder, "/accessTokens"))) == 1


async def test_there_are_so_many_tokens_and_no_more(
    ada: Person, adder: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 2)
    for _ in range(2):
        await make_token(ada, adder)
    refused = await ada.post(at(adder, "/accessTokens"), {}, expect=400)
    assert "revoke one" in refused["message"]


async def test_whoever_routes_calls_hears_of_every_change(
    ada: Person, adder: dict[str, Any], modelyard: Modelyard
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    def hear(*notice: Any) -> None:
        heard.put_nowait(notice[-1])

    async with modelyard.db.connection() as connection:
        await connection.add_listener(CHANNEL, hear)
        token = await make_token(ada, adder)
        await ada.put(at(adder, f"/accessTokens/{token['id']}"), {})
        await ada.delete(at(adder, f"/accessTokens/{token['id']}"), expect=204)
        async with asyncio.timeout(10):
            assert [await heard.get() for _ in range(3)] == [adder["id"]] * 3
        await connection.remove_listener(CHANNEL, hear)


async def test_a_secret_opens_the_model_api_until_it_is_renewed_or_revoked(
    ada: Person, adder: dict[str, Any], modelyard: Modelyard
) -> None:
    async def tried(secret: str) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        address = f"/models/{adder['id']}/latest/model"
        reply = await modelyard.stranger().request("POST", address, json={"data": {"x": 1}}, headers=headers)
        return reply.status_code

    token = await make_token(ada, adder)
    place = at(adder, f"/accessTokens/{token['id']}")
    # Nothing runs yet: who is let in is told so.
    assert await tried(token["token"]) == 503
    renewed = await ada.put(place, {})
    assert [await tried(token["token"]), await tried(renewed["token"])] == [401, 503]
    await ada.delete(place, expect=204)
    assert await tried(renewed["token"]) == 401


async def test_who_may_not_change_tokens_reads_them_at_most(
    ada: Person, bob: Person, project: dict[str, Any], adder: dict[str, Any]
) -> None:
    token = await make_token(ada, adder)
    await bob.get(at(adder, "/accessTokens"), expect=404)
    await let(ada, project, bob, "ResultsConsumer")
    assert len(await bob.get(at(adder, "/accessTokens"))) == 1
    await bob.post(at(adder, "/accessTokens"), {}, expect=403)
    await bob.put(at(adder, f"/accessTokens/{token['id']}"), {}, expect=403)
    await bob.delete(at(adder, f"/accessTokens/{token['id']}"), expect=403)
