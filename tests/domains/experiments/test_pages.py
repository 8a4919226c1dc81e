"""The tracker's pages: behind a login, and what a browser holds opens nothing else."""

import pytest

from tests.client import Person

pytestmark = pytest.mark.usefixtures("tracking")

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def log_in(person: Person) -> str:
    """The cookie of a browser that has logged in."""
    nobody = person.modelyard.stranger()
    reply = await nobody.request("POST", "/mlflow/login", content=f"key={person.key}", headers=FORM)
    assert (reply.status_code, reply.headers["location"]) == (303, "/mlflow/")
    cookie = reply.headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "Path=/mlflow", "SameSite=lax")), cookie
    return str(cookie.split(";")[0])


async def test_a_browser_is_sent_to_the_login_and_in(ada: Person) -> None:
    nobody = ada.modelyard.stranger()
    reply = await nobody.request("GET", "/mlflow/")
    assert (reply.status_code, reply.headers["location"]) == (303, "/mlflow/login")
    assert "API key" in (await nobody.request("GET", "/mlflow/login")).text
    cookie = {"cookie": await log_in(ada)}
    page = await nobody.request("GET", "/mlflow/", headers=cookie)
    assert (page.status_code, "MLflow" in page.text) == (200, True)
    searched = await nobody.request("GET", "/mlflow/ajax-api/2.0/mlflow/experiments/search", headers=cookie)
    assert searched.json() == {"experiments": []}


async def test_a_wrong_key_is_not_let_in(ada: Person) -> None:
    nobody = ada.modelyard.stranger()
    for key in ("", "wrong", "mds_wrong"):
        reply = await nobody.request("POST", "/mlflow/login", content=f"key={key}", headers=FORM)
        assert (reply.status_code, "not valid" in reply.text) == (401, True)
        assert "set-cookie" not in reply.headers


async def test_a_session_ends_with_the_logout_and_with_its_key(ada: Person) -> None:
    nobody = ada.modelyard.stranger()
    search = "/mlflow/ajax-api/2.0/mlflow/experiments/search"
    first, second = {"cookie": await log_in(ada)}, {"cookie": await log_in(ada)}
    assert (await nobody.request("POST", "/mlflow/logout", headers=first)).status_code == 303
    assert (await nobody.request("GET", search, headers=first)).status_code == 401
    assert (await nobody.request("GET", search, headers=second)).status_code == 200
    keys = await ada.modelyard.db.values("SELECT id FROM api_keys WHERE user_id = $1", ada.id)
    await ada.delete(f"/v4/users/{ada.id}/apiKeys/{keys[0]}", expect=204)
    assert (await nobody.request("GET", search, headers=second)).status_code == 401


async def test_a_session_cannot_begin_another_one(ada: Person) -> None:
    nobody = ada.modelyard.stranger()
    token = (await log_in(ada)).partition("=")[2]
    reply = await nobody.request("POST", "/mlflow/login", content=f"key={token}", headers=FORM)
    assert reply.status_code == 401


async def test_basic_authentication_takes_the_key_as_password(ada: Person) -> None:
    http = ada.modelyard.http
    for name, password in (("ada", ada.key), ("anything", ada.key), (ada.key, "")):
        reply = await http.get("/api/2.0/mlflow/experiments/search", auth=(name, password))
        assert reply.status_code == 200
    assert (await http.get("/api/2.0/mlflow/experiments/search", auth=("ada", "wrong"))).status_code == 401
    assert (
        await http.get("/api/2.0/mlflow/experiments/search", headers={"authorization": "Basic %"})
    ).status_code == 401
