"""Stages: which a project has, and who moves a version without a review."""

import asyncio
from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.projects.conftest import make
from tests.domains.projects.test_copies import copy
from tests.domains.registered_models.conftest import MLFLOW, at, put_version
from tests.domains.registered_models.reviewing import (
    STAGES,
    AVersion,
    actions,
    answers,
    put_aversion,
    team,
)

NOBODY = "0" * 24
DEFAULTS = ["None", "Staging", "Production", "Archived"]


@pytest.fixture
async def version(ada: Person, project: dict[str, Any]) -> AVersion:
    """Version 1 of the model `team/churn` in Ada's project."""
    return await put_aversion(ada, project)


def labels(reply: dict[str, Any]) -> list[str]:
    return [one["label"] for one in reply["items"]]


async def choose(person: Person, project: dict[str, Any], *stages: str, expect: int = 200) -> Any:
    """Chooses the stages of a project."""
    body = {"items": [{"label": stage} for stage in stages]}
    return await person.put(f"{STAGES}/{project['id']}", body, expect=expect)


async def test_the_default_stages_are_the_trackers_own(ada: Person, modelyard: Modelyard) -> None:
    for word in ("v1", "beta"):
        assert labels(await ada.get(f"/api/registeredmodelstages/{word}")) == DEFAULTS
    await modelyard.stranger().get("/api/registeredmodelstages/v1", expect=401)


async def test_a_project_chooses_its_own_stages_in_order(ada: Person, project: dict[str, Any]) -> None:
    path = f"{STAGES}/{project['id']}"
    assert labels(await ada.get(path)) == []
    assert labels(await ada.get(path, includeDefaults=False)) == []
    assert labels(await ada.get(path, includeDefaults=True)) == DEFAULTS
    assert labels(await choose(ada, project, " Candidate ", "Übergabe", "Live")) == [
        "Candidate",
        "Übergabe",
        "Live",
    ]
    assert labels(await choose(ada, project, "Live", "none", "Candidate")) == ["Live", "None", "Candidate"]
    for params in ({}, {"includeDefaults": True}):
        assert labels(await ada.get(path, **params)) == ["Live", "None", "Candidate"]
    assert labels(await ada.get(path.replace("v1", "beta"))) == ["Live", "None", "Candidate"]
    trail = await ada.get(
        "/api/audittrail/v1/auditevents", withinProjectId=project["id"], event="project.modelStagesSet"
    )
    (change,) = trail["events"][0]["targets"][0]["fieldChanges"]
    assert (change["before"], change["after"]) == (
        '["Candidate","Übergabe","Live"]', '["Live","None","Candidate"]',
    )  # fmt: skip


@pytest.mark.parametrize(
    "stages",
    [
        [],
        ["a", "A"],
        ["a", " a"],
        [""],
        ["  "],
        ["l" * 101],
        ["a\nb"],
        ["None", "NONE"],
        [str(n) for n in range(51)],
    ],
)
async def test_stages_that_cannot_be_are_refused(ada: Person, project: dict[str, Any], stages: list[str]) -> None:
    assert "items" in (await choose(ada, project, *stages, expect=400))["message"]
    assert labels(await ada.get(f"{STAGES}/{project['id']}")) == []


async def test_fifty_stages_can_be(ada: Person, project: dict[str, Any]) -> None:
    assert len(labels(await choose(ada, project, *(f"{n}" for n in range(50))))) == 50


async def test_contributors_choose_stages_and_readers_do_not(
    ada: Person, bob: Person, admin: Person, project: dict[str, Any], modelyard: Modelyard
) -> None:
    people = await team(ada, project, grace="contributor", reader="resultsConsumer", importer="projectImporter")
    path = f"{STAGES}/{project['id']}"
    for person in (admin, people["grace"]):
        await choose(person, project, "One")
    assert "Edit" in (await choose(people["reader"], project, "Two", expect=403))["message"]
    assert labels(await people["reader"].get(path)) == ["One"]
    await people["importer"].get(path, expect=403)
    await choose(bob, project, "Two", expect=404)
    await bob.get(path, expect=404)
    await ada.get(f"{STAGES}/{NOBODY}", expect=404)
    await modelyard.stranger().get(path, expect=401)
    await ada.put(path, {"items": [{"name": "x"}]}, expect=400)


async def test_a_copy_of_a_project_has_its_stages(ada: Person, project: dict[str, Any]) -> None:
    await choose(ada, project, "Candidate", "Live")
    copied = (await copy(ada, project))["project"]
    assert labels(await ada.get(f"{STAGES}/{copied['id']}")) == ["Candidate", "Live"]


async def test_stages_in_use_cannot_vanish(ada: Person, project: dict[str, Any], version: AVersion) -> None:
    grace = (await team(ada, project, grace="resultsConsumer"))["grace"]
    await version.moves(ada, "Staging")
    await version.asks(ada, grace, stage="Production")
    message = (await choose(ada, project, "Live", "Archived", "production", expect=400))["message"]
    assert "Production, Staging" in message
    assert labels(await ada.get(f"{STAGES}/{project['id']}")) == []
    await choose(ada, project, "Production", "Live", "Staging")
    assert labels(await ada.get(f"{version.path}/stages")) == ["Production", "Live"]


