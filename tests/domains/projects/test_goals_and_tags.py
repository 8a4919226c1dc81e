"""Goals of projects, and the words projects are found by."""

from typing import Any

from tests.client import Person
from tests.domains.projects.conftest import let, make

NOBODY = "0" * 24


def goals(project: dict[str, Any]) -> str:
    return f"/api/projects/v1/projects/{project['id']}/goals"


async def test_a_goal_is_added_reached_and_deleted(ada: Person, project: dict[str, Any]) -> None:
    body = {"title": "Beat the baseline", "description": "by 2 %", "assigneeId": ada.id}
    goal = (await ada.post(goals(project), body))["goal"]
    assert (goal["title"], goal["isComplete"], goal["creatorId"]) == ("Beat the baseline", False, ada.id)
    assert goal["projectId"] == project["id"]
    reached = (await ada.patch(f"{goals(project)}/{goal['id']}", {"isComplete": True}))["goal"]
    assert reached == goal | {"isComplete": True}
    assert (await ada.get(goals(project)))["goals"] == [reached]
    assert (await ada.delete(f"{goals(project)}/{goal['id']}"))["success"] is True
    assert (await ada.get(goals(project)))["goals"] == []


async def test_goals_that_make_no_sense_are_refused(ada: Person, project: dict[str, Any]) -> None:
    await ada.post(goals(project), {}, expect=400)
    await ada.post(goals(project), {"title": ""}, expect=400)
    await ada.post(goals(project), {"title": "t" * 1001}, expect=400)
    assert (
        "assigneeId"
        in (await ada.post(goals(project), {"title": "x", "assigneeId": NOBODY}, expect=400))["message"]
    )
    await ada.patch(f"{goals(project)}/{NOBODY}", {"isComplete": True}, expect=404)
    await ada.patch(f"{goals(project)}/{NOBODY}", {"isComplete": "perhaps"}, expect=400)
    await ada.delete(f"{goals(project)}/{NOBODY}", expect=404)


async def test_goals_are_changed_by_those_who_may_edit(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    goal = (await ada.post(goals(project), {"title": "x"}))["goal"]
    await bob.get(goals(project), expect=404)
    await let(ada, project, bob, "resultsConsumer")
    assert len((await bob.get(goals(project)))["goals"]) == 1
    assert "Edit" in (await bob.post(goals(project), {"title": "y"}, expect=403))["message"]
    await bob.patch(f"{goals(project)}/{goal['id']}", {"isComplete": True}, expect=403)
    await bob.delete(f"{goals(project)}/{goal['id']}", expect=403)


async def test_a_goal_of_another_project_is_not_found_here(ada: Person, project: dict[str, Any]) -> None:
    other = await make(ada, "other")
    goal = (await ada.post(goals(other), {"title": "x"}))["goal"]
    await ada.patch(f"{goals(project)}/{goal['id']}", {"isComplete": True}, expect=404)
    await ada.delete(f"{goals(project)}/{goal['id']}", expect=404)


async def test_tags_are_added_found_by_id_and_removed(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    path = f"/v4/projects/{project['id']}"
    added = await ada.post(f"{path}/tags", {"tagNames": ["risk", "Q3", "RISK"]})
    assert [tag["name"] for tag in added] == ["RISK", "Q3"]
    again = await ada.post(f"{path}/tags", {"tagNames": ["risk"]})
    assert again == added[:1]
    assert [tag["name"] for tag in (await ada.get(path))["tags"]] == ["Q3", "RISK"]
    details = await ada.get(f"/projectTags/{added[0]['id']}")
    assert (details["_id"], details["name"]) == (added[0]["id"], "RISK")
    assert details["lastAdded"] > 1_600_000_000_000
    await bob.get(f"/projectTags/{added[0]['id']}", expect=404)
    await ada.delete(f"{path}/tags/{added[0]['id']}")
    await ada.delete(f"{path}/tags/{added[0]['id']}", expect=404)
    await ada.get(f"/projectTags/{added[0]['id']}", expect=404)


async def test_tags_that_make_no_sense_are_refused(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    path = f"/v4/projects/{project['id']}/tags"
    for names in (["  "], [""], ["t" * 101], "word", None):
        await ada.post(path, {"tagNames": names}, expect=400)
    await let(ada, project, bob, "resultsConsumer")
    await bob.post(path, {"tagNames": ["x"]}, expect=403)
