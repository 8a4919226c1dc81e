"""Collaborators of a model API: people and organizations, by id or name."""

from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.model_apis.conftest import MODEL_APIS, at, make_model_api
from tests.domains.organizations.test_organizations import found, join


@pytest.fixture
async def adder(ada: Person, project: dict[str, Any]) -> dict[str, Any]:
    """Ada's model API."""
    return await make_model_api(ada, project)


async def let_in(
    owner: Person, model_api: dict[str, Any], reference: str, role: str, expect: int = 201
) -> dict[str, Any]:
    """Gives an account a role; the reply."""
    body = {"collaborator": reference, "role": role}
    reply: dict[str, Any] = await owner.post(at(model_api, "/collaborators"), body, expect=expect)
    return reply


async def test_an_account_is_named_by_id_or_name_and_shown_by_id(
    ada: Person, bob: Person, modelyard: Modelyard, adder: dict[str, Any]
) -> None:
    eve = await modelyard.person("eve")
    assert await let_in(ada, adder, "BOB", "viewer") == {"collaborator": bob.id, "role": "Viewer"}
    assert await let_in(ada, adder, eve.id, "EDITOR") == {"collaborator": eve.id, "role": "Editor"}
    listed = {one["collaborator"]: one["role"] for one in await ada.get(at(adder, "/collaborators"))}
    assert listed == {ada.id: "Owner", bob.id: "Viewer", eve.id: "Editor"}
    for reference in ("bob", bob.id):
        one = await ada.get(at(adder, f"/collaborators/{reference}"))
        assert one == {"collaborator": bob.id, "role": "Viewer"}
    assert (await bob.get(MODEL_APIS))["items"][0]["id"] == adder["id"]


@pytest.mark.parametrize(
    ("reference", "role", "says"),
    [("nobody", "Viewer", "nobody"), ("bob", "King", "role"), ("ada", "Editor", "PUT")],
)
async def test_who_cannot_be_added_is_refused(
    ada: Person, bob: Person, adder: dict[str, Any], reference: str, role: str, says: str
) -> None:
    refused = await let_in(ada, adder, reference, role, expect=400)
    assert says in refused["message"]
    assert len(await ada.get(at(adder, "/collaborators"))) == 1


async def test_a_role_is_changed_where_path_and_body_agree(
    ada: Person, bob: Person, adder: dict[str, Any]
) -> None:
    await let_in(ada, adder, "bob", "Viewer")
    place = at(adder, "/collaborators/bob")
    assert (await ada.put(place, {"collaborator": bob.id, "role": "editor"}))["role"] == "Editor"
    await bob.post(at(adder, "/accessTokens"), {}, expect=201)
    refused = await ada.put(place, {"collaborator": "ada", "role": "Viewer"}, expect=400)
    assert "the same account" in refused["message"]
    await ada.put(place, {"collaborator": "nobody", "role": "Viewer"}, expect=400)
    await ada.put(place, {"collaborator": "bob", "role": "King"}, expect=400)
    await ada.put(at(adder, "/collaborators/nobody"), {"collaborator": "nobody", "role": "Viewer"}, expect=404)
    assert (await ada.get(place))["role"] == "Editor"


async def test_who_is_removed_sees_nothing_any_more(ada: Person, bob: Person, adder: dict[str, Any]) -> None:
    await let_in(ada, adder, "bob", "Viewer")
    await ada.delete(at(adder, "/collaborators/bob"), expect=204)
    await bob.get(at(adder), expect=404)
    for reference in ("bob", "nobody"):
        await ada.delete(at(adder, f"/collaborators/{reference}"), expect=404)
        await ada.get(at(adder, f"/collaborators/{reference}"), expect=404)


async def test_everybody_may_leave_and_nobody_else_be_sent_away(
    ada: Person, bob: Person, modelyard: Modelyard, adder: dict[str, Any]
) -> None:
    await modelyard.person("eve")
    await let_in(ada, adder, "bob", "Viewer")
    await let_in(ada, adder, "eve", "Viewer")
    await bob.delete(at(adder, "/collaborators/eve"), expect=403)
    await bob.delete(at(adder, "/collaborators/nobody"), expect=403)
    await bob.delete(at(adder, "/collaborators/bob"), expect=204)
    await bob.get(at(adder), expect=404)


async def test_the_last_person_who_owns_it_stays(ada: Person, bob: Person, adder: dict[str, Any]) -> None:
    await found(bob, "lab")
    await let_in(ada, adder, "lab", "Owner")
    place, body = at(adder, "/collaborators/ada"), {"collaborator": "ada", "role": "Viewer"}
    assert "last person" in (await ada.delete(place, expect=400))["message"]
    assert "last person" in (await ada.put(place, body, expect=400))["message"]
    await let_in(ada, adder, "bob", "Owner")
    await ada.put(place, body)
    assert "last person" in (await bob.delete(at(adder, "/collaborators/bob"), expect=400))["message"]


async def test_what_an_organization_is_its_members_are(
    ada: Person, bob: Person, modelyard: Modelyard, admin: Person, adder: dict[str, Any]
) -> None:
    lab = await found(bob, "lab")
    await let_in(ada, adder, "LAB", "Viewer")
    eve = await modelyard.person("eve")
    await eve.get(at(adder), expect=404)
    await join(admin, lab, eve)
    await eve.get(at(adder))
    await eve.post(at(adder, "/accessTokens"), {}, expect=403)
    await ada.put(at(adder, "/collaborators/lab"), {"collaborator": lab["id"], "role": "Owner"})
    await eve.post(at(adder, "/accessTokens"), {}, expect=201)
    # A role through an organization is no collaboration of one's own to be given up.
    await eve.delete(at(adder, "/collaborators/eve"), expect=404)
    await bob.delete(at(adder, "/collaborators/lab"), expect=204)
    await eve.get(at(adder), expect=404)


async def test_changes_are_events_with_what_was_before(
    ada: Person, bob: Person, adder: dict[str, Any], modelyard: Modelyard
) -> None:
    await let_in(ada, adder, "bob", "Viewer")
    await ada.put(at(adder, "/collaborators/bob"), {"collaborator": "bob", "role": "Editor"})
    await ada.delete(at(adder, "/collaborators/bob"), expect=204)
    details = await modelyard.db.values(
        "SELECT jsonb_build_array(action, details->>'accountId', details->>'role', details->'before'->>'role')"
        " FROM events WHERE action LIKE 'modelApi.collaborator%' ORDER BY id"
    )
    assert details == [
        ["modelApi.collaboratorAdded", bob.id, "Viewer", None],
        ["modelApi.collaboratorChanged", bob.id, "Editor", "Viewer"],
        ["modelApi.collaboratorRemoved", bob.id, None, "Editor"],
    ]
