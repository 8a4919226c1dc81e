"""Check-outs: real clones, independent of the mirror, and nothing in them is executed."""

import os
import subprocess
from pathlib import Path

import pytest

from modelyard.engines.git_remotes import Address, Fetched, Reference, RemoteFailure, reference
from modelyard.engines.git_remotes.local import LocalGitRemotes
from tests.engines.git_remotes.repositories import ENVIRONMENT, Repository, git

HEAD = Reference("Head")


async def _out(
    remotes: LocalGitRemotes, address: Address, folder: Path, wanted: Reference = HEAD
) -> tuple[Path, Fetched]:
    fetched = await remotes.fetch("r", address, None, wanted)
    await remotes.check_out("r", fetched, address, folder)
    return folder, fetched


async def test_a_branch_is_checked_out_as_a_branch(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    repository.branch("odd\"name'$x")
    repository.commit({"b": "1"})
    for number, branch in enumerate(["main", "odd\"name'$x"]):
        folder, fetched = await _out(remotes, address, tmp_path / f"o{number}", reference("Branch", branch))
        assert git(folder, "status").splitlines()[:2] == [
            f"On branch {branch}",
            f"Your branch is up to date with 'origin/{branch}'.",
        ]
        assert git(folder, "rev-parse", "HEAD") == fetched.commit_id
        assert git(folder, "for-each-ref", "--format=%(refname:short)", "refs/heads") == branch
        assert git(folder, "remote", "get-url", "origin") == address.uri
        assert git(folder, "log", "--format=%s").splitlines()[-1] == "first"


@pytest.mark.parametrize("kind", ["Tag", "Commit"])
async def test_what_is_no_branch_is_detached(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path, kind: str
) -> None:
    repository.tag("v1", annotated=True)
    first = git(repository.bare, "rev-parse", "main")
    repository.commit({"README.md": "later"})
    wanted = reference(kind, "v1" if kind == "Tag" else first)
    folder, fetched = await _out(remotes, address, tmp_path / "deep" / "er" / "out", wanted)
    assert fetched == Fetched(first, None)
    assert (folder / "README.md").read_text() == "hello"
    assert "HEAD detached" in git(folder, "status")
    assert git(folder, "for-each-ref", "refs/heads") == ""


async def test_a_commit_that_no_branch_reaches_any_more(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    repository.branch("topic")
    repository.commit({"b": "1"})
    fetched = await remotes.fetch("r", address, None, reference("Branch", "topic"))
    git(repository.bare, "branch", "-D", "topic")
    await remotes.fetch("r", address, None, HEAD)
    await remotes.check_out("r", fetched, address, tmp_path / "out")
    assert git(tmp_path / "out", "status").startswith("On branch topic")


async def test_it_shares_nothing_with_the_mirror(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    folder, _ = await _out(remotes, address, tmp_path / "out")
    mirror = tmp_path / "mirrors" / "r.git"
    inodes = {path.stat().st_ino for path in mirror.rglob("*") if path.is_file()}
    assert not [path for path in folder.rglob("*") if path.is_file() and path.stat().st_ino in inodes]
    assert not (folder / ".git" / "objects" / "info" / "alternates").exists()
    told = [path for path in (folder / ".git").rglob("*") if path.is_file() and b"mirrors" in path.read_bytes()]
    assert told == []
    for path in (folder / ".git" / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"spoiled")
    git(mirror, "fsck", "--strict")
    (folder / ".git").rename(tmp_path / "gone")
    await remotes.remove("r")


async def test_work_can_be_committed_and_pushed_from_it(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    folder, _ = await _out(remotes, address, tmp_path / "out")
    (folder / "new").write_text("1")
    git(folder, "add", "new")
    git(folder, "commit", "--quiet", "-m", "from the job")
    assert git(folder, "status", "--short", "--branch").startswith("## main...origin/main [ahead 1]")


async def test_a_folder_that_is_not_empty_is_left_alone(
    remotes: LocalGitRemotes, address: Address, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    await _out(remotes, address, tmp_path / "out")
    (tmp_path / "out" / "mine").write_text("1")
    with pytest.raises(RemoteFailure, match="not empty"):
        await _out(remotes, address, tmp_path / "out")
    assert (tmp_path / "out" / "mine").exists()


async def test_nothing_in_a_hostile_repository_is_executed(
    remotes: LocalGitRemotes,
    address: Address,
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trap = tmp_path / "trap"
    script = f"#!/bin/sh\ntouch {trap}\n"
    home = tmp_path / "home"
    home.mkdir()
    # The filters would exist for whoever runs the server; hooks would come from the user's template.
    (home / ".gitconfig").write_text(
        f'[filter "evil"]\n\tsmudge = touch {trap}\n\tclean = touch {trap}\n\tprocess = touch {trap}\n'
        f"[core]\n\tfsmonitor = touch {trap}\n\thooksPath = {home}/hooks\n[init]\n\ttemplateDir = "
        "{home}/template\n"
    )
    for folder in (home / "hooks", home / "template" / "hooks", repository.bare / "hooks"):
        folder.mkdir(parents=True, exist_ok=True)
        for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc"):
            (folder / hook).write_text(script)
            (folder / hook).chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(home / "template"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {trap}")
    (repository.bare / "hooks" / "reference-transaction").unlink()
    (repository.tree / "leaving").symlink_to("../../../../etc/passwd")
    (repository.tree / "absolute").symlink_to("/etc")
    repository.commit(
        {
            ".gitattributes": "* filter=evil diff=evil\n*.lfs filter=lfs\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::touch {trap}\n\tupdate = !touch {trap}\n',
            ".gitconfig": f"[core]\n\tfsmonitor = touch {trap}\n",
            "big.lfs": "version https://git-lfs.github.com/spec/v1\n",
            "hooks/post-checkout": script,
        }
    )
    commit = git(repository.bare, "rev-parse", "main")
    listed = git(repository.bare, "ls-tree", commit) + f"\n160000 commit {commit}\tx\n"
    tree = subprocess.run(
        ["git", "mktree"],
        cwd=repository.bare,
        input=listed,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    hostile = git(repository.bare, "commit-tree", tree.stdout.strip(), "-p", commit, "-m", "submodule")
    git(repository.bare, "update-ref", "refs/heads/main", hostile)
    folder, fetched = await _out(remotes, address, tmp_path / "out")
    assert fetched.commit_id == hostile
    assert not trap.exists()
    assert not (folder / ".git" / "hooks").exists()
    assert not (folder / ".git" / "modules").exists()
    assert (folder / "leaving").is_symlink()
    assert str((folder / "absolute").readlink()) == "/etc"
    assert list((folder / "x").iterdir()) == []
    assert (folder / "big.lfs").read_text().startswith("version https://git-lfs")


async def test_a_tree_with_a_git_folder_or_a_way_out_is_refused(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    blob = git(repository.bare, "rev-parse", "main:README.md")
    for number, name in enumerate([".git", "..", ".GIT", "git~1"]):
        made = _tree(repository.bare, f"100644 blob {blob}", "config")
        outer = _tree(repository.bare, f"40000 tree {made}", name)
        commit = git(repository.bare, "commit-tree", outer, "-m", "hostile")
        git(repository.bare, "update-ref", "refs/heads/main", commit)
        with pytest.raises(RemoteFailure):
            await _out(remotes, address, tmp_path / "outs" / f"o{number}")
        config = tmp_path / "outs" / f"o{number}" / ".git" / "config"
        assert not config.exists() or config.read_text() != "hello"
        assert not (tmp_path / "outs" / "config").exists()


def _made(bare: Path, content: str | bytes, *arguments: str) -> str:
    """The object that git makes of what it is given."""
    given = content.encode() if isinstance(content, str) else content
    done = subprocess.run(
        ["git", *arguments], cwd=bare, input=given, env=ENVIRONMENT, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def _tree(bare: Path, entry: str, name: str) -> str:
    """A tree object with a name that git itself would not write."""
    mode, _, key = entry.split()
    content = mode.encode() + b" " + os.fsencode(name) + b"\0" + bytes.fromhex(key)
    return _made(bare, content, "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
