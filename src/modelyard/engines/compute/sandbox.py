"""Isolation by bubblewrap, where it is installed and works."""

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from modelyard.engines.compute import IsolationReport, Mount

# Of the host a program sees its programs, libraries and configuration, read-only, and nothing else.
_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "nix", "sys")
_MASKED = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/krb5.keytab")
_EMPTIED = ("/etc/ssh", "/etc/sudoers.d", "/etc/ssl/private")


@cache
def bubblewrap() -> str | None:
    """The path of a bubblewrap that really works on this machine, or None."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    trial = [*_arguments(program, network=True), "--", "/bin/true"]
    try:
        done = subprocess.run(trial, check=False, capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if done.returncode == 0 else None


def wrapped(
    program: str, argv: Sequence[str], mounts: Sequence[Mount], working_dir: str, *, network: bool, gpus: bool
) -> list[str]:
    """The command line that runs `argv` seeing the system, its mounts, a private /tmp and nothing else."""
    command = _arguments(program, network=network)
    for mount in mounts:
        command += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    if gpus:
        for device in sorted(Path("/dev").glob("nvidia*")):
            command += ["--dev-bind", str(device), str(device)]
    return [*command, "--chdir", working_dir, "--", *argv]


def interpreter_mounts(environment: Path) -> list[Mount]:
    """What a virtual environment needs to be seen: itself, and the Python it was made from."""
    mounts = {str(environment): Mount(environment, str(environment))}
    python = environment / "bin" / "python"
    places = [python.resolve().parent.parent]
    while python.is_symlink():
        python = python.parent / python.readlink()
        places.append(python.parent.parent)
    for place in places:
        hidden = len(place.parts) > 1 and place.parts[1] not in _SYSTEM
        if hidden and not place.is_relative_to(environment):
            mounts[str(place)] = Mount(place, str(place))
    return list(mounts.values())


def isolation_report(mode: str = "auto", network: str = "host") -> IsolationReport:
    """What isolates programs on this machine under these settings, and what does not."""
    if mode != "none" and bubblewrap():
        reach = "the network as the host does" if network == "host" else "no network"
        return IsolationReport(
            True,
            "Jobs are isolated by bubblewrap.",
            (
                "A job sees its own /mnt, /tmp and /domino, and the system's programs read-only;",
                "it does not see the platform's home, other jobs, or the home folders of people.",
                f"It reaches {reach}. Cores, memory and time of its tier are enforced.",
                "Memory is watched four times a second, not capped by the kernel: short peaks can go over.",
            ),
        )
    why = "it is switched off" if mode == "none" else "bubblewrap is not installed or does not work here"
    return IsolationReport(
        False,
        f"Jobs are NOT isolated: {why}.",
        (
            "A job runs as the server's account and can read whatever that account can read,",
            "the platform's home and other jobs' files included. Let only people run jobs whom you trust so far.",
            "Cores (on Linux), memory and time of its tier are still enforced.",
            "On Linux, install bubblewrap (`apt-get install bubblewrap`) and start the server again.",
        ),
    )


def _arguments(program: str, *, network: bool) -> list[str]:
    command = [
        program, "--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev",
        "--tmpfs", "/tmp", "--tmpfs", "/run", "--dir", "/var/tmp",
    ]  # fmt: skip
    if not network:
        command.append("--unshare-net")
    return [*command, *_system(), *_name_resolution(network=network)]


def _system() -> list[str]:
    """The host's programs and configuration, but for what only its administrator may read."""
    command: list[str] = []
    for name in _SYSTEM:
        place = Path("/") / name
        if place.is_symlink():
            command += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            command += ["--ro-bind", str(place), str(place)]
    for hidden in _MASKED:
        if Path(hidden).exists():
            command += ["--ro-bind", "/dev/null", hidden]
    for emptied in _EMPTIED:
        if Path(emptied).is_dir():
            command += ["--tmpfs", emptied]
    return command


def _name_resolution(*, network: bool) -> list[str]:
    """Where /etc/resolv.conf is a link into a folder that is not seen, its target."""
    target = Path("/etc/resolv.conf").resolve()
    if network and target.exists() and target.parts[1] not in _SYSTEM:
        return ["--ro-bind", str(target), str(target)]
    return []
