"""Reviews: who is asked, what answers lead to, and who is told."""

import asyncio
from typing import Any

import pytest

from modelyard.kit.db import Database
from tests.client import Modelyard, Person
from tests.conftest import Cost
from tests.domains.organizations.test_organizations import found
from tests.domains.projects.conftest import let, make
from tests.domains.registered_models.conftest import at
from tests.domains.registered_models.reviewing import (
    AVersion,
    actions,
    answers,
    named,
    put_aversion,
    team,
    told,
)

NOBODY = "0" * 24


@pytest.fixture
async def version(ada: Person, project: dict[str, Any]) -> AVersion:
    """Version 1 of the model `team/churn` in Ada's project."""
    return await put_aversion(ada, project)


@pytest.fixture
async def people(ada: Person, project: dict[str, Any]) -> dict[str, Person]:
    """Grace and Hal work in the project, Ivy and Joe read its results."""
    return await team(
        ada, project, grace="contributor", hal="contributor", ivy="resultsConsumer", joe="resultsConsumer"
    )


@pytest.fixture
def grace(people: dict[str, Person]) -> Person:
    return people["grace"]


@pytest.fixture
def ivy(people: dict[str, Person]) -> Person:
    return people["ivy"]


@pytest.fixture
def joe(people: dict[str, Person]) -> Person:
    return people["joe"]


async def test_a_review_is_open_until_all_have_approved_and_then_the_version_moves(
    ada: Person, grace: Person, ivy: Person, joe: Person, version: AVersion
) -> None:
    review = await version.asks(grace, joe, ivy, stage="production", notes="Please look.")
    assert await version.review(ada) == {
        "modelReviewId": review.rpartition("/")[2],
        "notes": "Please look.",
        "status": "Open",
        "targetStage": "Production",
        "reviewerResponses": [
            {"reviewer": {"id": one.id, "username": one.name, "firstName": "", "lastName": ""}}
            for one in (joe, ivy)
        ],
    }
    assert await answers(ivy, review, "RequestChanges", "Not yet.") == "Open"
    assert await answers(joe, review) == "Open"
    summary = await version.review(ivy)
    assert [(one["decision"], one["notes"]) for one in summary["reviewerResponses"]] == [
        ("Approved", ""), ("RequestChanges", "Not yet."),
    ]  # fmt: skip
    assert await version.stage(ada) == "None"
    assert await answers(ivy, review, notes="Now.") == "Approved"
    summary = await version.review(ada)
    assert (summary["status"], summary["reviewerResponses"][1]["notes"]) == ("Approved", "Now.")
    assert await version.stage(ada) == "Production"


async def test_every_step_is_recorded(
    ada: Person, admin: Person, grace: Person, ivy: Person, joe: Person, version: AVersion
) -> None:
    review = await version.asks(grace, ivy, notes="First.")
    await ada.patch(review, {"reviewers": named(ivy, joe), "notes": "Second."}, expect=204)
    await answers(ivy, review)
    await answers(joe, review)
    review_id = review.rpartition("/")[2]
    assert await actions(admin, review_id) == [
        "modelReview.opened", "modelReview.changed", "modelReview.answered", "modelReview.answered",
        "modelReview.approved",
    ]  # fmt: skip
    assert (await actions(admin, version.model.id))[-1] == "modelVersion.stageChanged"
    trail = (await admin.get("/api/audittrail/v1/auditevents", targetId=review_id))["events"]
    assert {event["targets"][0]["entity"]["name"] for event in trail} == {"team/churn 1"}
    changed = next(event for event in trail if event["action"]["eventName"] == "modelReview.changed")
    changes = {one["fieldName"]: (one["before"], one["after"]) for one in changed["targets"][0]["fieldChanges"]}
    assert changes["notes"] == ("First.", "Second.")
    assert joe.id not in changes["reviewers"][0]
    assert joe.id in changes["reviewers"][1]
    (moved,) = (await admin.get("/api/audittrail/v1/auditevents", event="modelVersion.stageChanged"))["events"]
    assert (moved["actor"]["name"], moved["metadata"]["reviewId"]) == ("joe", review_id)


