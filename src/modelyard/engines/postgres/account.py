"""Which account PostgreSQL runs as: our own, or a plain one when we are root, which it refuses."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

ACCOUNT = "modelyard-postgres"


def child_options() -> dict[str, Any]:
    """Options of a child process that make it run as PostgreSQL's account."""
    if os.geteuid() != 0:
        return {}
    entry = _entry()
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own(folder: Path) -> None:
    """Makes a folder with mode 0700 that PostgreSQL's account owns and can reach."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return
    entry = _entry()
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)  # traversable, not readable


def _entry() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT],
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(ACCOUNT)
