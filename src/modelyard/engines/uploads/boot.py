"""What tells one run of the machine from the next."""

from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_of_machine() -> str:
    """A name of this run of the machine; processes that start anew within it find the same."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # The moment of the start, in minutes: it moves by a second or two when the clock is set.
        return str(int(psutil.boot_time() // 60))
