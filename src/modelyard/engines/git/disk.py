"""What goes wrong with the disk below libgit2."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

# So much is left of a full disk when what did not fit has been taken back.
_MARGIN_BYTES = 2**16


@contextmanager
def disk_errors(folder: Path, size: int = 0) -> Iterator[None]:
    """What libgit2 reports as its own error, or as none at all, is raised as the OSError that it comes from.

    `folder` is on the disk that is written to; `size` is how many bytes were to be written at least.
    """
    try:
        yield
    except pygit2.GitError as error:
        said = os.strerror(errno.ENOSPC) in str(error)
        is_full = said or shutil.disk_usage(folder).free < size + _MARGIN_BYTES
        number = errno.ENOSPC if is_full else errno.EIO
        raise OSError(number, os.strerror(number)) from error
