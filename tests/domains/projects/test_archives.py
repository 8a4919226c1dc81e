"""Whole trees as one download."""

import io
import tarfile
import zipfile
from typing import Any

from tests.client import Person
from tests.domains.projects.conftest import let, make, newest, tar, upload


def _url(project: dict[str, Any]) -> str:
    return f"/v4/projects/{project['id']}/archive"


async def _archive(person: Person, project: dict[str, Any], expect: int = 200, **query: Any) -> bytes:
    """The archive that a query asks for."""
    response = await person.request("GET", _url(project), params=query)
    assert response.status_code == expect, response.text
    return response.content


async def test_all_files_come_as_one_archive(ada: Person, project: dict[str, Any]) -> None:
    script = tarfile.TarInfo("src/run.sh")
    script.mode = 0o755
    await ada.request(
        "POST", f"/v4/projects/{project['id']}/commits?replace=true", content=tar(("a", b"1"), script)
    )
    commit = await newest(ada, "ada/churn")
    top = f"churn-{commit[:10]}"
    response = await ada.request("GET", _url(project))
    assert response.headers["content-disposition"] == f'attachment; filename="{top}.tar.gz"'
    with tarfile.open(fileobj=io.BytesIO(response.content), mode="r:gz") as archive:
        assert {member.name: member.mode for member in archive} == {f"{top}/a": 0o644, f"{top}/src/run.sh": 0o755}
    with tarfile.open(fileobj=io.BytesIO(await _archive(ada, project, format="tar"))) as archive:
        assert archive.getnames() == [f"{top}/a", f"{top}/src/run.sh"]
    with zipfile.ZipFile(io.BytesIO(await _archive(ada, project, format="zip", path="src"))) as packed:
        assert packed.namelist() == [f"{top}/src/run.sh"]


async def test_an_archive_of_an_earlier_commit_has_its_files(ada: Person, project: dict[str, Any]) -> None:
    before = await newest(ada, "ada/churn")
    await upload(ada, "ada/churn", "later", b"x")
    content = await _archive(ada, project, commitId=before[:12])
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert {name.partition("/")[2] for name in archive.getnames()} == {".dominoignore", "README.md"}
        assert all(name.startswith(f"churn-{before[:10]}/") for name in archive.getnames())


async def test_an_archive_that_the_client_has_is_not_sent_again(ada: Person, project: dict[str, Any]) -> None:
    first = await ada.request("GET", _url(project))
    etag = first.headers["etag"]
    assert (await ada.request("GET", _url(project))).content == first.content
    again = await ada.request("GET", _url(project), headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = await ada.request("GET", _url(project), params={"format": "tar"}, headers={"If-None-Match": etag})
    assert other.status_code == 200


async def test_a_projects_name_makes_a_plain_file_name(ada: Person) -> None:
    project = await make(ada, "two-words_1")
    response = await ada.request("GET", _url(project))
    assert response.headers["content-disposition"].startswith('attachment; filename="two-words_1-')


async def test_what_is_not_there_cannot_be_archived(ada: Person, project: dict[str, Any]) -> None:
    await _archive(ada, project, commitId="0" * 40, expect=404)
    await _archive(ada, project, commitId="main", expect=404)
    await _archive(ada, project, path="nothing", expect=404)
    await _archive(ada, project, path="README.md", expect=404)
    await _archive(ada, project, path="../x", expect=400)
    await _archive(ada, project, format="rar", expect=400)


async def test_archives_are_for_those_who_may_see_files(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    await _archive(ada.modelyard.stranger(), project, expect=401)
    await _archive(bob, project, expect=404)
    await let(ada, project, bob, "launcherUser")
    await _archive(bob, project, expect=403)
    await let(ada, project, bob, "resultsConsumer")
    await _archive(bob, project)