async def test_reviewers_owner_and_creator_are_told(
    ada: Person, grace: Person, ivy: Person, joe: Person, people: dict[str, Person], version: AVersion
) -> None:
    hal = people["hal"]
    review = await version.asks(grace, ivy, joe, notes="Please look.")
    feed = (await ivy.get("/v4/notifications"))["notifications"]
    assert feed[0]["subject"] == "grace asks you to review team/churn version 1 for the stage Production"
    assert "Please look." in feed[0]["message"]
    assert (feed[0]["targetKind"], feed[0]["targetId"]) == ("modelReview", review.rpartition("/")[2])
    await ada.patch(review, {"reviewers": named(ivy, hal)}, expect=204)
    await grace.patch(review, {"notes": "Look again."}, expect=204)
    await answers(ivy, review, "RequestChanges", "No.")
    await answers(ivy, review)
    await answers(hal, review)
    assert await told(ivy) == ["modelReview.opened", "modelReview.changed", "modelReview.changed"]
    assert await told(hal) == ["modelReview.changed", "modelReview.changed"]
    assert await told(joe) == ["modelReview.opened", "modelReview.changed"]
    removed = (await joe.get("/v4/notifications"))["notifications"][0]
    assert removed["subject"].startswith("You are not asked any more")
    waited = ["modelReview.answered"] * 3 + ["modelReview.approved"]
    assert await told(ada) == await told(grace) == waited
    subjects = [one["subject"] for one in (await ada.get("/v4/notifications"))["notifications"]]
    assert subjects == [
        "team/churn version 1 is in the stage Production: all reviewers have approved",
        "hal approved team/churn version 1 for the stage Production",
        "ivy approved team/churn version 1 for the stage Production",
        "ivy requested changes to team/churn version 1 for the stage Production",
    ]


async def test_who_does_it_is_not_told(ada: Person, grace: Person, version: AVersion) -> None:
    review = await version.asks(grace, ada)
    await answers(ada, review)
    assert await told(ada) == ["modelReview.opened"]
    assert await told(grace) == ["modelReview.answered", "modelReview.approved"]


async def test_editors_open_reviews_and_others_do_not(
    ada: Person, bob: Person, admin: Person, grace: Person, ivy: Person, version: AVersion, modelyard: Modelyard
) -> None:
    assert "Edit" in (await version.asks(ivy, grace, expect=403))["message"]
    await version.asks(bob, grace, expect=404)
    await version.asks(modelyard.stranger(), grace, expect=401)
    for person in (grace, ada, admin):
        review = await version.asks(person, ivy)
        await person.patch(review, {"status": "CANCELED"}, expect=204)
    body = {"targetStage": "Staging", "reviewers": named(ivy)}
    await ada.post(at("team/churn", "/versions/2/reviews"), body, expect=404)
    await ada.post(at("nothing", "/versions/1/reviews"), body, expect=404)


async def test_a_review_leads_to_another_stage_that_there_is(ada: Person, ivy: Person, version: AVersion) -> None:
    assert "'Live'" in (await version.asks(ada, ivy, stage="Live", expect=400))["message"]
    await version.moves(ada, "Staging")
    assert "already" in (await version.asks(ada, ivy, stage="staging", expect=400))["message"]
    assert "begin" in (await version.asks(ada, ivy, stage="None", expect=400))["message"]
    assert "reviewSummary" not in await version.details(ada)


async def test_only_people_who_see_the_project_are_asked_and_nothing_else_is_said_of_others(
    ada: Person, bob: Person, admin: Person, ivy: Person, version: AVersion, project: dict[str, Any], db: Database
) -> None:
    lab = await found(ada, "lab")
    said = {
        one: (await version.asks(ada, ivy, one, expect=400))["message"].replace(one, "*")
        for one in (bob.id, NOBODY, lab["id"], "no\nid")
    }
    assert len(set(said.values())) == 1
    assert "bob" not in said[bob.id]
    assert ivy.id not in said[bob.id]
    assert "reviewSummary" not in await version.details(ada)
    await let(ada, project, bob, "projectImporter")
    await version.asks(ada, bob, expect=400)
    await ada.delete(f"/api/projects/v1/projects/{project['id']}/collaborators/{bob.id}")
    await ada.post(
        f"/api/projects/v1/projects/{project['id']}/collaborators", {"id": lab["id"], "role": "contributor"}
    )
    await version.asks(ada, bob, expect=400)
    body = {"userId": bob.id, "organizationRole": "member"}
    await ada.put(f"/api/organizations/v1/organizations/{lab['id']}/user", body)
    review = await version.asks(ada, bob, admin)
    await answers(bob, review)
    await answers(admin, review)
    await db.execute("UPDATE users SET deactivated_at = now() WHERE id = $1", ivy.id)
    await version.asks(ada, ivy, stage="Archived", expect=400)


async def test_everybody_can_be_asked_in_a_public_project(ada: Person, bob: Person) -> None:
    version = await put_aversion(ada, await make(ada, "open", "Public"), "open")
    await answers(bob, await version.asks(ada, bob))
    hidden = await put_aversion(ada, await make(ada, "searchable", "Searchable"), "searchable")
    await hidden.asks(ada, bob, expect=400)


