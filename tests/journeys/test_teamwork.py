"""Several people on projects: the official client, organizations, git servers, and crashes in between."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from domino import Domino
from domino.domino_enums import ProjectVisibility

from tests.domains.projects.conftest import tar
from tests.engines.git_remotes.certificates import make_certificate
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import GitServer, git_server
from tests.journeys.running import DONE_SECONDS, RunningServer, running, wait_for

TRAIN = b"print('trained')\n"


@pytest.fixture
def git_host(tmp_path: Path) -> Iterator[GitServer]:
    """A git server over https that wants a token."""
    certificate = make_certificate(tmp_path / "tls")
    made = Repository(tmp_path / "served" / "code.git")
    made.commit({"train.py": "print('trained from git')\n"}, "first")
    with git_server(made.bare.parent, "x-access-token", "t0ken", certificate) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path, git_host: GitServer) -> Iterator[RunningServer]:
    """A fresh server that may reach the git server."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "modelyard.toml").write_text(
        f'git_allowed_hosts = ["127.0.0.1"]\ngit_ca_file = "{git_host.ca_file}"\n'
    )
    with running(home) as started:
        yield started


class Team:
    """The administrator and two people, each with a key of their own."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.keys = {"admin": server.key}
        self.ids: dict[str, str] = {}
        for name in ("ada", "bob"):
            made = (
                self.as_("admin").post("/v4/users", json={"userName": name, "email": f"{name}@example.org"}).json()
            )
            self.keys[name], self.ids[name] = made["apiKey"], made["user"]["id"]

    def as_(self, name: str) -> httpx.Client:
        """A client with somebody's key."""
        return httpx.Client(base_url=self.server.url, headers={"X-Domino-Api-Key": self.keys[name]}, timeout=60)

    def domino(self, name: str, project: str) -> Domino:
        """The official client of somebody on a project."""
        return Domino(project, api_key=self.keys[name], host=self.server.url)


@pytest.fixture
def team(server: RunningServer) -> Team:
    return Team(server)


def _ended(domino: Domino, job_id: str) -> Any:
    found = wait_for(lambda: (s := domino.job_status(job_id))["statuses"]["isCompleted"] and s, DONE_SECONDS)
    return found["statuses"]["executionStatus"]


def test_the_official_clients_methods_on_projects_people_tags_and_files(team: Team) -> None:
    ada = team.domino("ada", "ada/quick-start")
    assert ada.project_create("by-form").status_code == 200
    made = ada.project_create_v4("churn", tags=["nlp"], visibility=ProjectVisibility.PRIVATE)
    assert made["ownerUsername"] == "ada"
    churn = team.domino("ada", "ada/churn")
    assert {"by-form", "churn", "quick-start"} == {one["name"] for one in churn.projects_list()}

    churn.tags_add(["urgent"])
    assert {tag["name"] for tag in churn.tags_list()} == {"nlp", "urgent"}
    tag = churn.tag_details(churn.tag_get_id("urgent"))
    assert tag["name"] == "urgent"
    churn.tags_remove("urgent")
    assert {tag["name"] for tag in churn.tags_list()} == {"nlp"}

    churn.files_upload("/train.py", io.BytesIO(TRAIN))
    churn.collaborators_add("bob")
    assert [one["username"] for one in churn.collaborators_get()] == ["bob"]
    bobs = team.domino("bob", "ada/churn")
    assert "churn" in [one["name"] for one in bobs.projects_list("Collaborating")]
    commit = bobs.commits_list()[0]
    assert bobs.files_download("train.py", commit).read() == TRAIN
    forked = bobs.fork_project("mine").json()
    assert forked["ownerUsername"] == "bob"
    assert team.domino("bob", "bob/mine").commits_list() == bobs.commits_list()
    churn.collaborators_remove("bob")
    with pytest.raises(Exception, match="404"):
        bobs.commits_list()
    churn.project_archive("churn")
    assert "churn" not in [one["name"] for one in ada.projects_list(show_completed=True)]


def test_an_organizations_project_is_worked_on_by_its_members(team: Team) -> None:
    orgs = "/api/organizations/v1/organizations"
    members = [{"userId": team.ids["bob"], "organizationRole": "member"}]
    lab = team.as_("ada").post(orgs, json={"name": "lab", "members": members}).json()["org"]
    team.domino("ada", "ada/quick-start").project_create("ours", owner_username="lab")
    bob = team.domino("bob", "lab/ours")
    bob.files_upload("/train.py", io.BytesIO(TRAIN))
    job = bob.job_start("python train.py", environment_id=_plain_python(team))
    assert _ended(bob, job["id"]) == "Succeeded"
    gone = team.as_("ada").delete(f"{orgs}/{lab['id']}/user", params={"memberToRemoveId": team.ids["bob"]})
    assert gone.status_code == 200
    with pytest.raises(Exception, match="404"):
        bob.commits_list()


