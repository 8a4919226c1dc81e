"""Secrets: who gets them, and all the places where they must not be."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from modelyard.engines.git_remotes import (
    AccessToken,
    AddressRules,
    Password,
    Reference,
    RemoteFailure,
    Secret,
    SshKey,
    parse_address,
)
from modelyard.engines.git_remotes.failures import failure_of
from modelyard.engines.git_remotes.local import LocalGitRemotes
from tests.engines.git_remotes.conftest import RULES
from tests.engines.git_remotes.processes import exchanging
from tests.engines.git_remotes.servers import GitServer, connect_proxy, git_server

HEAD = Reference("Head")
TOKEN = "s3cret-t0ken"
NASTY = "p%w:r@'\"$(id)\\ `x`; ünï"


async def test_a_token_opens_a_closed_server(
    remotes: LocalGitRemotes, closed_server: GitServer, tmp_path: Path
) -> None:
    address = parse_address(closed_server.url("code.git"), RULES)
    fetched = await remotes.fetch("r", address, AccessToken(TOKEN), HEAD)
    await remotes.check_out("r", fetched, address, tmp_path / "out")
    assert (tmp_path / "out" / "README.md").read_text() == "hello"
    for folder in (tmp_path / "mirrors", tmp_path / "out"):
        holding = [path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
        assert holding == []
    assert f"url = {address.uri}\n" in (tmp_path / "out" / ".git" / "config").read_text()


@pytest.mark.parametrize("username", ["ada", "ada@example.org", "a'da"])
async def test_any_password_arrives_as_it_is(
    remotes: LocalGitRemotes, repository: object, tmp_path: Path, certificate: tuple[Path, Path], username: str
) -> None:
    with git_server(tmp_path / "served", username, NASTY, certificate) as server:
        address = parse_address(server.url("code.git"), RULES)
        assert await remotes.fetch("r", address, Password(username, NASTY), HEAD)


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        (None, "127.0.0.1 asks who you are. Add a git credential for 127.0.0.1"),
        (AccessToken("wr0ng-t0ken"), "127.0.0.1 does not accept the git credential"),
        (Password("ada", "wr0ng-t0ken"), "127.0.0.1 does not accept the git credential"),
        (AccessToken("wr0ng-t0ken\nx"), "has a line break"),
        (AccessToken("wr0ng-t0ken\0"), "has a line break"),
        (SshKey("wr0ng-t0ken"), "is an SSH key, but the address is an https one"),
    ],
)
async def test_a_missing_or_wrong_credential_is_said(
    remotes: LocalGitRemotes, closed_server: GitServer, secret: Secret | None, sentence: str
) -> None:
    address = parse_address(closed_server.url("code.git"), RULES)
    # Also when somebody else's credential has filled the mirror.
    await remotes.fetch("r", address, AccessToken(TOKEN), HEAD)
    for kind in (HEAD, Reference("Branch", "main")):
        with pytest.raises(RemoteFailure) as failed:
            await remotes.fetch("r", address, secret, kind)
        assert sentence in failed.value.message
        assert "wr0ng" not in repr(failed.value)


async def test_while_git_works_the_secret_is_in_its_environment_alone(
    remotes: LocalGitRemotes, closed_server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELYARD_ADMIN_API_KEY", "adm1n")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    address = parse_address(closed_server.url("code.git"), RULES)
    closed_server.hangs.set()
    work = asyncio.create_task(remotes.fetch("r", address, AccessToken(TOKEN), Reference("Branch", "main")))
    await asyncio.to_thread(closed_server.waiting.wait, 30)
    children = exchanging()
    assert children
    for child in children:
        environment = child.environ()
        assert TOKEN not in " ".join(child.cmdline())
        assert environment["MODELYARD_GIT_PASSWORD"] == TOKEN
        assert "MODELYARD_ADMIN_API_KEY" not in environment
        assert environment.get("GIT_DIR") != "/nowhere"
        assert list(Path(environment["HOME"]).iterdir()) == []
    assert TOKEN not in " ".join(os.environ.values())
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    deadline = time.monotonic() + 20
    while any(_lives(child) for child in children):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_who_runs_git_by_hand_changes_nothing(
    remotes: LocalGitRemotes, closed_server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[url "https://evil.example/"]\n\tinsteadOf = {closed_server.url("")}\n'
        "[credential]\n\thelper = !touch helped; echo password=x\n[core]\n\tsshCommand = false\n"
    )
    (home / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    address = parse_address(closed_server.url("code.git"), RULES)
    assert await remotes.fetch("r", address, AccessToken(TOKEN), HEAD)


@pytest.fixture
def thief() -> Iterator[tuple[int, list[bytes]]]:
    """A plain server that notes what it is sent."""
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def listen() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                heard.append(connection.recv(65536))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield listening.getsockname()[1], heard
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


async def test_redirects_are_not_followed(
    remotes: LocalGitRemotes, closed_server: GitServer, thief: tuple[int, list[bytes]]
) -> None:
    port, heard = thief
    closed_server.moved_to = f"https://127.0.0.1:{port}"
    address = parse_address(closed_server.url("code.git"), RULES)
    with pytest.raises(RemoteFailure, match="has moved"):
        await remotes.fetch("r", address, AccessToken(TOKEN), HEAD)
    assert heard == []


async def test_what_was_allowed_once_is_judged_again(closed_server: GitServer, tmp_path: Path) -> None:
    address = parse_address(closed_server.url("code.git"), RULES)
    strict = LocalGitRemotes(tmp_path / "mirrors", AddressRules(), str(closed_server.ca_file))
    with pytest.raises(RemoteFailure, match="internal address"):
        await strict.fetch("r", address, AccessToken(TOKEN), HEAD)
    assert closed_server.requests == 0


async def test_the_judged_address_is_the_used_one(
    remotes: LocalGitRemotes, server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No DNS knows this name, so git gets there by the pinned answer alone.
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    rules = AddressRules([f"git.example.test:{server.port}"])
    address = parse_address(server.url("code.git", "git.example.test"), rules)
    named = LocalGitRemotes(tmp_path / "named", rules, str(server.ca_file))
    assert await named.fetch("r", address, None, HEAD)
    assert asked == ["git.example.test"]
    strict = LocalGitRemotes(tmp_path / "strict", AddressRules(), str(server.ca_file))
    with pytest.raises(RemoteFailure, match=r"git\.example\.test is an internal address"):
        await strict.fetch("r", address, None, HEAD)


async def test_through_a_proxy_that_alone_knows_the_host(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(*_: object, **__: object) -> list[object]:
        raise socket.gaierror

    rules = AddressRules()
    named = LocalGitRemotes(tmp_path / "named", rules, str(server.ca_file))
    address = parse_address(server.url("code.git", "git.example.test"), rules)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with connect_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert await named.fetch("r", address, None, Reference("Branch", "main"))
        assert set(proxy.asked) == {"git.example.test"}
        monkeypatch.setenv("NO_PROXY", "git.example.test")
        with pytest.raises(RemoteFailure, match="was not found"):
            await named.fetch("r", address, None, HEAD)


async def test_an_old_git_reaches_only_what_the_administrator_names(
    server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    real = shutil.which("git")
    old.write_text(
        f'#!/bin/sh\ncase " $* " in *" version "*) echo git version 2.34.1 ;; *) exec {real} "$@" ;; esac\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    by_network = LocalGitRemotes(tmp_path / "mirrors", RULES, str(server.ca_file))
    address = parse_address(server.url("code.git", "localhost"), RULES)
    with pytest.raises(RemoteFailure, match=r"version 2\.37 or later"):
        await by_network.fetch("r", address, None, HEAD)
    by_name = LocalGitRemotes(tmp_path / "mirrors", AddressRules(["localhost"]), str(server.ca_file))
    assert await by_name.fetch("r", address, None, HEAD)


@pytest.mark.parametrize(
    "errors",
    [
        f"fatal: weird words of https://ada:{TOKEN}@h/x",
        f"fatal: weird {TOKEN} in /root/mirrors/r.git and git@h:x/y\x1b[31m",
        "remote: " + TOKEN * 500,
    ],
)
def test_unknown_words_are_scrubbed(errors: str) -> None:
    failure = failure_of(errors, "git.example.org", secret_given=True, hidden=[TOKEN])
    assert "git.example.org cannot be used" in failure.message
    assert TOKEN not in failure.message
    assert "/root" not in failure.message
    assert "\x1b" not in failure.message
    assert len(failure.message) < 300
