"""Putting files into projects: one at a time, and many as one commit."""

import asyncio
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.domains.projects import Uploads
from modelyard.engines.git.local import LocalGitStore
from modelyard.kit.db import Database
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.projects.conftest import let, newest, paths, read, tar, upload


async def commit(person: Person, project: dict[str, Any], archive: bytes, expect: int = 200, **query: Any) -> Any:
    """Uploads a tar archive; the reply's JSON."""
    response = await person.request("POST", f"/v4/projects/{project['id']}/commits", content=archive, params=query)
    assert response.status_code == expect, response.text
    return response.json()


async def test_an_upload_is_a_commit_by_its_author(
    ada: Person, bob: Person, project: dict[str, Any], settings: Settings, db: Database
) -> None:
    await let(ada, project, bob, "contributor")
    made = await upload(bob, "ada/churn", "data/x.csv", b"1,2\n")
    assert made["path"] == "data/x.csv"
    assert await newest(ada, "ada/churn") == made["commitId"]
    stored = LocalGitStore(settings.home_path / "repos").find_commit(project["id"], made["commitId"])
    assert stored is not None
    assert (stored.author_name, stored.author_email) == ("bob", "bob@example.org")
    recorded = await db.value(
        "SELECT actor_name FROM events WHERE action = 'project.filesCommitted' AND project_id = $1",
        project["id"],
    )
    assert recorded == "bob"


@pytest.mark.parametrize(
    "path", ["runs", "files/a", "commits/x/y", "models/m.pkl", "blobs", "~upload/x", "run/x/stdout"]
)
async def test_files_named_like_routes_are_uploaded_too(ada: Person, project: dict[str, Any], path: str) -> None:
    made = await upload(ada, "ada/churn", path, b"here")
    assert await read(ada, project["id"], made["commitId"], path) == b"here"


async def test_uploads_at_once_all_survive(ada: Person, project: dict[str, Any]) -> None:
    await asyncio.gather(*(upload(ada, "ada/churn", f"f{n}.txt", str(n).encode()) for n in range(12)))
    found = await paths(ada, "ada/churn", await newest(ada, "ada/churn"))
    assert {f"f{n}.txt" for n in range(12)} <= found
    assert len(await ada.get("/v1/projects/ada/churn/commits")) == 13


async def test_an_upload_without_a_path_or_onto_a_folder_is_refused(ada: Person, project: dict[str, Any]) -> None:
    await upload(ada, "ada/churn", "a/b.txt", b"x")
    assert "folder" in (await upload(ada, "ada/churn", "a", b"x", expect=400))["message"]
    response = await ada.request("PUT", "/v1/projects/ada/churn/", content=b"x")
    assert response.status_code in {404, 405}
    await upload(ada, "ada/unknown", "a", b"x", expect=404)


async def test_an_empty_file_is_a_file(ada: Person, project: dict[str, Any]) -> None:
    made = await upload(ada, "ada/churn", "empty", b"")
    assert await read(ada, project["id"], made["commitId"], "empty") == b""


async def test_an_upload_over_the_limit_is_refused_and_leaves_nothing(settings: Settings, dsn: str) -> None:
    small = Settings(home=settings.home, max_upload_bytes=1000)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async with Modelyard.over(small, dsn) as modelyard:
        ada = await modelyard.person("ada")
        await upload(ada, "ada/quick-start", "fits", b"x" * 1000)
        response = await ada.request("PUT", "/v1/projects/ada/quick-start/over", content=endless())
        assert response.status_code == 413
        assert "1,000" in response.json()["message"]
        assert len(await ada.get("/v1/projects/ada/quick-start/commits")) == 2
    assert list((settings.home_path / "uploads").iterdir()) == []


async def test_an_archive_becomes_one_commit_beside_what_is_there(
    ada: Person, project: dict[str, Any], settings: Settings
) -> None:
    folder = tarfile.TarInfo("./src")
    folder.type = tarfile.DIRTYPE
    made = await commit(ada, project, tar(folder, ("./src/train.py", b"print()"), ("big", b"x" * 100_000)))
    assert await paths(ada, "ada/churn", made["commitId"]) == {
        ".dominoignore",
        "README.md",
        "big",
        "src/train.py",
    }
    assert len(await ada.get("/v1/projects/ada/churn/commits")) == 2
    assert await read(ada, project["id"], made["commitId"], "big") == b"x" * 100_000


async def test_with_replace_the_project_has_just_the_archive(ada: Person, project: dict[str, Any]) -> None:
    for mode in ("w", "w:gz", "w:xz"):
        made = await commit(ada, project, tar(("only.py", mode.encode()), mode=mode), replace="true")
        assert await paths(ada, "ada/churn", made["commitId"]) == {"only.py"}
        assert await read(ada, project["id"], made["commitId"], "only.py") == mode.encode()
    same = await commit(ada, project, tar(("only.py", b"w:xz")), replace="true")
    assert same["commitId"] == made["commitId"]


async def test_programs_stay_executable(
    ada: Person, project: dict[str, Any], settings: Settings, tmp_path: Path
) -> None:
    script = tarfile.TarInfo("run.sh")
    script.mode = 0o755
    made = await commit(ada, project, tar(script, ("plain", b"")))
    LocalGitStore(settings.home_path / "repos").checkout(project["id"], made["commitId"], tmp_path / "out")
    assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o100
    assert not (tmp_path / "out" / "plain").stat().st_mode & 0o100


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = target
    return member


@pytest.mark.parametrize(
    "member",
    [
        _special("link", tarfile.SYMTYPE, "/etc/passwd"),
        _special("hard", tarfile.LNKTYPE, "README.md"),
        _special("pipe", tarfile.FIFOTYPE),
        _special("device", tarfile.CHRTYPE),
        ("../escape", b"x"),
        ("a/../../escape", b"x"),
        ("/etc/passwd", b"x"),
        (".git/hooks/post-commit", b"x"),
        ("n" * 256, b"x"),
        ("a\nb", b"x"),
    ],
)
async def test_archives_with_tricks_are_refused_whole(
    ada: Person, project: dict[str, Any], member: tarfile.TarInfo | tuple[str, bytes]
) -> None:
    before = await newest(ada, "ada/churn")
    await commit(ada, project, tar(("good", b"x"), member), expect=400)
    assert await newest(ada, "ada/churn") == before


async def test_what_is_no_archive_is_refused(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    whole = tar(("a", b"x" * 50_000), mode="w")
    for body in (b"", b"not a tar", whole[:20_000], tar(mode="w"), tar(("a", b"x" * 50_000))[:60]):
        await commit(ada, project, body, expect=400)
    await commit(ada, project, whole, expect=400, replace="perhaps")
    await commit(bob, project, whole, expect=404)
    await let(ada, project, bob, "resultsConsumer")
    await commit(bob, project, whole, expect=403)


async def test_an_archive_that_unpacks_to_more_than_the_limit_is_refused(settings: Settings, dsn: str) -> None:
    small = Settings(home=settings.home, max_upload_bytes=10_000)
    async with Modelyard.over(small, dsn) as modelyard:
        ada = await modelyard.person("ada")
        [project] = await ada.get("/v4/gateway/projects")
        bomb = tar(("zeros", bytes(1_000_000)))
        assert len(bomb) < 10_000
        await commit(ada, project, bomb, expect=413)


async def test_leftovers_of_a_killed_process_are_swept(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", 1000)
    uploads.sweep(0)
    left = tmp_path / "uploads" / "left"
    left.mkdir()
    (left / "body").write_bytes(b"x")
    uploads.sweep(3600)
    assert left.exists()
    uploads.sweep(-1)
    assert not left.exists()
