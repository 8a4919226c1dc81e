"""Repositories made and filled at a git host: a stand-in for its API, whose repositories are really there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.settings import Settings
from tests.client import Person
from tests.domains.projects.conftest import make
from tests.domains.projects.test_code_repositories import credential
from tests.engines.git_remotes.github_standin import TOKEN, StandIn, github
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import GitServer, git_server

PROJECTS = "/api/projects/beta/projects"


@pytest.fixture
def code(tmp_path: Path) -> Repository:
    """`code.git` with a branch and a tag."""
    made = Repository(tmp_path / "served" / "code.git")
    made.commit({"train.py": "print()"}, "first")
    made.tag("v1")
    made.branch("next")
    made.commit({"train.py": "print(1)"}, "second")
    return made


@pytest.fixture
def server(code: Repository, certificate: tuple[Path, Path]) -> Iterator[GitServer]:
    """The git server of the host."""
    with git_server(code.bare.parent, certificate=certificate) as running:
        yield running


@pytest.fixture
def host(code: Repository, server: GitServer, certificate: tuple[Path, Path]) -> Iterator[StandIn]:
    """The API of the host."""
    with github(code.bare.parent, certificate, server.url) as running:
        yield running


@pytest.fixture
def settings(settings: Settings, certificate: tuple[Path, Path], host: StandIn) -> Settings:
    """Settings that name the host."""
    return Settings(
        home=settings.home,
        git_allowed_hosts=("127.0.0.1",),
        git_ca_file=str(certificate[0]),
        github_api_url=host.api_url.replace("localhost", "127.0.0.1"),
    )


@pytest.fixture
async def token(ada: Person) -> str:
    """The id of Ada's token at the host."""
    return await credential(ada, "127.0.0.1", token=TOKEN)


def refs(repository: Path) -> dict[str, str]:
    """Every branch and tag with its commit."""
    lines = git(repository, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)  # type: ignore[misc]


async def copy(ada: Person, project: dict[str, Any], token: str, expect: int = 200, **spec: Any) -> Any:
    """Copies a project with its code."""
    body = {"copyDatasets": False, "gitCodeRepoSpec": {"credentialId": token} | spec}
    return await ada.post(f"/api/projects/v1/projects/{project['id']}/copy-project", body, expect=expect)


async def test_a_project_is_made_on_a_new_repository(ada: Person, token: str, host: StandIn) -> None:
    wanted = {"credentialId": token, "owner": "ada", "repositoryToCreateName": "fresh", "visibility": "private"}
    made = await make(ada, "fresh", repoToCreate=wanted)
    assert made["mainRepository"]["uri"] == host.clone_url("ada/fresh.git")
    assert host.visibility == {"ada/fresh": "private"}
    assert (host.folder / "ada" / "fresh.git" / "HEAD").is_file()


async def test_what_the_host_refuses_makes_no_project(ada: Person, bob: Person, token: str, host: StandIn) -> None:
    body = {"name": "x", "description": "", "visibility": "Private"}
    wanted = {"credentialId": token, "owner": "ada", "repositoryToCreateName": "fresh", "visibility": "private"}
    host.create("ada", "fresh", "private")
    assert "already" in (await ada.post(PROJECTS, body | {"repoToCreate": wanted}, expect=400))["message"]
    stale = await credential(ada, "127.0.0.1", token="stale")
    message = (await ada.post(PROJECTS, body | {"repoToCreate": wanted | {"credentialId": stale}}, expect=400))[
        "message"
    ]
    assert "token" in message
    assert "stale" not in message
    assert (
        "no git credential" in (await bob.post(PROJECTS, body | {"repoToCreate": wanted}, expect=400))["message"]
    )
    assert [one["name"] for one in await ada.get("/v4/gateway/projects")] == ["quick-start"]


async def test_a_taken_project_name_makes_no_repository(ada: Person, token: str, host: StandIn) -> None:
    await make(ada, "x")
    wanted = {"credentialId": token, "owner": "ada", "repositoryToCreateName": "fresh", "visibility": "private"}
    body = {"name": "x", "description": "", "visibility": "Private", "repoToCreate": wanted}
    assert "already has" in (await ada.post(PROJECTS, body, expect=400))["message"]
    assert host.visibility == {}


async def test_a_deep_copy_has_a_repository_of_its_own_with_everything(
    ada: Person, token: str, host: StandIn, server: GitServer, code: Repository
) -> None:
    based = await make(ada, "based", mainRepository={"uri": server.url("code.git")})
    deep = {"newRepoName": "mine", "newRepoOwnerName": "ada", "visibility": "public"}
    copied = (await copy(ada, based, token, deepCopy=deep))["project"]
    assert copied["mainRepository"]["uri"] == server.url("ada/mine.git")
    assert refs(host.folder / "ada" / "mine.git") == refs(code.bare)
    assert not list((Path(ada.modelyard.settings.home) / "git").glob("*.git"))


async def test_files_are_imported_into_a_repository_that_is_there(
    ada: Person, token: str, host: StandIn, server: GitServer, code: Repository
) -> None:
    based = await make(ada, "based", mainRepository={"uri": server.url("code.git")})
    host.create("ada", "target", "private")
    target = {"repoName": "target", "repoOwnerName": "ada"}
    copied = (await copy(ada, based, token, importFilesTarget=target))["project"]
    assert copied["mainRepository"]["uri"] == server.url("ada/target.git")
    assert refs(host.folder / "ada" / "target.git") == refs(code.bare)
    git(code.tree, "checkout", "--quiet", "main")
    git(code.tree, "commit", "--quiet", "--amend", "--allow-empty", "-m", "rewritten")
    git(code.tree, "push", "--quiet", "--force", "origin", "main")
    refused = await copy(ada, based, token, expect=400, importFilesTarget=target)
    assert "not copied" in refused["message"]
    await copy(ada, based, token, importFilesTarget=target | {"force": True})
    assert refs(host.folder / "ada" / "target.git") == refs(code.bare)
    missing = await copy(
        ada, based, token, expect=400, importFilesTarget={"repoName": "no", "repoOwnerName": "ada"}
    )
    assert "no" in missing["message"]
