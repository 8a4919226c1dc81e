"""Copies: what comes along, what does not, and that they are whole or not there."""

import asyncio
from typing import Any

import pytest

from modelyard.domains.projects import settle_copies
from modelyard.domains.projects.copying import service
from modelyard.domains.projects.copying.throttle import Throttle
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.errors import TooManyRequests
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.organizations.test_organizations import found
from tests.domains.projects.conftest import let, make, newest, paths, upload

V1 = "/api/projects/v1/projects"


async def copy(person: Person, project: dict[str, Any], expect: int = 200, **wanted: Any) -> Any:
    """Copies a project."""
    body = {"copyDatasets": False} | wanted
    return await person.post(f"{V1}/{project['id']}/copy-project", body, expect=expect)


async def test_files_come_with_their_history(ada: Person, project: dict[str, Any]) -> None:
    first = (await upload(ada, "ada/churn", "train.py", b"one"))["commitId"]
    await upload(ada, "ada/churn", "train.py", b"two")
    copied = (await copy(ada, project, name="again"))["project"]
    assert await ada.get("/v1/projects/ada/again/commits") == await ada.get("/v1/projects/ada/churn/commits")
    old = await ada.get(f"{V1}/{copied['id']}/files/{first}/train.py/content")
    assert old == b"one"
    await upload(ada, "ada/again", "new.py", b"x")
    assert "new.py" not in await paths(ada, "ada/churn", await newest(ada, "ada/churn"))


