"""What goes wrong at a remote is said in a sentence."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from modelyard.engines.git_remotes import (
    Address,
    AddressRules,
    Reference,
    RemoteFailure,
    parse_address,
)
from modelyard.engines.git_remotes.local import LocalGitRemotes
from modelyard.kit.errors import BadRequest
from tests.engines.git_remotes.conftest import RULES
from tests.engines.git_remotes.processes import exchanging
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import GitServer

HEAD = Reference("Head")


async def _failure(remotes: LocalGitRemotes, address: Address, reference: Reference = HEAD) -> str:
    with pytest.raises(RemoteFailure) as failed:
        await remotes.fetch("r", address, None, reference)
    assert address.path not in failed.value.message
    return failed.value.message


async def test_a_host_that_is_not_there(remotes: LocalGitRemotes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _unknown)
    address = parse_address("https://git.nowhere.test/a.git", RULES)
    assert await _failure(remotes, address) == "The host git.nowhere.test was not found. Check the address."


def _unknown(*_: object, **__: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "unknown")


async def test_a_port_where_nobody_listens(remotes: LocalGitRemotes) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = parse_address(f"https://127.0.0.1:{free.getsockname()[1]}/a.git", RULES)
        assert "refuses the connection" in await _failure(remotes, address)


async def test_a_repository_that_is_not_there(remotes: LocalGitRemotes, server: GitServer) -> None:
    address = parse_address(server.url("missing.git"), RULES)
    assert "127.0.0.1 has no repository at this address" in await _failure(remotes, address)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(403, "does not let"), (429, "no more requests"), (503, "problem of its own"), (302, "has moved")],
)
async def test_what_a_server_answers(
    remotes: LocalGitRemotes, server: GitServer, address: Address, status: int, sentence: str
) -> None:
    server.status = status
    assert sentence in await _failure(remotes, address)


async def test_a_certificate_that_nobody_vouches_for(address: Address, tmp_path: Path) -> None:
    trusting_nobody = LocalGitRemotes(tmp_path / "mirrors", RULES)
    assert "certificate of 127.0.0.1 is not trusted" in await _failure(trusting_nobody, address)


async def test_a_file_of_certificates_that_is_gone(address: Address, tmp_path: Path) -> None:
    remotes = LocalGitRemotes(tmp_path / "mirrors", RULES, str(tmp_path / "gone.pem"))
    message = await _failure(remotes, address)
    assert "git_ca_file" in message
    assert "gone.pem" not in message


async def test_a_machine_without_git(
    remotes: LocalGitRemotes, address: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in await _failure(remotes, address)


async def test_a_remote_that_is_too_slow(
    server: GitServer, address: Address, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    hasty = LocalGitRemotes(tmp_path / "mirrors", RULES, str(certificate[0]), timeout_seconds=0.7)
    server.hangs.set()
    assert "longer than 0.7 seconds" in await _failure(hasty, address)
    assert exchanging() == []


async def test_a_cancelled_fetch_leaves_no_process(
    remotes: LocalGitRemotes, server: GitServer, address: Address
) -> None:
    server.hangs.set()
    work = asyncio.create_task(remotes.fetch("r", address, None, HEAD))
    await asyncio.to_thread(server.waiting.wait, 30)
    assert exchanging()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert exchanging() == []
    server.hangs.clear()
    assert await remotes.fetch("r", address, None, HEAD)


async def test_repositories_of_this_machine(
    repository: Repository, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    rules = AddressRules([], [str(repository.bare.parent)])
    remotes = LocalGitRemotes(tmp_path / "mirrors", rules)
    address = parse_address(str(repository.bare), rules)
    fetched = await remotes.fetch("r", address, None, HEAD)
    await remotes.check_out("r", fetched, address, tmp_path / "out")
    assert git(tmp_path / "out", "remote", "get-url", "origin") == str(repository.bare)
    missing = parse_address(str(repository.bare.parent / "missing"), rules)
    assert "this machine has no repository" in await _failure(remotes, missing)
    repository.bare.rename(tmp_path / "elsewhere")
    repository.bare.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadRequest, match="git_allowed_paths"):
        await remotes.fetch("r", address, None, HEAD)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
async def test_a_repository_of_another_account(repository: Repository, tmp_path: Path) -> None:
    rules = AddressRules([], [str(repository.bare.parent)])
    os.chown(repository.bare, 12345, 12345)
    address = parse_address(str(repository.bare), rules)
    message = await _failure(LocalGitRemotes(tmp_path / "mirrors", rules), address)
    assert "another account" in message
