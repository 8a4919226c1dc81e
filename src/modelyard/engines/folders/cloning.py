"""Copies of files; where the file system can do that, they share the disk with what they are made from."""

import errno
import fcntl
import os
import shutil
import sys
from pathlib import Path

# Of linux/fs.h: makes a file share the blocks of another one.
_FICLONE = 0x40049409
_CANNOT = {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM}


def clone(source: int, target: int) -> bool:
    """Has an empty file share all blocks of another, both by their descriptors; False where none can."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in _CANNOT:
            return False
        raise
    return True


def durable_copy(source: Path, target: Path) -> None:
    """Writes a copy that outlives a crash, instead of whatever file is at the target."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with source.open("rb") as content, os.fdopen(descriptor, "wb") as copy:
        shutil.copyfileobj(content, copy, 2**20)
        copy.flush()
        os.fsync(copy.fileno())
