"""What a finished run leaves behind: its statistics and its changed files."""

from pathlib import Path
from typing import Any

import msgspec

STATS_FILE = "dominostats.json"
MAX_STATS_BYTES = 2**20


def read_stats(*folders: Path) -> tuple[list[dict[str, str]], str | None]:
    """The statistics that the run wrote into the first of these folders, and a sentence when they cannot be read.

    The file is an object of names and values; numbers keep their shortest text form.
    """
    written = [folder / STATS_FILE for folder in folders]
    path = next((one for one in written if one.is_file() and not one.is_symlink()), None)
    if path is None:
        return [], None
    try:
        if path.stat().st_size > MAX_STATS_BYTES:
            return [], f"{STATS_FILE} is larger than {MAX_STATS_BYTES // 2**20} MiB and was not read."
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        return [], f"{STATS_FILE} could not be read: {error}."
    if not isinstance(content, dict):
        return [], f"{STATS_FILE} is not an object of names and values and was not read."
    return [{"name": name, "value": _text(value)} for name, value in content.items()], None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
