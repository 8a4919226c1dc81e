"""A served repository, and the engine that may fetch it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.engines.git_remotes import Address, AddressRules, parse_address
from modelyard.engines.git_remotes.local import LocalGitRemotes
from tests.engines.git_remotes.repositories import Repository
from tests.engines.git_remotes.servers import GitServer, git_server

RULES = AddressRules(["127.0.0.0/8"])


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """`served/code.git`, with one commit on main."""
    made = Repository(tmp_path / "served" / "code.git")
    made.commit({"README.md": "hello", "src/a.py": "a = 1"}, "first")
    return made


@pytest.fixture
def server(repository: Repository, certificate: tuple[Path, Path]) -> Iterator[GitServer]:
    """An open https server."""
    with git_server(repository.bare.parent, certificate=certificate) as running:
        yield running


@pytest.fixture
def closed_server(repository: Repository, certificate: tuple[Path, Path]) -> Iterator[GitServer]:
    """An https server that wants a user name and a password."""
    with git_server(repository.bare.parent, "x-access-token", "s3cret-t0ken", certificate) as running:
        yield running


@pytest.fixture
def remotes(tmp_path: Path, certificate: tuple[Path, Path]) -> LocalGitRemotes:
    """The engine, which may reach loopback and trusts the servers' certificate."""
    return LocalGitRemotes(tmp_path / "mirrors", RULES, str(certificate[0]), timeout_seconds=60)


@pytest.fixture
def address(server: GitServer) -> Address:
    """The repository's address at the open server."""
    return parse_address(server.url("code.git"), RULES)
