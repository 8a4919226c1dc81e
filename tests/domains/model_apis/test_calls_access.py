"""Who may call a model API, in all the forms in which credentials come."""

import base64
from typing import Any

import httpx
import pytest

from modelyard.domains.users import SESSION_COOKIE, issue_run_token, log_in
from tests.client import Person
from tests.domains.model_apis.served import TOKEN, Model, basic, failure, new_model
from tests.engines.serving.models import Yard

BODY = b'{"data": {"x": 1}}'
UNKNOWN = "0123456789abcdef01234567"


@pytest.fixture
async def model(ada: Person, yard: Yard, project: dict[str, Any]) -> Model:
    """A private model API of Ada's."""
    return await new_model(ada, yard, project, "def predict(x, y=1): return x + y")


async def _asks(model: Model, headers: dict[str, str], model_api_id: str | None = None) -> httpx.Response:
    address = f"/models/{model_api_id or model.id}/latest/model"
    return await model.modelyard.stranger().request("POST", address, content=BODY, headers=headers)


def _raw(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


RIGHT = {
    "user and password": basic(TOKEN),
    "user": basic(TOKEN, ""),
    "password": basic("", TOKEN),
    "password of somebody": basic("anything", TOKEN),
    "user with a password": basic(TOKEN, "x"),
    "user without a colon": _raw(TOKEN),
    "bearer": {"Authorization": f"Bearer {TOKEN}"},
    "bearer, spaced": {"Authorization": f"bearer  {TOKEN} "},
    "in the place of a key": {"X-Domino-Api-Key": TOKEN},
}
WRONG = {
    "nothing": {},
    "wrong token": basic("mdt_wrong"),
    "empty": basic(""),
    "wrong bearer": {"Authorization": "Bearer mdt_wrong"},
    "scheme alone": {"Authorization": "Bearer"},
    "no base64": {"Authorization": "Basic ???"},
    "no utf-8": {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()},
    "another scheme": {"Authorization": f"Digest {TOKEN}"},
    "no scheme": {"Authorization": TOKEN},
    "wrong key": {"X-Domino-Api-Key": "wrong"},
}


async def test_a_token_opens_its_model_in_every_form(model: Model) -> None:
    said = {form: (await _asks(model, headers)).status_code for form, headers in RIGHT.items()}
    assert said == dict.fromkeys(RIGHT, 200)


async def test_without_valid_credentials_nobody_learns_what_there_is(model: Model) -> None:
    for form, headers in WRONG.items():
        refusals = [await _asks(model, headers, model_api_id) for model_api_id in (model.id, UNKNOWN, "x")]
        assert len({failure(reply, 401) for reply in refusals}) == 1, form
        assert all(reply.headers["www-authenticate"].startswith("Basic ") for reply in refusals), form


async def test_a_token_opens_no_other_model(model: Model, yard: Yard) -> None:
    other = await new_model(model.owner, yard, model.project, name="other")
    await other.add_token("mdt_of-the-other")
    failure(await _asks(model, basic("mdt_of-the-other")), 401)
    failure(await _asks(model, basic(TOKEN), UNKNOWN), 401)


async def test_people_call_with_their_keys_when_they_may(model: Model, bob: Person) -> None:
    ada = model.owner
    for headers in ({"X-Domino-Api-Key": ada.key}, basic("ada", ada.key), {"Authorization": f"Bearer {ada.key}"}):
        assert (await _asks(model, headers)).status_code == 200
    hidden = failure(await _asks(model, {"X-Domino-Api-Key": bob.key}), 404)
    unknown = failure(await _asks(model, {"X-Domino-Api-Key": bob.key}, UNKNOWN), 404)
    assert hidden.replace(model.id, UNKNOWN) == unknown
    await model.modelyard.db.execute(
        "INSERT INTO model_api_collaborators (model_api_id, account_id, role) VALUES ($1, $2, 'Viewer')",
        model.id, bob.id,
    )  # fmt: skip
    assert (await _asks(model, {"X-Domino-Api-Key": bob.key})).status_code == 200


async def test_administrators_call_everything(model: Model, admin: Person) -> None:
    assert (await _asks(model, {"X-Domino-Api-Key": admin.key})).status_code == 200


async def test_runs_call_with_their_tokens_until_these_expire(model: Model) -> None:
    db = model.modelyard.db
    token = await issue_run_token(db, UNKNOWN, model.owner.id, 600)
    assert (await _asks(model, {"Authorization": f"Bearer {token}"})).status_code == 200
    await db.execute("UPDATE run_tokens SET expires_at = now()")
    failure(await _asks(model, {"Authorization": f"Bearer {token}"}), 401)


async def test_a_browsers_session_calls_nothing(model: Model) -> None:
    session = await log_in(model.modelyard.db, model.owner.key)
    failure(await _asks(model, {"Cookie": f"{SESSION_COOKIE}={session}"}), 401)


async def test_a_public_model_is_called_by_anybody(model: Model) -> None:
    await model.set(is_public=True)
    await model.says_at_last(200, token="mdt_wrong")
    for headers in ({}, {"X-Domino-Api-Key": "wrong"}, basic(TOKEN)):
        assert (await _asks(model, headers)).status_code == 200
    await model.set(is_public=False)
    await model.says_at_last(401, token="mdt_wrong")


async def test_a_token_that_was_taken_away_opens_nothing(model: Model) -> None:
    await model.answers()
    async with model.modelyard.db.transaction() as tx:
        await tx.execute("DELETE FROM model_api_access_tokens WHERE model_api_id = $1", model.id)
        await tx.execute("SELECT pg_notify('model_apis', $1)", model.id)
    await model.says_at_last(401)


async def test_a_key_that_was_revoked_calls_nothing_from_then_on(model: Model) -> None:
    ada = model.owner
    assert (await _asks(model, {"X-Domino-Api-Key": ada.key})).status_code == 200
    await model.modelyard.db.execute("UPDATE api_keys SET revoked_at = now() WHERE user_id = $1", ada.id)
    failure(await _asks(model, {"X-Domino-Api-Key": ada.key}), 401)