def test_a_git_based_project_runs_at_what_its_host_has(team: Team, git_host: GitServer) -> None:
    http = team.as_("ada")
    body: dict[str, Any] = {"name": "c", "gitServiceProvider": "Unknown", "domain": "127.0.0.1", "token": "t0ken"}
    credential = http.post(f"/v4/accounts/{team.ids['ada']}/gitcredentials", json=body).json()["credential"]["id"]
    main = {"uri": git_host.url("code.git"), "gitCredentialId": credential}
    body = {"name": "based", "description": "", "visibility": "Private", "mainRepository": main}
    assert http.post("/api/projects/beta/projects", json=body).status_code == 200
    ada = team.domino("ada", "ada/based")
    reference = {"type": "branches", "value": "main"}
    job = ada.job_start("python train.py", environment_id=_plain_python(team), main_repo_git_ref=reference)
    assert _ended(ada, job["id"]) == "Succeeded"
    assert "trained from git" in ada.get_run_log(job["id"])
    details = http.get(f"/api/jobs/beta/jobs/{job['id']}").json()["job"]
    head = git(git_host.folder / "code.git", "rev-parse", "main")
    assert details["gitRepos"][0]["startingCommitId"] == head


@pytest.mark.parametrize("victim", ["runner", "postgres"])
def test_what_is_killed_while_a_job_fetches_loses_no_job(team: Team, git_host: GitServer, victim: str) -> None:
    http, environment = team.as_("ada"), _plain_python(team)
    body: dict[str, Any] = {"name": "c", "gitServiceProvider": "Unknown", "domain": "127.0.0.1", "token": "t0ken"}
    http.post(f"/v4/accounts/{team.ids['ada']}/gitcredentials", json=body)
    body = {"name": "based", "visibility": "Private", "mainRepository": {"uri": git_host.url("code.git")}}
    project = http.post("/v4/projects", json=body).json()["id"]
    git_host.hangs.set()
    body = {"projectId": project, "runCommand": "python train.py", "environmentId": environment}
    job = http.post("/api/jobs/v1/jobs", json=body).json()["job"]["id"]
    assert git_host.waiting.wait(DONE_SECONDS)
    team.server.kill(victim)
    git_host.late = True
    git_host.hangs.clear()
    git_host.released.set()
    wait_for(lambda: _answers(team), 60, team.server.describe)
    assert _ended(team.domino("ada", "ada/based"), job) == "Succeeded"


def test_a_copy_is_whole_or_not_there_whenever_the_api_is_killed(team: Team) -> None:
    ada = team.domino("ada", "ada/quick-start")
    project = ada.project_create_v4("big")["id"]
    archive = tar(*((f"data/{number:04}.txt", str(number).encode()) for number in range(1500)))
    http = team.as_("ada")
    assert http.post(f"/v4/projects/{project}/commits", content=archive).status_code == 200
    paths = len(
        team.domino("ada", "ada/big").files_list(http.get("/v1/projects/ada/big/commits").json()[0])["data"]
    )
    survived = 0
    for number, delay in enumerate((0.01, 0.05, 0.1, 0.2, 0.4)):
        name = f"copy-{number}"
        asking = threading.Thread(target=_copy, args=(team, project, name))
        asking.start()
        time.sleep(delay)
        team.server.kill("api")
        asking.join()
        wait_for(lambda: _answers(team), 60, team.server.describe)
        made = [one for one in http.get("/v4/gateway/projects").json() if one["name"] == name]
        for _ in made:
            survived += 1
            commits = http.get(f"/v1/projects/ada/{name}/commits").json()
            listed = http.get(f"/v1/projects/ada/{name}/files/{commits[0]}//").json()["data"]
            assert len(listed) == paths
        if not made:
            assert _copy(team, project, name) == 200
    assert http.post(f"/v4/projects/{project}/fork", json={"name": "last"}).status_code == 200
    assert survived <= 5


def _plain_python(team: Team) -> str:
    listed = team.as_("ada").get("/v1/environments").json()["data"]
    return str(next(one["id"] for one in listed if one["name"] == "Plain Python"))


def _copy(team: Team, project: str, name: str) -> int:
    try:
        body = {"copyDatasets": False, "name": name}
        return team.as_("ada").post(f"/api/projects/v1/projects/{project}/copy-project", json=body).status_code
    except httpx.TransportError:
        return 0


def _answers(team: Team) -> bool:
    try:
        return team.as_("ada").get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False
