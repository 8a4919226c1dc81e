"""Writes a snapshot by docs/decisions/0008-dataset-store.md alone: `read_store.py STORE HOLD-OR-ROOT TARGET`."""

import sqlite3
import struct
import sys
from pathlib import Path

from blake3 import blake3
from msgspec import msgpack

store, name, target = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
pieces = {}
for pack in store.glob("packs/*.pack"):
    with pack.open("rb") as file:
        while len(header := file.read(37)) == 37:
            key, size, is_node = struct.unpack("<32sI?", header)
            if file.seek(size, 1) <= pack.stat().st_size:  # else its writer was killed
                pieces[key] = pack, file.tell() - size, size, is_node


def _read(keys):
    """What lies below keys that stand one behind the other: leaves of a tree, or pieces of a file."""
    while keys:
        pack, place, size, is_node = pieces.get(keys[:32]) or sys.exit(f"{keys[:32].hex()} is missing.")
        with pack.open("rb") as file:
            piece = file.seek(place) and file.read(size)
        context = "modelyard 2026-11-25 tree node v1" if is_node else None
        if blake3(piece, derive_key_context=context).digest() != keys[:32]:
            sys.exit(f"{keys[:32].hex()} is damaged.")
        level, items = msgpack.decode(piece) if is_node else (0, piece)
        if level == 0:
            yield items
        keys = (items if level < 0 else b"".join(item[4] for item in items) if level else b"") + keys[32:]


# The index knows the root of a hold, and nothing else that is needed.
find = "SELECT hex(key) FROM holds WHERE name = ?"
root = name if len(name) == 64 else sqlite3.connect(store / "index.sqlite").execute(find, [name]).fetchone()[0]
target.mkdir()
for leaf in _read(bytes.fromhex(root)):
    for path, kind, _, content in leaf:
        (place := target / path).parent.mkdir(parents=True, exist_ok=True)
        if kind == "l":
            place.symlink_to(content.decode())
        elif kind == "d":
            place.mkdir()
        else:
            place.touch(0o755 if kind == "x" else 0o644)
            place.open("wb").writelines(_read(content))