async def test_reviewers_are_others_each_once_and_not_too_many(
    ada: Person, ivy: Person, version: AVersion
) -> None:
    for reviewers, word in (
        ((), "1 to 50"),
        ((ivy, ivy), "more than once"),
        ((ivy, ada), "cannot be one of its reviewers"),
        ((ada,), "cannot be one of its reviewers"),
        (tuple(f"{n:024x}" for n in range(51)), "1 to 50"),
    ):
        assert word in (await version.asks(ada, *reviewers, expect=400))["message"]
    for body in (
        {"reviewers": named(ivy)},
        {"targetStage": "Staging"},
        {"targetStage": "Staging", "reviewers": [1]},
    ):
        await ada.post(f"{version.path}/reviews", body, expect=400)


async def test_one_review_of_a_version_is_open_at_a_time(
    ada: Person, grace: Person, ivy: Person, version: AVersion
) -> None:
    review = await version.asks(ada, ivy)
    assert review.rpartition("/")[2] in (await version.asks(grace, ivy, stage="Staging", expect=400))["message"]
    await answers(ivy, review)
    second = await version.asks(grace, ivy, stage="Staging")
    assert second != review
    assert (await version.review(ada))["modelReviewId"] == second.rpartition("/")[2]


async def test_of_reviews_opened_at_the_same_moment_one_is(ada: Person, ivy: Person, version: AVersion) -> None:
    body = {"targetStage": "Production", "reviewers": named(ivy)}
    replies = await asyncio.gather(*(ada.request("POST", f"{version.path}/reviews", json=body) for _ in range(4)))
    assert sorted(one.status_code for one in replies) == [201, 400, 400, 400]
    assert await told(ivy) == ["modelReview.opened"]


async def test_only_reviewers_answer_while_the_review_is_open(
    ada: Person, bob: Person, admin: Person, grace: Person, ivy: Person, joe: Person, version: AVersion,
    modelyard: Modelyard,
) -> None:  # fmt: skip
    review = await version.asks(ada, ivy)
    for person in (ada, admin, grace, joe):
        assert "reviewers" in await answers(person, review, expect=403)
    await answers(bob, review, expect=404)
    await modelyard.stranger().post(f"{review}/responses", {"decision": "Approved"}, expect=401)
    await answers(ivy, review, "Perhaps", expect=400)
    await ivy.post(f"{review}/responses", {"notes": "x"}, expect=400)
    await answers(ivy, f"{version.path}/reviews/{NOBODY}", expect=404)
    await answers(ivy, review)
    assert "closed" in await answers(ivy, review, "RequestChanges", expect=400)
    assert await version.stage(ada) == "Production"


async def test_a_review_is_one_of_its_version_only(
    ada: Person, ivy: Person, project: dict[str, Any], version: AVersion
) -> None:
    review = await version.asks(ada, ivy)
    other = await put_aversion(ada, project, "other")
    elsewhere = review.replace(version.path, other.path)
    await answers(ivy, elsewhere, expect=404)
    await ada.patch(elsewhere, {"status": "CANCELED"}, expect=404)


async def test_two_last_answers_at_the_same_moment_move_the_version_once(
    ada: Person, admin: Person, people: dict[str, Person], project: dict[str, Any]
) -> None:
    for number in range(5):
        version = await put_aversion(ada, project, f"model {number}")
        reviewers = list(people.values())
        review = await version.asks(ada, *reviewers)
        statuses = await asyncio.gather(*(answers(one, review) for one in reviewers))
        assert sorted(statuses) == ["Approved", "Open", "Open", "Open"]
        assert await version.stage(ada) == "Production"
        recorded = await actions(admin, review.rpartition("/")[2])
        assert (recorded.count("modelReview.answered"), recorded.count("modelReview.approved")) == (4, 1)
        assert (await actions(admin, version.model.id)).count("modelVersion.stageChanged") == 1


async def test_an_answer_and_a_cancellation_at_the_same_moment_fit_together(
    ada: Person, ivy: Person, project: dict[str, Any]
) -> None:
    for number in range(5):
        version = await put_aversion(ada, project, f"model {number}")
        review = await version.asks(ada, ivy)
        answered, canceled = await asyncio.gather(
            ivy.request("POST", f"{review}/responses", json={"decision": "Approved"}),
            ada.request("PATCH", review, json={"status": "CANCELED"}),
        )
        outcome = (answered.status_code, canceled.status_code)
        status, stage = (await version.review(ada))["status"], await version.stage(ada)
        assert (outcome, status, stage) in [
            ((201, 400), "Approved", "Production"), ((400, 204), "Canceled", "None"),
        ]  # fmt: skip


