"""The git repositories of projects: what may be named, by whom, and with whose credentials."""

from typing import Any

import pytest

from modelyard.settings import Settings
from tests.client import Person
from tests.conftest import Cost
from tests.domains.projects.conftest import let, make

V1 = "/api/projects/v1/projects"
NOBODY = "0" * 24


async def add(person: Person, project: dict[str, Any], expect: int = 200, **body: Any) -> Any:
    """Imports a repository."""
    wanted = {"uri": "https://git.example.org/team/lib.git"} | body
    reply = await person.post(f"{V1}/{project['id']}/repositories", wanted, expect=expect)
    return reply.get("repository", reply)


async def credential(person: Person, domain: str = "git.example.org", **secret: str) -> str:
    """The id of a new git credential."""
    body = {"name": domain, "gitServiceProvider": "Unknown", "domain": domain} | (secret or {"token": "t"})
    reply = await person.post(f"/v4/accounts/{person.id}/gitcredentials", body)
    return str(reply["credential"]["id"])


async def test_a_repository_is_named_after_its_address_and_its_provider_is_guessed(
    ada: Person, project: dict[str, Any]
) -> None:
    plain = await add(ada, project)
    assert (plain["name"], plain["serviceProvider"], plain["defaultRef"]) == (
        "lib",
        "Unknown",
        {"refType": "Head"},
    )
    known = await add(
        ada, project, uri="git@github.com:team/tools.git", defaultRef={"refType": "tag", "value": "v1"}
    )
    assert (known["name"], known["serviceProvider"]) == ("tools", "Github")
    assert known["defaultRef"] == {"refType": "Tag", "value": "v1"}
    told = await add(
        ada, project, uri="https://x.example.org/a", name="own name", serviceProvider="gitLabEnterprise"
    )
    assert (told["name"], told["serviceProvider"]) == ("own name", "GitLabEnterprise")
    listed = await ada.get(f"{V1}/{project['id']}/repositories", limit=2)
    assert [one["name"] for one in listed["repositories"]] == ["lib", "own name"]
    assert listed["metadata"]["totalCount"] == 3


async def test_a_name_is_taken_once_in_a_project(ada: Person, project: dict[str, Any]) -> None:
    await add(ada, project)
    assert "already" in (await add(ada, project, uri="https://other.example.org/LIB", expect=400))["message"]
    assert (
        "already"
        in (await add(ada, project, uri="https://other.example.org/x", name="Lib", expect=400))["message"]
    )


@pytest.mark.parametrize("name", [".", "..", "a/b", ".git", "-x", "a\nb", "x" * 101, "a\\b", "\u202ex"])
async def test_a_name_is_that_of_one_folder(ada: Person, project: dict[str, Any], name: str) -> None:
    await add(ada, project, name=name, expect=400)


@pytest.mark.parametrize(
    "uri",
    [
        "http://git.example.org/a.git",
        "file:///etc",
        "/etc",
        "git://git.example.org/a",
        "ext::sh -c id",
        "https://user:word@git.example.org/a",
        "https://localhost/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://169.254.169.254/latest/meta-data",
        "ssh://-oProxyCommand=id/a",
        "git@-x:a",
        "--upload-pack=id",
        "https://git.example.org",
        "",
    ],
)
async def test_addresses_that_may_not_be_used_are_refused_everywhere(
    ada: Person, project: dict[str, Any], uri: str
) -> None:
    await add(ada, project, uri=uri, expect=400)
    body = {"name": "x", "description": "", "visibility": "Private", "mainRepository": {"uri": uri}}
    await ada.post("/api/projects/beta/projects", body, expect=400)
    assert [one["name"] for one in await ada.get("/v4/gateway/projects")] == ["churn", "quick-start"]


