"""Pushing a mirror to another repository."""

from pathlib import Path

import pytest

from modelyard.engines.git_remotes import (
    AccessToken,
    Address,
    AddressRules,
    Reference,
    RemoteFailure,
    parse_address,
)
from modelyard.engines.git_remotes.local import LocalGitRemotes
from tests.engines.git_remotes.conftest import RULES
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import GitServer

HEAD = Reference("Head")


@pytest.fixture
def target(repository: Repository) -> Path:
    """An empty repository beside the first one."""
    bare = repository.bare.parent / "copy.git"
    bare.mkdir()
    git(bare, "init", "--quiet", "--bare", "--initial-branch=trunk")
    return bare


def _refs(bare: Path) -> list[str]:
    return git(bare, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()


async def test_all_branches_and_tags_arrive(
    remotes: LocalGitRemotes, server: GitServer, address: Address, repository: Repository, target: Path
) -> None:
    repository.tag("v1", annotated=True)
    repository.branch("topic/x")
    repository.commit({"b": "1"})
    await remotes.fetch("r", address, None, HEAD)
    there = parse_address(server.url("copy.git"), RULES)
    await remotes.push("r", there, None, force=False)
    assert _refs(target) == _refs(repository.bare)
    await remotes.push("r", there, None, force=False)
    assert (await remotes.fetch("c", there, None, Reference("Branch", "topic/x"))).branch == "topic/x"


async def test_only_force_replaces_what_is_there(
    remotes: LocalGitRemotes, server: GitServer, address: Address, repository: Repository, target: Path
) -> None:
    await remotes.fetch("r", address, None, HEAD)
    there = parse_address(server.url("copy.git"), RULES)
    await remotes.push("r", there, None, force=False)
    before = _refs(target)
    git(repository.tree, "commit", "--quiet", "--amend", "-m", "rewritten")
    repository.commit({"c": "1"})
    await remotes.fetch("r", address, None, HEAD)
    with pytest.raises(RemoteFailure, match="Push with force"):
        await remotes.push("r", there, None, force=False)
    assert _refs(target) == before
    await remotes.push("r", there, None, force=True)
    assert _refs(target) == _refs(repository.bare)


async def test_what_a_target_refuses_is_said(
    remotes: LocalGitRemotes, server: GitServer, closed_server: GitServer, address: Address, target: Path
) -> None:
    with pytest.raises(RemoteFailure, match="Fetch it first"):
        await remotes.push("r", address, None, force=False)
    await remotes.fetch("r", address, None, HEAD)
    with pytest.raises(RemoteFailure, match="does not accept the git credential"):
        await remotes.push("r", parse_address(closed_server.url("copy.git"), RULES), AccessToken("x"), force=False)
    hook = target / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no pushes on Fridays >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(RemoteFailure, match="its rules for branches or files forbid it"):
        await remotes.push("r", parse_address(server.url("copy.git"), RULES), None, force=True)


async def test_an_empty_source(
    remotes: LocalGitRemotes, server: GitServer, address: Address, repository: Repository, target: Path
) -> None:
    git(repository.bare, "update-ref", "-d", "refs/heads/main")
    with pytest.raises(RemoteFailure, match="no commit on its default branch"):
        await remotes.fetch("r", address, None, HEAD)
    with pytest.raises(RemoteFailure, match="no branches and no tags yet"):
        await remotes.push("r", parse_address(server.url("copy.git"), RULES), None, force=False)


async def test_no_hook_of_a_folder_on_this_machine_runs(
    address: Address, target: Path, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    rules = AddressRules(["127.0.0.0/8"], [str(target.parent)])
    remotes = LocalGitRemotes(tmp_path / "mirrors", rules, str(certificate[0]))
    for hook in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction"):
        path = target / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {tmp_path}/trap\n")
        path.chmod(0o755)
    fetched = await remotes.fetch("r", address, None, HEAD)
    await remotes.push("r", parse_address(str(target), rules), None, force=False)
    assert git(target, "rev-parse", "main") == fetched.commit_id
    assert not (tmp_path / "trap").exists()
