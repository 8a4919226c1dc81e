"""Which requests a replica has begun, told by a file that outlives it.

The file is an array of u64 in the machine's own byte order, one for each connection: the highest number begun.
The replica writes it before it does what was asked. An endpoint that loses its connection reads there what may
have had effects; all later requests have had none.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

FILE = "begun"
SLOTS = 512
SLOT_BYTES = 8


class Slots:
    """The places of the array that connections may have; the one free for longest is given next."""

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.ftruncate(descriptor, SLOTS * SLOT_BYTES)
            self.numbers = memoryview(mmap.mmap(descriptor, SLOTS * SLOT_BYTES)).cast("Q")
        finally:
            os.close(descriptor)
        self._free = list(range(SLOTS))

    def take(self) -> int | None:
        """A slot set to zero, or None when there are too many connections."""
        if not self._free:
            return None
        slot = self._free.pop(0)
        self.numbers[slot] = 0
        return slot

    def give_back(self, slot: int) -> None:
        """Frees a slot whose connection is closed."""
        self._free.append(slot)