async def test_a_credential_must_be_ones_own_and_for_that_host(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    hers = await credential(ada)
    his = await credential(bob)
    await add(ada, project, gitCredentialId=hers)
    assert "no git credential" in (await add(ada, project, name="b", gitCredentialId=his, expect=400))["message"]
    elsewhere = await add(ada, project, uri="https://evil.example.org/a", gitCredentialId=hers, expect=400)
    assert "not sent anywhere else" in elsewhere["message"]
    over_ssh = await add(ada, project, uri="git@git.example.org:a", gitCredentialId=hers, expect=400)
    assert "not sent anywhere else" in over_ssh["message"]


async def test_each_person_chooses_their_own_credential(ada: Person, bob: Person, project: dict[str, Any]) -> None:
    repository = await add(ada, project)
    await let(ada, project, bob, "contributor")
    path = f"/v4/projects/{project['id']}/repositories/{repository['id']}/credential"
    his = await credential(bob)
    assert (await bob.put(path, {"gitCredentialId": his}))["repository"] == repository
    await ada.put(path, {"gitCredentialId": his}, expect=400)
    wrong = path.replace(repository["id"], NOBODY)
    await bob.put(wrong, {"gitCredentialId": his}, expect=404)


async def test_its_default_reference_is_changed_also_that_of_the_main_one(ada: Person) -> None:
    based = await make(ada, "based", mainRepository={"uri": "https://git.example.org/m.git"})
    path = f"/v4/projects/{based['id']}/repositories/{based['mainRepository']['id']}/defaultRef"
    changed = await ada.put(path, {"defaultRef": {"refType": "tag", "value": "v2"}})
    assert changed["repository"]["defaultRef"] == {"refType": "Tag", "value": "v2"}
    assert (await ada.get(f"{V1}/{based['id']}"))["project"]["mainRepository"] == changed["repository"]
    await ada.put(path, {"defaultRef": {"refType": "tag", "value": "-x"}}, expect=400)
    await ada.put(path, {"defaultRef": {"refType": "tag"}}, expect=400)
    await ada.put(
        path.replace(based["mainRepository"]["id"], NOBODY), {"defaultRef": {"refType": "head"}}, expect=404
    )


async def test_a_repository_is_removed_by_its_id_and_the_main_one_stays(
    ada: Person, project: dict[str, Any]
) -> None:
    repository = await add(ada, project)
    await ada.delete(f"{V1}/{project['id']}/repositories/{repository['id']}")
    await ada.delete(f"{V1}/{project['id']}/repositories/{repository['id']}", expect=404)
    based = await make(ada, "based", mainRepository={"uri": "https://git.example.org/main.git"})
    main = based["mainRepository"]["id"]
    await ada.delete(f"{V1}/{based['id']}/repositories/{main}", expect=400)
    assert (await ada.get(f"{V1}/{based['id']}/repositories"))["repositories"] == []


async def test_a_project_of_somebody_else_does_not_show_its_repositories(
    ada: Person, bob: Person, project: dict[str, Any]
) -> None:
    await add(bob, project, expect=404)
    await let(ada, project, bob, "resultsConsumer")
    await add(bob, project, expect=403)
    findable = await make(ada, "findable", "Searchable", mainRepository={"uri": "https://git.example.org/m.git"})
    assert "mainRepository" in findable
    found = (await bob.get("/api/projects/beta/projects"))["projects"]
    assert all("mainRepository" not in one for one in found if one["name"] == "findable")


async def test_a_copy_has_the_same_repositories(ada: Person, bob: Person) -> None:
    hers = await credential(ada)
    based = await make(
        ada, "based", mainRepository={"uri": "https://git.example.org/m.git", "gitCredentialId": hers}
    )
    await add(ada, based, uri="https://elsewhere.example.org/lib.git")
    await let(ada, based, bob, "contributor")
    his = await credential(bob)
    body = {"copyDatasets": False, "importedGitReposCredentialId": his}
    copied = await bob.post(f"{V1}/{based['id']}/copy-project", body)
    assert copied["project"]["mainRepository"]["uri"] == "https://git.example.org/m.git"
    assert copied["project"]["mainRepository"]["id"] != based["mainRepository"]["id"]
    assert "lib" in copied["metadata"]["notices"][0]
    listed = await bob.get(f"{V1}/{copied['project']['id']}/repositories")
    assert [one["uri"] for one in listed["repositories"]] == ["https://elsewhere.example.org/lib.git"]
    body["importedGitReposCredentialId"] = hers
    await bob.post(f"{V1}/{based['id']}/copy-project", body, expect=400)


async def test_a_copy_may_be_about_another_repository(ada: Person, project: dict[str, Any]) -> None:
    hers = await credential(ada)
    based = await make(ada, "based", mainRepository={"uri": "https://git.example.org/m.git"})
    spec = {"credentialId": hers, "referenceCopy": {"mainRepoUrl": "https://git.example.org/other.git"}}
    body = {"copyDatasets": False, "gitCodeRepoSpec": spec}
    copied = await ada.post(f"{V1}/{based['id']}/copy-project", body)
    assert copied["project"]["mainRepository"]["uri"] == "https://git.example.org/other.git"
    assert (
        "no main git repository"
        in (await ada.post(f"{V1}/{project['id']}/copy-project", body, expect=400))["message"]
    )
    deep = {"newRepoName": "n", "newRepoOwnerName": "o", "visibility": "private"}
    body["gitCodeRepoSpec"] = {"credentialId": hers, "deepCopy": deep}
    assert "github_api_url" in (await ada.post(f"{V1}/{based['id']}/copy-project", body, expect=400))["message"]
    body["gitCodeRepoSpec"] = spec | {"deepCopy": deep}
    assert "one of" in (await ada.post(f"{V1}/{based['id']}/copy-project", body, expect=400))["message"]


async def test_without_a_git_host_no_repository_is_made(ada: Person) -> None:
    wanted = {"credentialId": await credential(ada), "owner": "ada", "repositoryToCreateName": "new",
              "visibility": "private"}  # fmt: skip
    body = {"name": "x", "description": "", "visibility": "Private", "repoToCreate": wanted}
    assert "github_api_url" in (await ada.post("/api/projects/beta/projects", body, expect=400))["message"]
    both = body | {"mainRepository": {"uri": "https://git.example.org/m.git"}}
    assert "not both" in (await ada.post("/api/projects/beta/projects", both, expect=400))["message"]


@pytest.fixture
def allowed(settings: Settings, tmp_path: Any) -> Any:
    """A folder of the server whose repositories may be named."""
    folder = tmp_path / "allowed"
    (folder / "lib.git").mkdir(parents=True)
    return folder


async def test_folders_of_the_server_are_refused_unless_allowed(
    ada: Person, project: dict[str, Any], allowed: Any
) -> None:
    assert "git_allowed_paths" in (await add(ada, project, uri=f"{allowed}/lib.git", expect=400))["message"]


async def test_a_list_costs_two_queries_beside_authentication_and_guard(
    ada: Person, project: dict[str, Any], cost: Cost
) -> None:
    for number in range(3):
        await add(ada, project, name=f"lib-{number}")
    assert await cost(ada.get(f"{V1}/{project['id']}/repositories")) == 4
