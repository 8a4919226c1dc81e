"""The past of one file, over HTTP."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.projects.conftest import let, newest, tar, upload


async def _history(person: Person, project: dict[str, Any], expect: int = 200, **query: Any) -> Any:
    """The history that a query asks for; the reply's JSON."""
    response = await person.request("GET", f"/v4/projects/{project['id']}/files/history", params=query)
    assert response.status_code == expect, response.text
    return response.json()


async def _remove(person: Person, project: dict[str, Any]) -> str:
    """Makes a commit without any of the files that were there; its id."""
    archive = tar(("only.txt", b"x"))
    url = f"/v4/projects/{project['id']}/commits?replace=true&message=Clean"
    made: str = (await person.request("POST", url, content=archive)).json()["commitId"]
    return made


async def test_the_commits_of_a_file_are_told_newest_first(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await let(ada, project, bob, "contributor")
    first = (await upload(ada, "ada/churn", "a/data.csv", b"1"))["commitId"]
    await upload(ada, "ada/churn", "other", b"1")
    second = (await upload(bob, "ada/churn", "a/data.csv", b"22"))["commitId"]
    third = await _remove(ada, project)
    told = await _history(ada, project, path="/a/data.csv")
    assert [one["commitId"] for one in told["revisions"]] == [third, second, first]
    assert [one["change"] for one in told["revisions"]] == ["removed", "changed", "added"]
    assert [one["size"] for one in told["revisions"]] == [0, 2, 1]
    assert [one["authorName"] for one in told["revisions"]] == ["ada", "bob", "ada"]
    assert told["revisions"][0]["message"] == "Clean"
    assert "key" not in told["revisions"][0]
    assert (told["path"], told["hasMore"]) == ("a/data.csv", False)
    times = [one["time"] for one in told["revisions"]]
    assert times == sorted(times, reverse=True)
    assert times[0] > 1_700_000_000_000
    assert await ada.get(f"/v1/projects/ada/churn/blobs/{told['revisions'][1]['key']}") == b"22"


async def test_a_window_and_a_commit_narrow_the_history(ada: Person, project: dict[str, Any]) -> None:
    made = [(await upload(ada, "ada/churn", "x", b"1" * n))["commitId"] for n in range(1, 5)]
    window = await _history(ada, project, path="x", offset=1, limit=2)
    assert [one["commitId"] for one in window["revisions"]] == [made[2], made[1]]
    assert (window["offset"], window["limit"], window["hasMore"]) == (1, 2, True)
    assert (await _history(ada, project, path="x", offset=4))["revisions"] == []
    earlier = await _history(ada, project, path="x", commitId=made[1])
    assert [one["commitId"] for one in earlier["revisions"]] == [made[1], made[0]]


async def test_what_never_was_a_file_is_not_found(ada: Person, project: dict[str, Any]) -> None:
    before = await newest(ada, "ada/churn")
    await upload(ada, "ada/churn", "a/data.csv", b"1")
    for path in ("never", "a", "a/data.csv/below"):
        assert "never a file" in (await _history(ada, project, path=path, expect=404))["message"]
    await _history(ada, project, path="a/data.csv", commitId=before, expect=404)
    await _history(ada, project, path="a/data.csv", commitId="0" * 40, expect=404)


@pytest.mark.parametrize(
    "query",
    [{}, {"path": ""}, {"path": "../x"}, {"path": "x", "limit": 0}, {"path": "x", "limit": 1001},
     {"path": "x", "offset": -1}, {"path": "x", "limit": "many"}],
)  # fmt: skip
async def test_an_unclear_question_is_refused(ada: Person, project: dict[str, Any], query: dict[str, Any]) -> None:
    await _history(ada, project, expect=400, **query)


async def test_history_is_for_those_who_may_see_files(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    await _history(ada.modelyard.stranger(), project, path="README.md", expect=401)
    await _history(bob, project, path="README.md", expect=404)
    await let(ada, project, bob, "launcherUser")
    await _history(bob, project, path="README.md", expect=403)
    await let(ada, project, bob, "resultsConsumer")
    await _history(bob, project, path="README.md")
