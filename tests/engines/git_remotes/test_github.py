"""GitHub: repositories created and found, against a stand-in whose repositories are really there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from modelyard.engines.git_remotes import (
    AccessToken,
    AddressRules,
    GitHost,
    Password,
    Reference,
    RemoteFailure,
    Secret,
    SshKey,
    parse_address,
)
from modelyard.engines.git_remotes.github import API_VERSION, GitHub
from modelyard.engines.git_remotes.local import LocalGitRemotes
from modelyard.kit.errors import BadRequest
from tests.engines.git_remotes.conftest import RULES
from tests.engines.git_remotes.github_standin import TOKEN, StandIn, github
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import GitServer, connect_proxy

SECRET = AccessToken(TOKEN)
HEAD = Reference("Head")


@pytest.fixture
def standin(repository: Repository, server: GitServer, certificate: tuple[Path, Path]) -> Iterator[StandIn]:
    """The API, with a template of the-org."""
    template = repository.bare.parent / "the-org" / "template.git"
    template.parent.mkdir()
    git(template.parent, "clone", "--quiet", "--bare", str(repository.bare), str(template))
    with github(repository.bare.parent, certificate, server.url) as running:
        yield running


@pytest.fixture
def host(standin: StandIn, certificate: tuple[Path, Path]) -> GitHub:
    """The engine, which knows the stand-in."""
    return GitHub(standin.api_url, RULES, str(certificate[0]), timeout_seconds=20)


async def test_a_created_repository_is_pushed_to_and_fetched(
    host: GitHub, standin: StandIn, remotes: LocalGitRemotes, server: GitServer
) -> None:
    assert isinstance(host, GitHost)
    url = await host.create_repository(SECRET, "ADA", "code", "private", None)
    assert url == server.url("ada/code.git")
    address = parse_address(url, RULES)
    first = await remotes.fetch("source", parse_address(server.url("code.git"), RULES), None, HEAD)
    await remotes.push("source", address, SECRET, force=False)
    assert await remotes.fetch("copy", address, SECRET, HEAD) == first
    assert await host.clone_url(SECRET, "ada", "code") == url
    assert standin.visibility == {"ada/code": "private"}
    assert standin.versions == {API_VERSION}


@pytest.mark.parametrize("visibility", ["public", "private", "internal"])
async def test_repositories_of_an_organization(host: GitHub, standin: StandIn, visibility: str) -> None:
    await host.create_repository(SECRET, "the-org", "new", visibility, None)  # type: ignore[arg-type]
    assert standin.visibility == {"the-org/new": visibility}


@pytest.mark.parametrize(
    ("owner", "template", "visibility"),
    [("ada", "the-org/template", "public"), ("the-org", "template", "internal")],
)
async def test_a_template_fills_a_new_repository(
    host: GitHub, standin: StandIn, remotes: LocalGitRemotes, owner: str, template: str, visibility: str
) -> None:
    url = await host.create_repository(SECRET, owner, "new", visibility, template)  # type: ignore[arg-type]
    assert (await remotes.fetch("r", parse_address(url, RULES), None, HEAD)).branch == "main"
    assert standin.visibility == {f"{owner}/new": visibility}


@pytest.mark.parametrize("secret", [Password("ada", "s3cret"), SshKey("s3cret"), AccessToken("s3cret\r\nX: y")])
async def test_only_a_token_will_do(host: GitHub, secret: Secret) -> None:
    with pytest.raises(BadRequest, match="access token"):
        await host.clone_url(secret, "ada", "code")


@pytest.mark.parametrize(
    ("owner", "name", "template"),
    [
        ("", "x", None), ("a/b", "x", None), ("..", "x", None), ("-a", "x", None), ("a", "", None),
        ("a", "..", None),
        ("a", "x/y", None), ("a", "x?y", None), ("a", "x.git", None), ("a", "x" * 101, None), ("a", "ü", None),
        ("a", "x", "../y"), ("a", "x", "b/c/d"), ("a", "x", "b/.."), ("a", "x", "b/"),
    ],
)  # fmt: skip
async def test_names_that_are_none(
    host: GitHub, standin: StandIn, owner: str, name: str, template: str | None
) -> None:
    with pytest.raises(BadRequest):
        await host.create_repository(SECRET, owner, name, "private", template)
    assert standin.versions == set()


async def test_what_github_refuses_is_said(host: GitHub) -> None:
    await host.create_repository(SECRET, "ada", "code2", "private", None)
    with pytest.raises(RemoteFailure, match="localhost already has a repository ada/code2"):
        await host.create_repository(SECRET, "ada", "code2", "private", None)
    with pytest.raises(BadRequest, match="Only an organization"):
        await host.create_repository(SECRET, "ada", "code3", "internal", None)
    with pytest.raises(RemoteFailure, match="no owner nobody"):
        await host.create_repository(SECRET, "nobody", "code", "private", None)
    with pytest.raises(RemoteFailure, match="no template repository ada/nothing"):
        await host.create_repository(SECRET, "ada", "code3", "private", "nothing")
    with pytest.raises(RemoteFailure, match="has no ada/nothing"):
        await host.clone_url(SECRET, "ada", "nothing")
    with pytest.raises(RemoteFailure, match="does not accept the git credential") as failed:
        await host.clone_url(AccessToken("wr0ng"), "ada", "code")
    assert "wr0ng" not in repr(failed.value)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (web.Response(status=500), "problem of its own"),
        (web.Response(status=403, text="{}"), "needs the right"),
        (web.Response(status=403, headers={"x-ratelimit-remaining": "0"}), "no more requests"),
        (web.Response(status=403, headers={"retry-after": "60"}), "no more requests"),
        (web.Response(status=429), "no more requests"),
        (web.Response(status=301, headers={"Location": "https://evil.example/"}), "correct the setting"),
        (web.json_response({"message": "See https://x/?t=s3cret \x1b"}, status=422), r"this: See \(address\)$"),
        (web.Response(status=200, text="<html>"), "does not accept this"),
        (web.json_response({"clone_url": "https://127.0.0.1:1/x?y"}), "named no address"),
        (web.json_response({"clone_url": "https://169.254.169.254/x"}), "named no address"),
        (web.json_response({}), "named no address"),
    ],
    ids=range(11),
)
async def test_every_answer_has_a_sentence(
    host: GitHub, standin: StandIn, answer: web.Response, sentence: str
) -> None:
    standin.answer = answer
    with pytest.raises(RemoteFailure, match=sentence) as failed:
        await host.clone_url(SECRET, "ada", "code")
    assert "s3cret" not in failed.value.message


async def test_the_same_rules_of_hosts_apply(standin: StandIn, certificate: tuple[Path, Path]) -> None:
    for url in (
        standin.api_url,
        "http://api.github.com",
        "ssh://git@github.com",
        "https://x:y@github.com",
        "/api",
    ):
        with pytest.raises(BadRequest):
            GitHub(url, AddressRules())
    assert GitHub("https://api.github.com", AddressRules())
    assert GitHub("https://ghe.corp/api/v3/", AddressRules())
    with pytest.raises(RemoteFailure, match="certificate of localhost is not trusted"):
        await GitHub(standin.api_url, RULES).clone_url(SECRET, "ada", "code")


async def test_a_host_that_is_away(certificate: tuple[Path, Path]) -> None:
    with pytest.raises(RemoteFailure, match="cannot be reached"):
        await GitHub("https://localhost:9/api/v3", RULES).clone_url(SECRET, "ada", "code")


async def test_through_the_proxy_of_the_machine(
    host: GitHub, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect_proxy() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert await host.create_repository(SECRET, "ada", "new", "public", None) == server.url("ada/new.git")
        assert set(proxy.asked) == {"localhost"}
