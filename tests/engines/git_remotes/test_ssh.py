"""Repositories over ssh, against a real ssh server."""

import asyncio
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ed25519

from modelyard.engines.git_remotes import (
    AccessToken,
    AddressRules,
    Reference,
    RemoteFailure,
    Secret,
    SshKey,
    parse_address,
    read_ssh_key,
    reference,
)
from modelyard.engines.git_remotes.local import LocalGitRemotes
from tests.engines.git_remotes.conftest import RULES
from tests.engines.git_remotes.processes import exchanging
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import SshServer, ssh_server

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="the program ssh is not installed")

HEAD = Reference("Head")


def _new_key() -> tuple[SshKey, str]:
    """A key as a user would paste it, and its public half."""
    key = ed25519.Ed25519PrivateKey.generate()
    text = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()).decode()
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    return read_ssh_key(text, None)[0], public


KEY, PUBLIC = _new_key()


@pytest.fixture
def ssh(repository: Repository) -> Iterator[SshServer]:
    """A server that lets the key in."""
    with ssh_server(repository.bare.parent, PUBLIC) as running:
        yield running


async def test_a_key_opens_it(
    remotes: LocalGitRemotes, ssh: SshServer, repository: Repository, tmp_path: Path
) -> None:
    address = parse_address(ssh.url("code.git"), RULES)
    for wanted in (
        HEAD,
        reference("Branch", "main"),
        reference("Commit", git(repository.bare, "rev-parse", "main")),
    ):
        fetched = await remotes.fetch("r", address, KEY, wanted)
        assert fetched.commit_id == git(repository.bare, "rev-parse", "main")
    await remotes.check_out("r", fetched, address, tmp_path / "out")
    lines = KEY.private_key.splitlines()
    for folder in (tmp_path / "mirrors", tmp_path / "out"):
        held = [path for path in folder.rglob("*") if path.is_file() and lines[1].encode() in path.read_bytes()]
        assert held == []
    assert list((tmp_path / "mirrors").glob(".private-*")) == []
    known = (tmp_path / "mirrors" / "known_hosts").read_text()
    assert known.startswith(f"[127.0.0.1]:{ssh.port} ssh-ed25519 ")


async def test_the_key_is_in_no_command_line(remotes: LocalGitRemotes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = parse_address(f"ssh://git@127.0.0.1:{silent.getsockname()[1]}/code.git", RULES)
        work = asyncio.create_task(remotes.fetch("r", address, KEY, reference("Branch", "main")))
        await asyncio.to_thread(silent.accept)
        children = exchanging()
        assert any(child.name() == "ssh" for child in children)
        for child in children:
            everything = " ".join([*child.cmdline(), *child.environ().values()])
            assert KEY.private_key.splitlines()[1] not in everything
            assert "SSH_AUTH_SOCK" not in child.environ()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        (None, "Add a git credential for 127.0.0.1"),
        (_new_key()[0], "127.0.0.1 does not accept the git credential"),
        (SshKey("rubbish"), "127.0.0.1 does not accept the git credential|SSH key of the git credential cannot"),
        (AccessToken("t0ken"), "is a token or password, but the address is an ssh one"),
    ],
    ids=["none", "another", "rubbish", "token"],
)
async def test_a_missing_or_wrong_key_is_said(
    remotes: LocalGitRemotes, ssh: SshServer, secret: Secret | None, sentence: str
) -> None:
    address = parse_address(ssh.url("code.git"), RULES)
    with pytest.raises(RemoteFailure, match=sentence):
        await remotes.fetch("r", address, secret, HEAD)


async def test_a_repository_that_is_not_there(remotes: LocalGitRemotes, ssh: SshServer) -> None:
    with pytest.raises(RemoteFailure, match=r"127\.0\.0\.1 has no repository at this address"):
        await remotes.fetch("r", parse_address(ssh.url("missing.git"), RULES), KEY, HEAD)


async def test_a_host_that_shows_another_key_gets_nothing(
    remotes: LocalGitRemotes, repository: Repository
) -> None:
    with ssh_server(repository.bare.parent, PUBLIC) as first:
        address = parse_address(first.url("code.git"), RULES)
        await remotes.fetch("r", address, KEY, HEAD)
    with (
        ssh_server(repository.bare.parent, PUBLIC, first.port),
        pytest.raises(RemoteFailure, match=r"SSH host key of 127\.0\.0\.1 is not the one"),
    ):
        await remotes.fetch("r", address, KEY, HEAD)


async def test_the_judged_address_is_the_used_one(
    ssh: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getaddrinfo(host: str, port: int, *_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    rules = AddressRules(["git.example.test"])
    remotes = LocalGitRemotes(tmp_path / "with a space 100%", rules)
    address = parse_address(ssh.url("code.git", "git.example.test"), rules)
    assert await remotes.fetch("r", address, KEY, HEAD)
    known = (tmp_path / "with a space 100%" / "known_hosts").read_text()
    assert known.startswith(f"[git.example.test]:{ssh.port} ")


async def test_a_push_by_ssh(remotes: LocalGitRemotes, ssh: SshServer, repository: Repository) -> None:
    target = repository.bare.parent / "copy.git"
    git(repository.bare.parent, "init", "--quiet", "--bare", str(target))
    fetched = await remotes.fetch("r", parse_address(ssh.url("code.git"), RULES), KEY, HEAD)
    await remotes.push("r", parse_address(ssh.url("copy.git"), RULES), KEY, force=False)
    assert git(target, "rev-parse", "main") == fetched.commit_id
