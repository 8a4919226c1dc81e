"""Fetching: every kind of reference, what changes between two fetches, several at a time."""

import asyncio
import multiprocessing
from pathlib import Path

import pytest
import uvloop

from modelyard.engines.git_remotes import Address, Fetched, GitRemotes, Reference, RemoteFailure, reference
from modelyard.engines.git_remotes.local import LocalGitRemotes
from tests.engines.git_remotes.conftest import RULES
from tests.engines.git_remotes.repositories import Repository, git

HEAD = Reference("Head")


async def test_the_default_branch(remotes: LocalGitRemotes, address: Address, repository: Repository) -> None:
    assert isinstance(remotes, GitRemotes)
    repository.branch("trunk")
    commit = repository.commit({"b": "1"})
    git(repository.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
    assert await remotes.fetch("r", address, None, HEAD) == Fetched(commit, "trunk")


async def test_a_head_that_is_on_no_branch(
    remotes: LocalGitRemotes, address: Address, repository: Repository
) -> None:
    first = git(repository.bare, "rev-parse", "main")
    repository.commit({"b": "1"})
    git(repository.bare, "update-ref", "--no-deref", "HEAD", first)
    assert await remotes.fetch("r", address, None, HEAD) == Fetched(first, None)


async def test_branches_and_tags(remotes: LocalGitRemotes, address: Address, repository: Repository) -> None:
    first = git(repository.bare, "rev-parse", "main")
    repository.tag("v1")
    repository.tag("v1.0/annotated", annotated=True)
    repository.branch("feature/ünï-1")
    second = repository.commit({"b": "1"})
    found = [
        await remotes.fetch("r", address, None, reference(kind, value))
        for kind, value in [
            ("Branch", "main"), ("Branch", "feature/ünï-1"), ("Tag", "v1"), ("Tag", "v1.0/annotated"),
        ]
    ]  # fmt: skip
    assert found == [
        Fetched(first, "main"), Fetched(second, "feature/ünï-1"), Fetched(first), Fetched(first),
    ]  # fmt: skip


async def test_commits_by_all_and_by_some_digits(
    remotes: LocalGitRemotes, address: Address, repository: Repository
) -> None:
    first = git(repository.bare, "rev-parse", "main")
    repository.commit({"b": "1"})
    for digits in (first, first[:7], first[:20].upper()):
        assert await remotes.fetch("r", address, None, reference("Commit", digits)) == Fetched(first)


async def test_a_commit_that_no_branch_reaches(
    remotes: LocalGitRemotes, address: Address, repository: Repository
) -> None:
    lost = repository.commit({"b": "1"})
    git(repository.tree, "reset", "--quiet", "--hard", "HEAD~1")
    repository.commit({"c": "1"})
    with pytest.raises(RemoteFailure, match="give all digits"):
        await remotes.fetch("r", address, None, reference("Commit", lost[:10]))
    assert await remotes.fetch("r", address, None, reference("Commit", lost)) == Fetched(lost)
    assert await remotes.fetch("r", address, None, reference("Commit", lost[:10])) == Fetched(lost)


async def test_a_branch_named_like_a_commit_is_none(
    remotes: LocalGitRemotes, address: Address, repository: Repository
) -> None:
    first = git(repository.bare, "rev-parse", "main")
    repository.branch(first[:8])
    repository.commit({"b": "1"})
    assert await remotes.fetch("r", address, None, reference("Commit", first[:8])) == Fetched(first)


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("Branch", "nope", "no branch named 'nope'"),
        ("Branch", "v1", "no branch named 'v1'"),
        ("Tag", "main", "no tag named 'main'"),
        ("Tag", "a-file", "no tag named 'a-file'.*leads to no commit"),
        ("Commit", "0" * 40, "no commit 0000"),
        ("Commit", "0" * 64, "no commit 0000"),
        ("Commit", "0000000", "no commit 0000000 on its branches"),
    ],
)
async def test_what_is_not_there_is_named(
    remotes: LocalGitRemotes, address: Address, repository: Repository, kind: str, value: str, sentence: str
) -> None:
    repository.tag("v1")
    git(repository.bare, "tag", "a-file", "main:README.md")
    with pytest.raises(RemoteFailure, match=sentence):
        await remotes.fetch("r", address, None, reference(kind, value))