async def test_settings_goals_and_tags_come_along_and_people_do_not(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await let(ada, project, bob, "contributor")
    await ada.post(f"{V1}/{project['id']}/goals", {"title": "ship", "description": "soon"})
    done = (await ada.post(f"{V1}/{project['id']}/goals", {"title": "plan"}))["goal"]["id"]
    await ada.patch(f"{V1}/{project['id']}/goals/{done}", {"isComplete": True})
    await ada.post(f"/v4/projects/{project['id']}/tags", {"tagNames": ["nlp"]})
    await ada.put(f"/api/projects/beta/projects/{project['id']}/results-settings", {"branch": "isolated"})
    reply = await copy(bob, project, billingTag={"tag": "research"}, visibility="Public")
    copied = reply["project"]
    assert (copied["name"], copied["ownerUsername"], copied["visibility"]) == ("churn", "bob", "Public")
    assert (copied["collaborators"], copied["billingTag"]) == ([], {"tag": "research"})
    assert copied["description"] == project["description"]
    assert reply["datasetsNotCopied"] == []
    goals = (await bob.get(f"{V1}/{copied['id']}/goals"))["goals"]
    assert [(goal["title"], goal["isComplete"]) for goal in goals] == [("ship", False), ("plan", True)]
    assert [tag["name"] for tag in (await bob.get(f"/v4/projects/{copied['id']}"))["tags"]] == ["nlp"]
    settings = await bob.get(f"/api/projects/beta/projects/{copied['id']}/results-settings")
    assert settings["resultsSettings"] == {"branch": "isolated"}


async def test_a_name_is_derived_where_none_is_given(ada: Person, project: dict[str, Any]) -> None:
    names = [(await copy(ada, project))["project"]["name"] for _ in range(3)]
    assert names == ["churn-copy", "churn-copy-2", "churn-copy-3"]
    assert "already has" in (await copy(ada, project, name="Churn", expect=400))["message"]
    assert "name" in (await copy(ada, project, name="two words", expect=400))["message"]


async def test_the_owner_may_be_an_organization_of_the_caller(
    ada: Person, bob: Person, admin: Person, project: dict[str, Any]
) -> None:
    lab = await found(ada, "lab")
    assert (await copy(ada, project, ownerId=lab["id"]))["project"]["ownerUsername"] == "lab"
    await let(ada, project, bob, "contributor")
    await copy(bob, project, ownerId=lab["id"], name="x", expect=403)
    await copy(bob, project, ownerId=ada.id, name="x", expect=403)
    assert (await copy(admin, project, ownerId=bob.id))["project"]["ownerUsername"] == "bob"


async def test_a_restricted_project_stays_restricted(ada: Person, admin: Person) -> None:
    secret = await make(admin, "secret", isRestricted=True)
    await let(admin, secret, ada, "contributor")
    assert (await copy(ada, secret))["project"]["isRestricted"] is True


async def test_defaults_for_jobs_come_along_where_the_copier_may_use_them(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await let(ada, project, bob, "contributor")
    body = {"name": "mine", "visibility": "private", "image": "python"}
    mine = (await ada.post("/api/environments/beta/environments", body))["environment"]["id"]
    settings = f"/v4/projects/{project['id']}/settings"
    await ada.put(settings, {"defaultEnvironmentId": mine, "defaultHardwareTierId": "small"})
    hers = await copy(ada, project)
    assert await ada.get(f"/v4/projects/{hers['project']['id']}/settings") == await ada.get(settings)
    assert hers["metadata"]["notices"] == []
    his = await copy(bob, project)
    assert await bob.get(f"/v4/projects/{his['project']['id']}/settings") == {"defaultHardwareTierId": "small"}
    assert "default environment" in his["metadata"]["notices"][0]


async def test_a_fork_is_a_copy_for_its_caller(ada: Person, bob: Person) -> None:
    project = await make(ada, "open", "Public")
    forked = await bob.post(f"/v4/projects/{project['id']}/fork", {"name": "mine"})
    assert (forked["name"], forked["ownerUsername"]) == ("mine", "bob")
    assert await bob.get("/v1/projects/bob/mine/commits") == await bob.get("/v1/projects/ada/open/commits")
    await bob.post(f"/v4/projects/{project['id']}/fork", {"name": "mine"}, expect=400)


async def test_who_may_not_read_may_not_copy(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    await copy(bob, project, expect=404)
    await let(ada, project, bob, "launcherUser")
    assert "ViewFiles" in (await copy(bob, project, expect=403))["message"]
    await copy(ada, project, copyDatasets=None, expect=400)


async def test_both_projects_have_an_event_of_it(
    ada: Person, bob: Person, project: dict[str, Any], modelyard: Modelyard
) -> None:
    await let(ada, project, bob, "contributor")
    copied = (await copy(bob, project))["project"]["id"]
    rows = await modelyard.db.rows(
        dict, "SELECT action, project_id, details FROM events WHERE details ?| array['copyId', 'copiedFrom']"
    )
    events = {(row["action"], row["project_id"]): row["details"] for row in rows}
    assert events["project.copied", project["id"]]["copyId"] == copied
    assert events["project.created", copied]["copiedFrom"] == project["id"]


def _left(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.home_path / "repos").iterdir())


async def test_a_copy_that_fails_in_its_transaction_leaves_nothing(
    ada: Person, project: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest(ada, "ada/churn")
    before = _left(settings)

    async def break_down(*_: Any) -> list[str]:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(service, "_followers", [break_down])
    await copy(ada, project, name="again", expect=500)
    assert _left(settings) == before
    assert [one["name"] for one in await ada.get("/v4/gateway/projects")] == ["churn", "quick-start"]


async def test_a_full_disk_leaves_nothing(
    ada: Person, project: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest(ada, "ada/churn")
    before = _left(settings)

    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalGitStore, "copy", full)
    reply = await copy(ada, project, name="again", expect=503)
    assert "disk is full" in reply["message"]
    assert _left(settings) == before


async def test_what_a_crash_left_is_settled_at_the_next_start(
    ada: Person, project: dict[str, Any], modelyard: Modelyard, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One copy that was committed but not claimed, and one that never came so far."""
    git = LocalGitStore(settings.home_path / "repos")
    monkeypatch.setattr(LocalGitStore, "claim", lambda *_: None)
    committed = (await copy(ada, project, name="committed"))["project"]["id"]
    monkeypatch.undo()
    lost = "f" * 24
    await asyncio.to_thread(git.copy, project["id"], lost)
    monkeypatch.setattr(service, "ABANDONED_SECONDS", 3600)
    await settle_copies(modelyard.db, git)
    assert sorted(git.unclaimed(0)) == sorted([committed, lost])
    monkeypatch.setattr(service, "ABANDONED_SECONDS", -1)
    await settle_copies(modelyard.db, git)
    assert git.unclaimed(-1) == []
    assert git.exists(committed)
    assert not git.exists(lost)


async def test_a_person_has_two_copies_made_at_a_time_at_most() -> None:
    throttle = Throttle(2)
    with throttle.of("ada"), throttle.of("ada"), throttle.of("bob"), pytest.raises(TooManyRequests):
        throttle.of("ada").__enter__()
    with throttle.of("ada"):
        pass


async def test_many_copies_at_once_get_a_name_each_or_a_refusal(ada: Person, project: dict[str, Any]) -> None:
    path = f"{V1}/{project['id']}/copy-project"
    replies = await asyncio.gather(*(ada.request("POST", path, json={"copyDatasets": True}) for _ in range(6)))
    made = [reply.json()["project"]["name"] for reply in replies if reply.status_code == 200]
    assert made
    assert len(set(made)) == len(made)
    assert {reply.status_code for reply in replies} <= {200, 400, 429}