async def test_an_owner_moves_a_version_and_it_is_noted(ada: Person, admin: Person, version: AVersion) -> None:
    assert await version.stage(ada) == "None"
    before = await version.details(ada)
    moved = await version.moves(ada, "production")
    assert moved == await version.details(ada)
    assert moved["currentStage"] == "Production"
    assert moved["updatedAt"] > before["updatedAt"]
    trail = await admin.get("/api/audittrail/v1/auditevents", event="modelVersion.stageChanged")
    (event,) = trail["events"]
    assert event["targets"][0]["entity"]["name"] == "team/churn"
    (change,) = event["targets"][0]["fieldChanges"]
    assert (change["fieldName"], change["before"], change["after"]) == ("stage", "None", "Production")
    assert event["metadata"]["version"] == "1"


async def test_who_moves_a_version_without_a_review(
    ada: Person, bob: Person, admin: Person, project: dict[str, Any], modelyard: Modelyard
) -> None:
    people = await team(ada, project, grace="contributor", hal="contributor", reader="resultsConsumer")
    version = await put_aversion(people["grace"], project)
    for person, stage in ((people["grace"], "Staging"), (ada, "Production"), (admin, "Archived")):
        await version.moves(person, stage)
    assert "review" in (await version.moves(people["hal"], "Staging", expect=403))["message"]
    assert "Edit" in (await version.moves(people["reader"], "Staging", expect=403))["message"]
    await version.moves(bob, "Staging", expect=404)
    await version.moves(modelyard.stranger(), "Staging", expect=401)
    assert await version.stage(ada) == "Archived"
    await ada.patch(at("team/churn", "/versions/2"), {"currentStage": "Staging"}, expect=404)


async def test_a_version_is_moved_to_stages_of_its_project_only(
    ada: Person, project: dict[str, Any], version: AVersion
) -> None:
    message = (await version.moves(ada, "Live", expect=400))["message"]
    assert "'Live'" in message
    assert "Staging" in message
    await choose(ada, project, "Live")
    await version.moves(ada, "Staging", expect=400)
    await version.moves(ada, "LIVE")
    assert (await version.moves(ada, "None"))["currentStage"] == "None"
    assert (await version.moves(ada, "Live"))["currentStage"] == "Live"


async def test_a_version_that_is_there_already_stays_as_it_is(
    ada: Person, admin: Person, version: AVersion
) -> None:
    await version.moves(ada, "Staging")
    before = await version.details(ada), await actions(admin, version.model.id)
    # Nothing is changed, so nothing is recorded, which every change by `Person` is asked for.
    response = await ada.modelyard.http.patch(
        version.path, headers={"X-Domino-Api-Key": ada.key}, json={"currentStage": "staging"}
    )
    assert (response.status_code, response.json()) == (200, before[0])
    assert (await version.details(ada), await actions(admin, version.model.id)) == before
    assert before[1][-1] == "modelVersion.stageChanged"


async def test_a_version_is_not_moved_while_a_review_is_open(
    ada: Person, project: dict[str, Any], version: AVersion
) -> None:
    grace = (await team(ada, project, grace="resultsConsumer"))["grace"]
    review = await version.asks(ada, grace)
    message = (await version.moves(ada, "Staging", expect=400))["message"]
    assert review.rpartition("/")[2] in message
    assert "Production" in message
    assert await version.stage(ada) == "None"
    await answers(grace, review)
    await version.moves(ada, "Staging")


async def test_a_version_is_described_with_or_without_a_move(ada: Person, version: AVersion) -> None:
    changed = await ada.patch(version.path, {"description": "Good."})
    assert (changed["modelVersionDescription"], changed["currentStage"]) == ("Good.", "None")
    changed = await ada.patch(version.path, {"description": "Better.", "currentStage": "Staging"})
    assert (changed["modelVersionDescription"], changed["currentStage"]) == ("Better.", "Staging")
    await ada.patch(version.path, {"description": "Best.", "currentStage": "Nowhere"}, expect=400)
    assert (await version.details(ada))["modelVersionDescription"] == "Better."
    await ada.patch(version.path, {}, expect=400)
    await ada.patch(version.path, {"description": None, "currentStage": None}, expect=400)
    await ada.patch(version.path, {"description": "d" * 20_001}, expect=400)


async def test_stages_for_a_review_are_all_but_the_first_and_the_current_one(
    ada: Person, bob: Person, project: dict[str, Any], version: AVersion
) -> None:
    assert labels(await ada.get(f"{version.path}/stages")) == ["Staging", "Production", "Archived"]
    await version.moves(ada, "Production")
    assert labels(await ada.get(f"{version.path}/stages")) == ["Staging", "Archived"]
    await choose(ada, project, "Live", "Production", "None")
    assert labels(await ada.get(f"{version.path}/stages")) == ["Live"]
    await bob.get(f"{version.path}/stages", expect=404)
    await ada.get(at("team/churn", "/versions/7/stages"), expect=404)