async def test_an_empty_repository(remotes: LocalGitRemotes, address: Address, repository: Repository) -> None:
    git(repository.bare, "update-ref", "-d", "refs/heads/main")
    with pytest.raises(RemoteFailure, match="no commit on its default branch"):
        await remotes.fetch("r", address, None, HEAD)


async def test_branches_that_move_go_and_make_room(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    repository.branch("topic")
    repository.commit({"b": "1"})
    await remotes.fetch("r", address, None, HEAD)
    git(repository.bare, "branch", "-D", "topic")
    git(repository.bare, "branch", "topic/one", "main")
    repository.on("main")
    git(repository.tree, "commit", "--quiet", "--amend", "-m", "rewritten")
    rewritten = repository.commit({"c": "1"})
    assert await remotes.fetch("r", address, None, HEAD) == Fetched(rewritten, "main")
    listed = git(tmp_path / "mirrors" / "r.git", "for-each-ref", "--format=%(refname)", "refs/heads")
    assert listed.split() == ["refs/heads/main", "refs/heads/topic/one"]


async def test_a_repository_with_longer_ids(
    remotes: LocalGitRemotes, server: object, address: Address, repository: Repository, tmp_path: Path
) -> None:
    longer = tmp_path / "served" / "longer.git"
    longer.mkdir()
    git(longer, "init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main")
    tree = git(longer, "mktree")
    commit = git(longer, "commit-tree", tree, "-m", "first")
    git(longer, "update-ref", "refs/heads/main", commit)
    there = Address(
        uri=address.uri.replace("code", "longer"), protocol="https", host=address.host, port=address.port, path="x"
    )
    assert await remotes.fetch("r", there, None, HEAD) == Fetched(commit, "main")
    assert await remotes.fetch("r", there, None, reference("Commit", commit)) == Fetched(commit)


async def test_many_fetches_of_one_mirror_at_once(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit({f"f{number}": "x" for number in range(50)})
    found = await asyncio.gather(*(remotes.fetch("r", address, None, HEAD) for _ in range(4)))
    assert found == [Fetched(commit, "main")] * 4
    git(tmp_path / "mirrors" / "r.git", "fsck", "--strict")


def _fetch(root: Path, ca_file: str, address: Address, results: "multiprocessing.Queue[Fetched]") -> None:
    remotes = LocalGitRemotes(root, RULES, ca_file, timeout_seconds=60)
    results.put(asyncio.run(remotes.fetch("r", address, None, HEAD)))


def test_fetches_of_several_processes(
    address: Address, repository: Repository, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[Fetched] = context.Queue()
    arguments = (tmp_path / "mirrors", str(certificate[0]), address, results)
    workers = [context.Process(target=_fetch, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    commit = git(repository.bare, "rev-parse", "main")
    assert [results.get(timeout=60) for _ in workers] == [Fetched(commit, "main")] * 2
    for worker in workers:
        worker.join()


def test_the_loop_of_the_api(remotes: LocalGitRemotes, address: Address, tmp_path: Path) -> None:
    async def work() -> None:
        fetched = await remotes.fetch("r", address, None, HEAD)
        await remotes.check_out("r", fetched, address, tmp_path / "out")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
    assert (tmp_path / "out" / "README.md").read_text() == "hello"


async def test_a_removed_mirror_is_made_again(remotes: LocalGitRemotes, address: Address, tmp_path: Path) -> None:
    first = await remotes.fetch("r", address, None, HEAD)
    await remotes.remove("r")
    assert [path.name for path in (tmp_path / "mirrors").glob("r*")] == []
    with pytest.raises(RemoteFailure, match="not on this server any more"):
        await remotes.check_out("r", first, address, tmp_path / "out")
    assert await remotes.fetch("r", address, None, HEAD) == first
    await remotes.remove("r")
    await remotes.remove("r")


@pytest.mark.parametrize("repository_id", ["", "../x", "a/b", "-x", "x" * 65, "a.b"])
async def test_ids_that_are_none(remotes: LocalGitRemotes, address: Address, repository_id: str) -> None:
    with pytest.raises(ValueError, match="id has letters"):
        await remotes.fetch(repository_id, address, None, HEAD)
