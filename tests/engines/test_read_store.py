"""A store is read without Modelyard: by its packs and a short script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.engines.blobs import Key
from modelyard.engines.blobs.local import LocalBlobStore
from modelyard.engines.folders.local import LocalFolders
from modelyard.engines.trees import PIECE_BYTES, children_of

SCRIPT = Path(__file__).parents[2] / "scripts/read_store.py"


class World:
    """A dataset with every kind of thing in it, and a snapshot of it."""

    def __init__(self, home: Path) -> None:
        self.blobs = home / "blobs"
        self.store = LocalBlobStore(self.blobs, children_of)
        self.live = LocalFolders(home / "datasets", self.store).live("d")
        self.target = home / "target"
        for number in range(700):  # more than one node has
            self.write(f"many/f{number}", str(number).encode())
        self.write("large", os.urandom(3 * PIECE_BYTES + 17))
        self.write("one piece", os.urandom(PIECE_BYTES))
        self.write("empty")
        self.write("sub/tool", b"#!/bin/sh\n").chmod(0o755)
        (self.live.root / "sub/link").symlink_to("../large")
        (self.live.root / "nothing/in/here").mkdir(parents=True)
        self.root = self.snapshot()

    def write(self, path: str, content: bytes = b"") -> Path:
        place = self.live.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def snapshot(self, name: str = "snapshot:1") -> Key:
        self.live.look()
        return self.live.take(name, quiet=True).root

    def read(self, name: str) -> subprocess.CompletedProcess[str]:
        """Runs the script with nothing of Modelyard to import."""
        words = [sys.executable, "-S", "-c", _ALONE, SCRIPT, self.blobs, name, self.target]
        return subprocess.run(words, capture_output=True, text=True, check=False)


# Runs a script, and has every import of Modelyard fail.
_ALONE = """
import runpy, site, sys
site.main()
sys.modules["modelyard"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def described(folder: Path) -> dict[str, object]:
    """What is in a folder: folders, where links point to, contents of files and whether they are executable."""
    found: dict[str, object] = {}
    for place in folder.rglob("*"):
        name = str(place.relative_to(folder))
        if place.is_symlink():
            found[name] = place.readlink()
        elif place.is_dir():
            found[name] = "folder"
        else:
            found[name] = place.read_bytes(), bool(place.stat().st_mode & 0o100)
    return found


def test_a_snapshot_is_written_by_its_name(world: World) -> None:
    expected = described(world.live.root)
    (world.live.root / "large").write_bytes(b"another one")
    world.snapshot("snapshot:2")
    done = world.read("snapshot:1")
    assert done.stderr == ""
    assert described(world.target) == expected


def test_a_snapshot_is_written_by_its_root_when_the_index_is_lost(world: World) -> None:
    for left in world.blobs.glob("index.sqlite*"):
        left.unlink()
    (world.blobs / "packs/killed.pack").write_bytes(world.root + b"\xff\xff\0\0\1cut off")
    done = world.read(world.root.hex())
    assert done.stderr == ""
    assert described(world.target) == described(world.live.root)


def test_a_flipped_byte_is_found(world: World) -> None:
    (pack,) = world.blobs.glob("packs/*.pack")
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    done = world.read("snapshot:1")
    assert done.returncode != 0
    assert "is damaged" in done.stderr


def test_the_script_is_short_and_needs_little() -> None:
    lines = SCRIPT.read_text().splitlines()
    assert len(lines) <= 50
    needed = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert needed - sys.stdlib_module_names == {"blake3", "msgspec"}
