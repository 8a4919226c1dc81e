"""Grants: how roles are given and taken, and that somebody always owns a dataset."""

import asyncio
from typing import Any

import pytest

from modelyard.kit.db import Database
from tests.client import Person
from tests.conftest import Cost
from tests.domains.datasets.conftest import EDITOR, NOBODY, OWNER, READER, V1, grant
from tests.domains.organizations.test_organizations import found


async def take(
    person: Person, dataset: dict[str, Any], account_id: str, role: str, expect: int = 200
) -> dict[str, Any]:
    """Takes a role on a dataset away; the reply."""
    body = {"targetId": account_id, "targetRole": role}
    response = await person.request("DELETE", f"{V1}/{dataset['id']}/grants", json=body)
    assert response.status_code == expect, response.text
    reply: dict[str, Any] = response.json()
    return reply


def roles(reply: dict[str, Any]) -> dict[str, str]:
    return {one["targetId"]: one["targetRole"] for one in reply["grants"]}


async def test_each_change_answers_all_grants(ada: Person, bob: Person, dataset: dict[str, Any]) -> None:
    lab = await found(bob, "lab")
    assert roles(await grant(ada, dataset, lab["id"], EDITOR)) == {ada.id: OWNER, lab["id"]: EDITOR}
    everybody = {ada.id: OWNER, bob.id: READER, lab["id"]: EDITOR}
    assert roles(await grant(ada, dataset, bob.id, READER)) == everybody
    assert roles(await grant(ada, dataset, bob.id, READER)) == everybody
    assert roles(await take(ada, dataset, lab["id"], EDITOR)) == {ada.id: OWNER, bob.id: READER}


async def test_grants_are_read_with_names_by_whoever_sees_the_dataset(
    ada: Person, bob: Person, dataset: dict[str, Any]
) -> None:
    lab = await found(bob, "lab")
    await bob.get(f"{V1}/{dataset['id']}/grants", expect=404)
    await grant(ada, dataset, lab["id"], READER)
    assert (await bob.get(f"{V1}/{dataset['id']}/grants"))["grantDetails"] == [
        {"targetId": ada.id, "targetName": "ada", "targetRole": OWNER, "isOrganization": False},
        {"targetId": lab["id"], "targetName": "lab", "targetRole": READER, "isOrganization": True},
    ]


async def test_an_account_has_one_role_and_a_second_one_replaces_it(
    ada: Person, bob: Person, dataset: dict[str, Any], db: Database
) -> None:
    await grant(ada, dataset, bob.id, READER)
    assert roles(await grant(ada, dataset, bob.id, EDITOR)) == {ada.id: OWNER, bob.id: EDITOR}
    details = await db.values("SELECT details FROM events WHERE action = 'dataset.grantAdded' ORDER BY id")
    assert details == [
        {"accountId": bob.id, "role": READER, "before": {"role": None}},
        {"accountId": bob.id, "role": EDITOR, "before": {"role": READER}},
    ]


async def test_the_last_owner_stays(ada: Person, bob: Person, dataset: dict[str, Any]) -> None:
    assert "last owner" in (await grant(ada, dataset, ada.id, EDITOR, expect=400))["message"]
    assert "last owner" in (await take(ada, dataset, ada.id, OWNER, expect=400))["message"]
    await grant(ada, dataset, bob.id, OWNER)
    assert roles(await take(ada, dataset, ada.id, OWNER)) == {bob.id: OWNER}
    await ada.get(f"{V1}/{dataset['id']}", expect=404)
    assert "last owner" in (await grant(bob, dataset, bob.id, READER, expect=400))["message"]


async def test_two_owners_who_leave_at_the_same_time_do_not_both(
    ada: Person, bob: Person, dataset: dict[str, Any]
) -> None:
    await grant(ada, dataset, bob.id, OWNER)
    replies = await asyncio.gather(
        *(
            person.request(
                "DELETE", f"{V1}/{dataset['id']}/grants", json={"targetId": person.id, "targetRole": OWNER}
            )
            for person in (ada, bob)
        )
    )
    assert sorted(reply.status_code for reply in replies) == [200, 400]


async def test_an_organization_is_an_editor_or_a_reader_and_never_an_owner(
    ada: Person, bob: Person, dataset: dict[str, Any]
) -> None:
    lab = await found(bob, "lab")
    await grant(ada, dataset, lab["id"], EDITOR)
    assert "cannot own" in (await grant(ada, dataset, lab["id"], OWNER, expect=400))["message"]
    details = (await ada.get(f"{V1}/{dataset['id']}/grants"))["grantDetails"]
    assert {one["targetName"]: one["targetRole"] for one in details} == {"ada": OWNER, "lab": EDITOR}


async def test_a_role_is_taken_only_from_who_has_it(ada: Person, bob: Person, dataset: dict[str, Any]) -> None:
    await take(ada, dataset, bob.id, READER, expect=404)
    await grant(ada, dataset, bob.id, READER)
    assert EDITOR in (await take(ada, dataset, bob.id, EDITOR, expect=404))["message"]
    await take(ada, dataset, NOBODY, READER, expect=404)
    await take(ada, dataset, bob.id, READER)


@pytest.mark.parametrize("body", [{}, {"targetId": NOBODY}, {"targetId": NOBODY, "targetRole": "King"}, []])
async def test_grants_that_are_none_are_refused(ada: Person, dataset: dict[str, Any], body: Any) -> None:
    for method in ("POST", "DELETE"):
        response = await ada.request(method, f"{V1}/{dataset['id']}/grants", json=body)
        assert response.status_code == 400


async def test_roles_are_given_to_accounts_that_exist(ada: Person, dataset: dict[str, Any]) -> None:
    assert "no account" in (await grant(ada, dataset, NOBODY, READER, expect=400))["message"]


async def test_only_owners_give_and_take_roles(ada: Person, bob: Person, dataset: dict[str, Any]) -> None:
    await grant(bob, dataset, bob.id, OWNER, expect=404)
    await grant(ada, dataset, bob.id, EDITOR)
    complaint = (await grant(bob, dataset, bob.id, OWNER, expect=403))["message"]
    assert "EditSecurityDatasetRwV2" in complaint
    await take(bob, dataset, bob.id, EDITOR, expect=403)
    await grant(ada, dataset, bob.id, OWNER)
    await take(bob, dataset, ada.id, OWNER)


async def test_grants_cost_one_query_beside_the_dataset(ada: Person, dataset: dict[str, Any], cost: Cost) -> None:
    assert await cost(ada.get(f"{V1}/{dataset['id']}/grants")) == 3