async def test_a_transition_is_validated_with_all_reasons(
    ada: Person, bob: Person, project: dict[str, Any], version: AVersion
) -> None:
    grace = (await team(ada, project, grace="resultsConsumer"))["grace"]
    path = f"{version.path}/stages/validate"

    async def reasons(stage: str, person: Person = ada) -> list[str]:
        reply = await person.post(path, {"targetStage": stage})
        assert reply["isValid"] == (not reply["errors"])
        return list(reply["errors"])

    assert await reasons("staging", grace) == []
    assert ["already" in one for one in await reasons("None")] == [True]
    assert ["'Live'" in one for one in await reasons("Live")] == [True]
    await version.asks(ada, grace)
    assert ["is open" in one for one in await reasons("Staging")] == [True]
    assert ["is open" in one for one in await reasons("Live")] == [False, True]
    await ada.post(path, {}, expect=400)
    await bob.post(path, {"targetStage": "Staging"}, expect=404)


async def test_the_first_stage_and_discoverable_models_show_nothing_to_strangers(
    ada: Person, bob: Person, version: AVersion
) -> None:
    await ada.patch(at("team/churn"), {"discoverable": True})
    await bob.get(at("team/churn"))
    await bob.get(f"{version.path}/stages", expect=403)
    await bob.post(f"{version.path}/stages/validate", {"targetStage": "Staging"}, expect=403)
    await version.moves(bob, "Staging", expect=403)


async def test_moves_and_choices_of_stages_at_the_same_moment_fit_together(ada: Person) -> None:
    for number in range(6):
        project = await make(ada, f"project-{number}")
        version = await put_aversion(ada, project, f"model {number}")
        await choose(ada, project, "A", "B")
        await version.moves(ada, "A")
        replies = await asyncio.gather(
            ada.request("PATCH", version.path, json={"currentStage": "B"}),
            ada.request("PUT", f"{STAGES}/{project['id']}", json={"items": [{"label": "A"}]}),
        )
        assert sorted(one.status_code for one in replies) == [200, 400]
        assert await version.stage(ada) in labels(await ada.get(f"{STAGES}/{project['id']}"))


async def test_versions_of_one_model_are_in_stages_of_their_own(ada: Person, version: AVersion) -> None:
    second = AVersion(version.model, await put_version(ada.modelyard.db, version.model))
    await version.moves(ada, "Production")
    assert (await version.stage(ada), await second.stage(ada)) == ("Production", "None")


async def transition(person: Person, version: AVersion, stage: str, expect: int = 200, **more: Any) -> Any:
    """Moves a version as MLflow's clients do."""
    body = {"name": version.model.name, "version": str(version.number), "stage": stage} | more
    return await person.post(f"{MLFLOW}/model-versions/transition-stage", body, expect=expect)


async def test_mlflows_clients_move_versions_by_the_same_rule(
    ada: Person, bob: Person, project: dict[str, Any], version: AVersion
) -> None:
    people = await team(ada, project, grace="contributor", reader="resultsConsumer")
    moved = (await transition(ada, version, "production"))["model_version"]
    assert (moved["name"], moved["version"], moved["current_stage"]) == ("team/churn", "1", "Production")
    assert await version.stage(ada) == "Production"
    for person in people.values():
        refused = await transition(person, version, "Staging", expect=403)
        assert refused["error_code"] == "PERMISSION_DENIED"
    assert (await transition(bob, version, "Staging", expect=404))["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert "'Live'" in (await transition(ada, version, "Live", expect=400))["message"]
    await version.asks(ada, people["reader"], stage="Archived")
    assert "is open" in (await transition(ada, version, "Staging", expect=400))["message"]


async def test_mlflows_clients_archive_what_was_in_a_stage(
    ada: Person, project: dict[str, Any], version: AVersion
) -> None:
    grace = (await team(ada, project, grace="resultsConsumer"))["grace"]
    others = [AVersion(version.model, await put_version(ada.modelyard.db, version.model)) for _ in range(3)]
    for other in others[:2]:
        await transition(ada, other, "Production")
    await transition(ada, others[2], "Staging")
    await transition(ada, version, "Production", archive_existing_versions=True)
    assert [await one.stage(ada) for one in (version, *others)] == [
        "Production",
        "Archived",
        "Archived",
        "Staging",
    ]
    await transition(ada, others[0], "None", archive_existing_versions=True, expect=400)
    review = await version.asks(ada, grace, stage="Staging")
    message = (await transition(ada, others[0], "Production", archive_existing_versions=True, expect=400))[
        "message"
    ]
    assert review.rpartition("/")[2] in message
    assert await others[0].stage(ada) == "Archived"
    await ada.patch(review, {"status": "CANCELED"}, expect=204)
    await transition(ada, others[0], "Production", archive_existing_versions=True)
    assert [await one.stage(ada) for one in (version, others[0])] == ["Archived", "Production"]
