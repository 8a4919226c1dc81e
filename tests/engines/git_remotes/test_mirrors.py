"""Mirrors that were broken, by a kill or by hand, work again after the next fetch."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from modelyard.engines.git_remotes import Address, Fetched, Reference, RemoteFailure
from modelyard.engines.git_remotes.local import LocalGitRemotes
from tests.engines.git_remotes.processes import exchanging
from tests.engines.git_remotes.repositories import Repository, git
from tests.engines.git_remotes.servers import GitServer

HEAD = Reference("Head")


def _only_pack(mirror: Path) -> Path:
    git(mirror, "-c", "repack.writeBitmaps=false", "repack", "-a", "-d", "--quiet")
    (pack,) = (mirror / "objects" / "pack").glob("*.pack")
    pack.chmod(0o600)
    return pack


def _truncate_the_pack(mirror: Path) -> None:
    pack = _only_pack(mirror)
    os.truncate(pack, pack.stat().st_size // 2)


def _empty_the_pack(mirror: Path) -> None:
    os.truncate(_only_pack(mirror), 0)


def _lose_the_pack(mirror: Path) -> None:
    _only_pack(mirror).unlink()


def _break_the_index(mirror: Path) -> None:
    index = _only_pack(mirror).with_suffix(".idx")
    index.chmod(0o600)
    os.truncate(index, 20)


def _empty_the_objects(mirror: Path) -> None:
    for loose in mirror.glob("objects/??/*"):
        loose.chmod(0o600)
        loose.write_bytes(b"")


def _leave_locks(mirror: Path) -> None:
    for name in ("refs/heads/main.lock", "packed-refs.lock", "HEAD.lock", "shallow.lock", "config.lock", "gc.pid"):
        (mirror / name).write_text("")
    (mirror / "objects" / "pack" / "tmp_pack_x").write_bytes(b"half")


def _empty_a_reference(mirror: Path) -> None:
    (mirror / "refs" / "heads" / "main").write_text("")


def _a_reference_to_nothing(mirror: Path) -> None:
    (mirror / "refs" / "heads" / "main").write_text("1" * 40 + "\n")


def _break_the_config(mirror: Path) -> None:
    (mirror / "config").write_text("[core\x00")


def _break_packed_refs(mirror: Path) -> None:
    git(mirror, "pack-refs", "--all")
    (mirror / "packed-refs").write_text("rubbish\n")


def _lose_the_head(mirror: Path) -> None:
    (mirror / "HEAD").unlink()


def _empty_the_head(mirror: Path) -> None:
    (mirror / "HEAD").write_text("")


def _lose_all(mirror: Path) -> None:
    for path in mirror.rglob("*"):
        if path.is_file():
            path.unlink()


def _leave_a_file(mirror: Path) -> None:
    git(mirror.parent, "init", "--quiet", "other")
    mirror.rename(mirror.parent / "away")
    mirror.write_text("no folder")


@pytest.mark.parametrize(
    "damage",
    [
        _truncate_the_pack, _empty_the_pack, _lose_the_pack, _break_the_index, _empty_the_objects, _leave_locks,
        _empty_a_reference, _a_reference_to_nothing, _break_the_config, _break_packed_refs, _lose_the_head,
        _empty_the_head, _lose_all, _leave_a_file,
    ],
)  # fmt: skip
@pytest.mark.parametrize("changed", [False, True], ids=["unchanged", "changed"])
async def test_a_broken_mirror_is_repaired(
    remotes: LocalGitRemotes,
    address: Address,
    repository: Repository,
    tmp_path: Path,
    damage: Callable[[Path], None],
    changed: bool,
) -> None:
    await remotes.fetch("r", address, None, HEAD)
    mirror = tmp_path / "mirrors" / "r.git"
    damage(mirror)
    if changed:
        repository.commit({"new": "1"})
    commit = git(repository.bare, "rev-parse", "main")
    assert await remotes.fetch("r", address, None, HEAD) == Fetched(commit, "main")
    git(mirror, "fsck", "--strict")
    await remotes.check_out("r", Fetched(commit, "main"), address, tmp_path / "out")
    assert git(tmp_path / "out", "status", "--porcelain") == ""
    assert [path.name for path in mirror.parent.glob(".[no]*")] == []


async def test_damage_that_only_a_check_out_sees(
    remotes: LocalGitRemotes, address: Address, repository: Repository, tmp_path: Path
) -> None:
    fetched = await remotes.fetch("r", address, None, HEAD)
    blob = git(repository.bare, "rev-parse", "main:README.md")
    (tmp_path / "mirrors" / "r.git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RemoteFailure, match="damaged and has been removed"):
        await remotes.check_out("r", fetched, address, tmp_path / "out")
    assert await remotes.fetch("r", address, None, HEAD) == fetched
    await remotes.check_out("r", fetched, address, tmp_path / "again")


async def test_a_failing_remote_does_not_cost_the_mirror(
    remotes: LocalGitRemotes, server: GitServer, address: Address, tmp_path: Path
) -> None:
    await remotes.fetch("r", address, None, HEAD)
    _truncate_the_pack(tmp_path / "mirrors" / "r.git")
    server.status = 503
    with pytest.raises(RemoteFailure, match="problem of its own"):
        await remotes.fetch("r", address, None, HEAD)
    server.status = None
    assert await remotes.fetch("r", address, None, HEAD)


async def test_kill_9_of_git_in_the_middle(
    remotes: LocalGitRemotes, server: GitServer, address: Address, tmp_path: Path
) -> None:
    server.hangs.set()
    work = asyncio.create_task(remotes.fetch("r", address, None, Reference("Branch", "main")))
    await asyncio.to_thread(server.waiting.wait, 30)
    for child in exchanging():
        child.kill()
    with pytest.raises(RemoteFailure, match="was killed"):
        await work
    server.hangs.clear()
    assert await remotes.fetch("r", address, None, HEAD)


_FETCHER = """
import asyncio, sys
from pathlib import Path
from modelyard.engines.git_remotes import AddressRules, Reference, parse_address
from modelyard.engines.git_remotes.local import LocalGitRemotes
rules = AddressRules(["127.0.0.0/8"])
remotes = LocalGitRemotes(Path(sys.argv[1]), rules, sys.argv[2], timeout_seconds=60)
asyncio.run(remotes.fetch("r", parse_address(sys.argv[3], rules), None, Reference("Branch", "main")))
"""


async def test_kill_9_of_the_server_keeps_the_lock_with_git(
    remotes: LocalGitRemotes, server: GitServer, address: Address, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    server.hangs.set()
    arguments = [str(tmp_path / "mirrors"), str(certificate[0]), address.uri]
    fetcher = subprocess.Popen([sys.executable, "-c", _FETCHER, *arguments])
    await asyncio.to_thread(server.waiting.wait, 30)
    orphans = psutil.Process(fetcher.pid).children(recursive=True)
    fetcher.kill()
    fetcher.wait()
    server.hangs.clear()
    work = asyncio.create_task(remotes.fetch("r", address, None, HEAD))
    done, _ = await asyncio.wait([work], timeout=0.5)
    assert not done  # the orphan still writes
    os.killpg(orphans[0].pid, signal.SIGKILL)
    assert await work