async def test_answers_of_those_who_stay_are_kept(
    ada: Person, grace: Person, ivy: Person, joe: Person, version: AVersion
) -> None:
    review = await version.asks(ada, ivy, joe)
    await answers(ivy, review, "RequestChanges", "No.")
    await ada.patch(review, {"reviewers": named(grace, ivy)}, expect=204)
    responses = (await version.review(ada))["reviewerResponses"]
    assert [(one["reviewer"]["username"], one.get("decision"), one.get("notes")) for one in responses] == [
        ("grace", None, None), ("ivy", "RequestChanges", "No."),
    ]  # fmt: skip
    await answers(joe, review, expect=403)
    await ada.patch(review, {"reviewers": named(ivy, joe)}, expect=204)
    assert [one.get("decision") for one in (await version.review(ada))["reviewerResponses"]] == [
        "RequestChanges", None,
    ]  # fmt: skip


async def test_taking_out_the_last_who_has_not_approved_ends_the_review(
    ada: Person, ivy: Person, joe: Person, version: AVersion
) -> None:
    review = await version.asks(ada, ivy, joe)
    await answers(ivy, review)
    await ada.patch(review, {"reviewers": named(ivy)}, expect=204)
    assert (await version.review(ada))["status"] == "Approved"
    assert await version.stage(ada) == "Production"
    assert (await told(joe))[-1] == "modelReview.changed"
    await answers(joe, review, expect=403)


async def test_who_opened_it_and_who_is_in_charge_change_a_review_and_others_do_not(
    ada: Person, bob: Person, admin: Person, people: dict[str, Person], project: dict[str, Any],
    modelyard: Modelyard,
) -> None:  # fmt: skip
    grace, hal, ivy, joe = people.values()
    version = await put_aversion(hal, project)
    review = await version.asks(grace, ivy)
    for person in (grace, hal, ada, admin):
        await person.patch(review, {"notes": person.name}, expect=204)
        assert (await version.review(ada))["notes"] == person.name
    for person in (ivy, joe):
        assert "who opened" in (await person.patch(review, {"notes": "x"}, expect=403))["message"]
    await bob.patch(review, {"notes": "x"}, expect=404)
    await modelyard.stranger().patch(review, {"notes": "x"}, expect=401)


async def test_a_review_is_changed_or_canceled_and_not_both(
    ada: Person, ivy: Person, joe: Person, version: AVersion
) -> None:
    review = await version.asks(ada, ivy, notes="First.")
    for body in (
        {},
        {"status": None},
        {"status": "CANCELED", "reviewers": named(ivy)},
        {"status": "APPROVED"},
        {"reviewers": []},
        {"reviewers": named(ivy, ivy)},
        {"reviewers": named(ivy, ada)},
        {"reviewers": named(NOBODY)},
    ):
        await ada.patch(review, body, expect=400)
    summary = await version.review(ada)
    assert (summary["status"], summary["notes"], len(summary["reviewerResponses"])) == ("Open", "First.", 1)
    await ada.patch(review, {"reviewers": named(joe), "notes": "Second."}, expect=204)
    await ada.patch(review, {"status": "CANCELED", "notes": "Too early."}, expect=204)
    summary = await version.review(ada)
    assert (summary["status"], summary["notes"]) == ("Canceled", "Too early.")
    assert await version.stage(ada) == "None"
    for body in ({"status": "CANCELED"}, {"notes": "x"}, {"reviewers": named(ivy)}):
        assert "closed" in (await ada.patch(review, body, expect=400))["message"]
    assert "closed" in await answers(joe, review, expect=400)
    assert await told(joe) == ["modelReview.changed", "modelReview.canceled"]


async def test_the_owner_and_the_creator_are_told_of_a_cancellation(
    ada: Person, admin: Person, grace: Person, ivy: Person, version: AVersion
) -> None:
    await admin.patch(await version.asks(grace, ivy), {"status": "CANCELED"}, expect=204)
    assert await told(ada) == await told(grace) == ["modelReview.canceled"]
    assert await told(ivy) == ["modelReview.opened", "modelReview.canceled"]


async def test_reviews_are_reached_under_the_older_word_too(ada: Person, ivy: Person, version: AVersion) -> None:
    review = (await version.asks(ada, ivy)).replace("/v1/", "/beta/")
    await ada.patch(review, {"notes": "x"}, expect=204)
    assert await answers(ivy, review) == "Approved"


async def test_a_version_with_its_review_costs_as_much_as_without(
    ada: Person, ivy: Person, joe: Person, version: AVersion, cost: Cost
) -> None:
    await ada.get(version.path)
    without = await cost(ada.get(version.path))
    await version.asks(ada, ivy, joe)
    assert await cost(ada.get(version.path)) == without == 2
