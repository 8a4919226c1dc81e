"""git as a child program: a clean environment, bounded output, and an end in every case."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from modelyard.engines.git_remotes.failures import RemoteFailure

KEPT_BYTES = 256 * 1024
_PIECE = 64 * 1024
# What a repository's own files could otherwise make git do: run hooks, watchers and filters, follow submodules.
SAFE_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.symlinks=true",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.askPass=",
    "credential.helper=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "fetch.writeCommitGraph=false",
    "fetch.negotiationAlgorithm=default",
    "transfer.credentialsInUrl=die",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "protocol.allow=never",
)


class Ended(msgspec.Struct, frozen=True):
    """How a child ended: its exit code (negative for a signal) and the ends of what it wrote."""

    code: int
    out: str
    errors: str


def git_environment(home: Path, protocols: str) -> dict[str, str]:
    """What a git child knows: nothing of the server's account, and only the named protocols (`https:ssh`)."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
    }


async def run_git(
    arguments: Sequence[str], environment: Mapping[str, str], folder: Path, *, held: Sequence[int] = ()
) -> Ended:
    """Runs git in a session of its own and waits; `folder` is its working folder.

    The descriptors `held` stay open in it, so that a lock outlives this process as long as git does. When the
    waiting is cancelled, git and everything it started is killed. Raises RemoteFailure when git is missing.
    """
    config = [part for setting in SAFE_CONFIG for part in ("-c", setting)]
    program = shutil.which("git", path=environment["PATH"])
    if program is None:
        raise RemoteFailure("The program git is not installed on this server; an administrator has to install it.")
    process = await asyncio.create_subprocess_exec(
        program,
        *config,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        cwd=folder,
        start_new_session=True,
        pass_fds=tuple(held),
    )
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    try:
        out, errors, code = await asyncio.gather(_end(process.stdout), _end(process.stderr), process.wait())
        return Ended(code, out, errors)
    finally:
        # Also when the leader has gone: what it started may live on. macOS says EPERM for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _end(stream: asyncio.StreamReader) -> str:
    """The last bytes of a stream, read until its end."""
    kept = b""
    while piece := await stream.read(_PIECE):
        kept = (kept + piece)[-KEPT_BYTES:]
    return kept.decode("utf-8", "replace")
