"""Where Unix sockets are put: their paths may not be long."""

import hashlib
import os
import tempfile
from pathlib import Path

LONGEST_FOLDER = 85


def socket_folder(folder: Path) -> Path:
    """The folder itself, or a temporary one where the path of a socket in it would be too long."""
    if len(os.fsencode(folder)) <= LONGEST_FOLDER:
        return folder
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"modelyard-{os.geteuid()}-{mark}"
