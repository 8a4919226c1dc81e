"""Accounts, keys and who may see what of them."""

from tests.client import Modelyard, Person
from tests.conftest import Cost


async def test_self_tells_who_is_asking(ada: Person) -> None:
    reply = await ada.get("/api/users/v1/self")
    assert reply["user"]["userName"] == "ada"
    assert reply["user"]["email"] == "ada@example.org"
    assert reply["user"]["roles"] == ["Practitioner"]


async def test_a_bearer_token_is_as_good_as_the_key_header(ada: Person, modelyard: Modelyard) -> None:
    response = await modelyard.stranger().request(
        "GET", "/api/users/v1/self", headers={"Authorization": f"Bearer {ada.key}"}
    )
    assert response.json()["user"]["id"] == ada.id


async def test_missing_and_wrong_credentials_are_refused_with_a_sentence(modelyard: Modelyard) -> None:
    reply = await modelyard.stranger().get("/api/users/v1/self", expect=401)
    assert "X-Domino-Api-Key" in reply["errors"][0]
    wrong = Person(modelyard, "", "", "mdy_wrong")
    assert "not valid" in (await wrong.get("/api/users/v1/self", expect=401))["message"]


async def test_people_are_listed_by_name_without_private_fields(ada: Person, bob: Person) -> None:
    reply = await ada.get("/api/users/v1/users", limit=1, offset=1)
    assert [user["userName"] for user in reply["users"]] == ["bob"]
    assert "email" not in reply["users"][0]
    assert reply["metadata"]["totalCount"] == 2
    assert (reply["metadata"]["offset"], reply["metadata"]["limit"]) == (1, 1)


async def test_a_negative_limit_is_refused(ada: Person) -> None:
    reply = await ada.get("/api/users/v1/users", limit=-1, expect=400)
    assert "limit" in reply["message"]


async def test_git_credentials_are_for_oneself_and_administrators(ada: Person, bob: Person, admin: Person) -> None:
    path = f"/api/users/beta/credentials/{ada.id}"
    assert (await ada.get(path))["credentials"] == []
    assert (await admin.get(path))["credentials"] == []
    await bob.get(path, expect=403)
    await bob.get("/api/users/beta/credentials/000000000000000000000000", expect=404)


async def test_an_administrator_adds_an_account_and_its_key_works(admin: Person, modelyard: Modelyard) -> None:
    created = await admin.post("/v4/users", {"userName": "grace", "email": "grace@example.org"})
    grace = Person(modelyard, created["user"]["id"], "grace", created["apiKey"])
    assert (await grace.get("/api/users/v1/self"))["user"]["userName"] == "grace"


async def test_a_taken_name_and_a_missing_right_are_refused(admin: Person, ada: Person) -> None:
    assert "taken" in (await admin.post("/v4/users", {"userName": "ADA"}, expect=400))["message"]
    assert "ManageUsers" in (await ada.post("/v4/users", {"userName": "eve"}, expect=403))["message"]


async def test_a_revoked_key_ends_at_once(ada: Person, modelyard: Modelyard) -> None:
    made = await ada.post(f"/v4/users/{ada.id}/apiKeys", {"label": "laptop"})
    second = Person(modelyard, ada.id, "ada", made["apiKey"])
    await second.get("/api/users/v1/self")
    await ada.delete(f"/v4/users/{ada.id}/apiKeys/{made['id']}", expect=204)
    await second.get("/api/users/v1/self", expect=401)


async def test_keys_are_stored_hashed_and_show_their_last_use(ada: Person, modelyard: Modelyard) -> None:
    await ada.get("/api/users/v1/self")
    listed = await ada.get(f"/v4/users/{ada.id}/apiKeys")
    assert listed[0]["lastUsedAt"] > 0
    stored = await modelyard.db.value("SELECT string_agg(encode(digest, 'escape'), '') FROM api_keys")
    assert ada.key not in stored


async def test_lists_cost_one_or_two_queries_beside_authentication(ada: Person, bob: Person, cost: Cost) -> None:
    for person in (ada, bob):
        await person.get("/api/users/v1/self")
        assert await cost(person.get("/api/users/v1/users")) == 3
        assert await cost(person.get("/v4/users")) == 2
