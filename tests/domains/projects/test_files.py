"""Reading the files of projects: downloads, lists, commits."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.client import Person
from tests.domains.projects.conftest import let, make, newest, paths, read, upload

FILES = "/api/projects/v1/projects/{}/files/{}/{}/content"


async def test_a_new_project_has_a_first_commit_with_a_readme(ada: Person, project: dict[str, Any]) -> None:
    commits = await ada.get("/v1/projects/ada/churn/commits")
    assert len(commits) == 1
    assert await paths(ada, "ada/churn", commits[0]) == {".dominoignore", "README.md"}
    assert await read(ada, project["id"], commits[0], "README.md") == b"# churn\n\nAbout churn\n"
    assert b"__pycache__/" in await read(ada, project["id"], commits[0], ".dominoignore")


@pytest.mark.parametrize(
    "written", ["a/b/data.csv", "a%2Fb%2Fdata.csv", "/a/b/data.csv", "a//b/data.csv", "%2Fa/b%2Fdata.csv"]
)
async def test_a_file_is_read_however_its_path_is_written(
    ada: Person, project: dict[str, Any], written: str
) -> None:
    commit = (await upload(ada, "ada/churn", "a/b/data.csv", b"x,y\n1,2\n"))["commitId"]
    for version in ("v1", "beta"):
        url = f"/api/projects/{version}/projects/{project['id']}/files/{commit}/{written}/content"
        response = await ada.request("GET", url)
        assert response.content == b"x,y\n1,2\n"
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-length"] == "8"


async def test_a_file_named_content_is_read_too(ada: Person, project: dict[str, Any]) -> None:
    commit = (await upload(ada, "ada/churn", "content/content", b"inner"))["commitId"]
    assert await read(ada, project["id"], commit, "content/content") == b"inner"


async def test_what_is_no_file_is_not_found(ada: Person, project: dict[str, Any]) -> None:
    commit = (await upload(ada, "ada/churn", "a/b.txt", b"x"))["commitId"]
    await read(ada, project["id"], commit, "a", expect=404)
    await read(ada, project["id"], commit, "A/b.txt", expect=404)
    await read(ada, project["id"], commit, "a/b.txt/c", expect=404)
    await read(ada, project["id"], "0" * 40, "a/b.txt", expect=404)
    await read(ada, project["id"], "main", "a/b.txt", expect=404)
    await read(ada, project["id"], commit, "%20", expect=404)
    await read(ada, project["id"], commit, "", expect=404)
    await ada.get(f"/api/projects/v1/projects/{project['id']}/files/{commit}/a/b.txt", expect=404)


@pytest.mark.parametrize(
    "path",
    [
        "%2E%2E/secret",
        "a/%2E%2E/b",
        "%2e/a",
        "a%00b",
        "..%2Fsecret",
        "a%5Cb",
        ".git/config",
        "n" * 256,
        "%0a",
    ],
)
async def test_path_tricks_are_refused(ada: Person, project: dict[str, Any], path: str) -> None:
    commit = await newest(ada, "ada/churn")
    await read(ada, project["id"], commit, path, expect=400)
    assert (await ada.request("GET", f"/v1/projects/ada/churn/files/{commit}/{path}")).status_code == 400
    await upload(ada, "ada/churn", path, b"x", expect=400)
    assert await newest(ada, "ada/churn") == commit


async def test_files_are_read_by_those_who_may(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    commit = await newest(ada, "ada/churn")
    await read(bob, project["id"], commit, "README.md", expect=404)
    await let(ada, project, bob, "launcherUser")
    await read(bob, project["id"], commit, "README.md", expect=403)
    await bob.get("/v1/projects/ada/churn/commits", expect=403)
    await let(ada, project, bob, "resultsConsumer")
    await read(bob, project["id"], commit, "README.md")
    await upload(bob, "ada/churn", "x", b"x", expect=403)


async def test_a_commit_of_another_project_does_not_open_here(ada: Person, project: dict[str, Any]) -> None:
    await make(ada, "other")
    commit = (await upload(ada, "ada/other", "secret.txt", b"x"))["commitId"]
    await read(ada, project["id"], commit, "secret.txt", expect=404)


async def test_a_listed_file_is_read_by_its_key(ada: Person, project: dict[str, Any]) -> None:
    commit = (await upload(ada, "ada/churn", "a/b.txt", b"hello"))["commitId"]
    listed = await ada.get(f"/v1/projects/ada/churn/files/{commit}/a")
    assert listed["objectType"] == "list"
    [file] = listed["data"]
    assert (file["path"], file["size"], len(file["key"])) == ("a/b.txt", 5, 40)
    assert await ada.get(f"/v1/projects/ada/churn/blobs/{file['key']}") == b"hello"
    for key in ("0" * 40, "short", commit):
        await ada.get(f"/v1/projects/ada/churn/blobs/{key}", expect=404)
    await ada.get(f"/v1/projects/ada/churn/files/{commit}/nothing", expect=404)


async def test_a_folder_is_browsed_at_the_newest_or_a_given_commit(ada: Person, project: dict[str, Any]) -> None:
    first = await newest(ada, "ada/churn")
    await upload(ada, "ada/churn", "a/b.txt", b"hello")
    folder = f"/v4/projects/{project['id']}/files"
    first_entry = (await ada.get(folder))["entries"][0]
    assert first_entry == {"name": "a", "kind": "folder", "size": 0}
    inner = (await ada.request("GET", folder, params={"path": "/a/"})).json()
    assert inner["entries"] == [{"name": "b.txt", "kind": "file", "size": 5}]
    assert inner["path"] == "a"
    for params, status in (({"path": "a", "commitId": first}, 404), ({"path": "../a"}, 400)):
        assert (await ada.request("GET", folder, params=params)).status_code == status


async def test_a_large_file_streams_whole_and_is_the_same(ada: Person, project: dict[str, Any]) -> None:
    content = bytes(range(256)) * 20_000
    commit = (await upload(ada, "ada/churn", "large.bin", content))["commitId"]
    assert await read(ada, project["id"], commit, "large.bin") == content


async def test_every_new_person_has_a_quick_start_that_runs(
    ada: Person, bob: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    listed = await ada.get("/v4/gateway/projects", relationship="Owned")
    [project] = [one for one in listed if one["name"] == "quick-start"]
    commit = await newest(ada, "ada/quick-start")
    assert await paths(ada, "ada/quick-start", commit) == {".dominoignore", "README.md", "main.py"}
    await read(bob, project["id"], commit, "main.py", expect=404)
    folder = tmp_path_factory.mktemp("run")
    (folder / "main.py").write_bytes(await read(ada, project["id"], commit, "main.py"))
    output = await run(folder, "main.py", "1000")
    assert "pi is about 3." in output
    assert '"pi"' in (folder / "dominostats.json").read_text()
    assert (folder / "results" / "estimates.json").read_text().startswith("[")


async def run(folder: Path, *words: str) -> str:
    """Runs a Python program in a folder; what it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()
