"""Jobs of git-based projects, and with imported repositories, really fetched from a real git server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)

from modelyard.engines.compute.sandbox import isolation_report
from modelyard.settings import Settings
from tests.client import Person
from tests.domains.running import as_
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import GitServer, git_server, ssh_server

V1 = "/api/projects/v1/projects"
LOOK = """
import json, os, pathlib, subprocess
work = pathlib.Path(os.environ["DOMINO_WORKING_DIR"])
imported = pathlib.Path(os.environ["DOMINO_IMPORTED_CODE_DIR"])
artifacts = pathlib.Path(os.environ["DOMINO_ARTIFACTS_DIR"])
print(json.dumps({
    "cwd": os.getcwd(), "work": str(work), "artifacts": str(artifacts), "imported": str(imported),
    "is_git_based": os.environ["DOMINO_IS_GIT_BASED"],
    "files": sorted(path.name for path in work.iterdir() if path.name != ".git"),
    "beside": {place.name: sorted(path.name for path in place.iterdir() if path.name != ".git")
               for place in imported.iterdir()} if imported.is_dir() else {},
    "git": (work / ".git" / "config").read_text() if (work / ".git").is_dir() else "",
}))
(artifacts / "result.txt").write_text("made")
(artifacts / "dominostats.json").write_text('{"accuracy": 1}')
"""


@pytest.fixture
def settings(settings: Settings, certificate: tuple[Path, Path], request: pytest.FixtureRequest) -> Settings:
    """Settings by which git servers on this machine may be used; a parameter says how jobs are isolated."""
    return Settings(
        home=settings.home,
        git_allowed_hosts=("127.0.0.1",),
        git_ca_file=str(certificate[0]),
        job_isolation=getattr(request, "param", "auto"),
    )


@pytest.fixture
def code(tmp_path: Path) -> Repository:
    """`code.git`, which looks around."""
    made = Repository(tmp_path / "served" / "code.git")
    made.commit({"look.py": LOOK, "version.txt": "one"}, "first")
    return made


@pytest.fixture
def library(tmp_path: Path) -> Repository:
    """`library.git`, to be imported."""
    made = Repository(tmp_path / "served" / "library.git")
    made.commit({"lib.py": "x = 1"}, "first")
    return made


@pytest.fixture
def server(code: Repository, certificate: tuple[Path, Path]) -> Iterator[GitServer]:
    """An open git server."""
    with git_server(code.bare.parent, certificate=certificate) as running:
        yield running


@pytest.fixture
def closed(code: Repository, certificate: tuple[Path, Path]) -> Iterator[GitServer]:
    """A git server that wants a password."""
    with git_server(code.bare.parent, "ada", "s3cret", certificate) as running:
        yield running


async def git_based(person: Person, uri: str, expect: int = 200, **main: Any) -> Any:
    """A git-based project."""
    body = {"name": "gbp", "description": "", "visibility": "Private", "mainRepository": {"uri": uri} | main}
    reply = await person.post("/api/projects/beta/projects", body, expect=expect)
    return reply.get("project", reply)


async def seen(person: Person, job: dict[str, Any]) -> dict[str, Any]:
    """What a job that looked around has printed."""
    assert job["status"]["executionStatus"] == "Succeeded", await as_(person).log(job, "prepareOutput")
    looked: dict[str, Any] = json.loads((await as_(person).log(job))[0])
    return looked


pytestmark = pytest.mark.usefixtures("runner")


async def test_the_main_repository_is_the_working_directory(
    ada: Person, server: GitServer, code: Repository, modelyard: Any
) -> None:
    project = await git_based(ada, server.url("code.git"))
    assert project["mainRepository"]["defaultRef"] == {"refType": "Head"}
    assert project["mainRepository"]["serviceProvider"] == "Unknown"
    job = await as_(ada).runs(project["id"], "look.py")
    looked = await seen(ada, job)
    assert looked["cwd"] == looked["work"]
    assert looked["is_git_based"] == "true"
    assert looked["files"] == ["look.py", "version.txt"]
    assert server.url("code.git") in looked["git"]
    (mounted,) = job["gitRepos"]
    assert mounted["startingCommitId"] == git(code.tree, "rev-parse", "HEAD")
    assert (mounted["startingBranch"], mounted["ref"]) == ("main", "HEAD")
    assert job["mainRepoGitRef"] == {"refType": "head"}
    assert job["dominoStats"] == [{"name": "accuracy", "value": "1"}]
    result = job["commitDetails"]["outputCommitId"]
    assert await ada.get(f"{V1}/{project['id']}/files/{result}/result.txt/content") == b"made"
    log = "\n".join(await as_(ada).log(job, "prepareOutput"))
    assert mounted["startingCommitId"] in log


async def test_a_job_runs_at_the_branch_tag_or_commit_that_it_asks_for(
    ada: Person, server: GitServer, code: Repository
) -> None:
    first = git(code.tree, "rev-parse", "HEAD")
    code.tag("v1", annotated=True)
    code.branch("next")
    later = code.commit({"version.txt": "two", "more.txt": ""}, "second")
    project = await git_based(ada, server.url("code.git"), defaultRef={"refType": "branch", "value": "next"})
    default = await as_(ada).runs(project["id"], "look.py")
    assert default["gitRepos"][0]["startingCommitId"] == later
    for ref_type, value, commit in (
        ("branches", "main", first),
        ("tags", "v1", first),
        ("commitId", later[:10], later),
    ):
        job = await as_(ada).runs(project["id"], "look.py", mainRepoGitRef={"refType": ref_type, "value": value})
        assert job["gitRepos"][0]["startingCommitId"] == commit
        assert job["mainRepoGitRef"] == {"refType": ref_type, "value": value}
    body = {"projectId": project["id"], "commandToRun": "look.py", "environmentId": await as_(ada).plain_python()}
    body["mainRepoGitRef"] = {"type": "tags", "value": "v1"}
    private = await ada.post("/v4/jobs/start", body)
    assert (await as_(ada).waits_for(private))["gitRepos"][0]["startingCommitId"] == first


async def test_a_restart_gets_the_very_commit_and_a_new_job_the_newest(
    ada: Person, server: GitServer, code: Repository
) -> None:
    project = await git_based(ada, server.url("code.git"))
    first = await as_(ada).runs(project["id"], "look.py")
    later = code.commit({"version.txt": "two"}, "second")
    again = await ada.post("/v4/jobs/restart", {"jobId": first["id"], "shouldUseOriginalInputCommit": True})
    done = await as_(ada).waits_for(again)
    assert done["gitRepos"][0]["startingCommitId"] == first["gitRepos"][0]["startingCommitId"]
    anew = await ada.post("/v4/jobs/restart", {"jobId": first["id"]})
    assert (await as_(ada).waits_for(anew))["gitRepos"][0]["startingCommitId"] == later


async def test_imported_repositories_lie_beside_the_files(
    ada: Person, server: GitServer, library: Repository
) -> None:
    project = await as_(ada).makes_project(look__py=LOOK)
    added = await ada.post(f"{V1}/{project}/repositories", {"uri": server.url("library.git")})
    assert added["repository"]["name"] == "library"
    listed = await ada.get(f"{V1}/{project}/repositories")
    assert [one["name"] for one in listed["repositories"]] == ["library"]
    job = await as_(ada).runs(project, "look.py")
    looked = await seen(ada, job)
    assert looked["is_git_based"] == "false"
    assert looked["artifacts"] == looked["work"]
    assert looked["beside"] == {"library": ["lib.py"]}
    assert job["gitRepos"][0]["startingCommitId"] == git(library.tree, "rev-parse", "HEAD")
    assert "mainRepoGitRef" not in job
    await ada.delete(f"{V1}/{project}/repositories/{added['repository']['id']}")
    assert (await seen(ada, await as_(ada).runs(project, "look.py")))["beside"] == {}


async def test_what_was_fetched_goes_with_its_project(ada: Person, server: GitServer, settings: Settings) -> None:
    project = await git_based(ada, server.url("code.git"))
    await as_(ada).runs(project["id"], "look.py")
    assert list((settings.home_path / "git").glob("*.git"))
    await ada.delete(f"/v4/projects/{project['id']}")
    assert list((settings.home_path / "git").glob("*.git")) == []


@pytest.mark.parametrize("settings", ["auto", "none"], indirect=True)
async def test_both_kinds_together(
    ada: Person, server: GitServer, library: Repository, settings: Settings
) -> None:
    project = await git_based(ada, server.url("code.git"))
    await ada.post(f"{V1}/{project['id']}/repositories", {"uri": server.url("library.git"), "name": "own name"})
    job = await as_(ada).runs(project["id"], "look.py")
    looked = await seen(ada, job)
    assert looked["beside"] == {"own name": ["lib.py"]}
    assert [one["name"] for one in job["gitRepos"]] == ["code", "own name"]
    if settings.job_isolation == "none":
        assert looked["work"].startswith(settings.home)
    elif isolation_report().isolated:
        paths = (looked["work"], looked["artifacts"], looked["imported"])
        assert paths == ("/mnt/code", "/mnt/artifacts", "/mnt/imported/code")


async def test_everybody_fetches_with_their_own_credentials(
    ada: Person, bob: Person, closed: GitServer, modelyard: Any, settings: Settings
) -> None:
    made = await ada.post(
        f"/v4/accounts/{ada.id}/gitcredentials",
        {"name": "mine", "gitServiceProvider": "GitLabEnterprise", "domain": "127.0.0.1", "username": "ada",
         "password": "s3cret"},
    )  # fmt: skip
    project = await git_based(ada, closed.url("code.git"), gitCredentialId=made["credential"]["id"])
    assert "s3cret" not in json.dumps(project)
    await ada.post(f"{V1}/{project['id']}/collaborators", {"id": bob.id, "role": "contributor"})
    job = await as_(ada).runs(project["id"], "look.py")
    assert "s3cret" not in (await seen(ada, job))["git"]
    refused = await as_(bob).runs(project["id"], "look.py")
    assert refused["status"]["executionStatus"] == "Error"
    problem = (await bob.get(f"/api/jobs/beta/jobs/{refused['id']}/logs"))["logs"]["problem"]
    assert "code" in problem
    assert "credential" in problem
    kept = [path for path in settings.home_path.rglob("*") if path.is_file() and "pg" not in path.parts]
    assert all(b"s3cret" not in path.read_bytes() for path in kept)
    assert await modelyard.db.value("SELECT count(*) FROM events WHERE details::text LIKE '%s3cret%'") == 0


@pytest.mark.skipif(shutil.which("ssh") is None, reason="the program ssh is not installed")
async def test_a_key_with_a_passphrase_opens_a_repository_by_ssh(ada: Person, code: Repository) -> None:
    key = Ed25519PrivateKey.generate()
    locked = BestAvailableEncryption(b"open sesame")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, locked).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    body = {"name": "key", "gitServiceProvider": "Unknown", "domain": "127.0.0.1", "key": private}
    await ada.post(f"/v4/accounts/{ada.id}/gitcredentials", body | {"passphrase": "open sesame"})
    with ssh_server(code.bare.parent, public) as server:
        project = await git_based(ada, server.url("code.git"))
        job = await as_(ada).runs(project["id"], "look.py")
        assert (await seen(ada, job))["files"] == ["look.py", "version.txt"]


async def test_what_cannot_be_fetched_ends_the_job_with_the_reason(
    ada: Person, server: GitServer, code: Repository
) -> None:
    project = await git_based(ada, server.url("code.git"))
    reference = {"refType": "branches", "value": "nowhere"}
    job = await as_(ada).runs(project["id"], "look.py", mainRepoGitRef=reference)
    assert job["status"]["executionStatus"] == "Error"
    problem = (await ada.get(f"/api/jobs/beta/jobs/{job['id']}/logs"))["logs"]["problem"]
    assert "nowhere" in problem
    assert str(code.bare) not in problem


async def test_a_job_that_waits_for_a_git_server_is_stopped_at_once(ada: Person, server: GitServer) -> None:
    project = await git_based(ada, server.url("code.git"))
    server.hangs.set()
    job = await as_(ada).starts_job(project["id"], "look.py")
    await as_(ada).waits_for_status(job, "Preparing")
    await ada.post("/v4/jobs/stop", {"jobId": job["id"], "projectId": project["id"]})
    assert (await as_(ada).waits_for(job))["status"]["executionStatus"] == "Stopped"


async def test_references_that_cannot_be_are_refused(ada: Person, server: GitServer) -> None:
    project = await git_based(ada, server.url("code.git"))
    for reference in (
        {"refType": "branches", "value": "--upload-pack=x"},
        {"refType": "branches"},
        {"refType": "commitId", "value": "main"},
        {"refType": "moon", "value": "main"},
    ):
        await as_(ada).starts_job(project["id"], "look.py", mainRepoGitRef=reference, expect=400)
    plain = await as_(ada).makes_project("plain")
    reply = await as_(ada).starts_job(plain, "true", mainRepoGitRef={"refType": "head"}, expect=400)
    assert "no main git repository" in reply["message"]
