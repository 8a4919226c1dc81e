"""Pages of 100 entries in a dataset of a million files, of a stored tree and of a live folder's index."""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.serving import table
from modelyard.engines.blobs.local import LocalBlobStore
from modelyard.engines.folders import queries
from modelyard.engines.folders.local import LocalFolders
from modelyard.engines.trees import Entry, Kind, building, children_of
from modelyard.engines.trees.files import Files, StoredTree, browse
from modelyard.kit.safe_path import SafePath
from modelyard.kit.sqlite import transaction

MANY, FOLDERS, FEW, PAGE, ROUNDS = 500_000, 1000, 10, 100, 101

PAGES = [
    ("first page", "flat", None),
    ("page in the middle", "flat", f"flat/f{MANY // 2:07}"),
    ("page near the end", "flat", f"flat/f{MANY - 150:07}"),
    ("folder of 10 files", "few", None),
    ("page of 100 folders of 500 files each", "nested", f"nested/d{FOLDERS // 2:04}"),
]


def measure() -> None:
    """Half a million files in one folder, as many in a thousand, and ten in another; the pages take turns."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("MODELYARD_BENCH_FOLDER")) as folder:
        home = Path(folder)
        store = LocalBlobStore(home / "blobs", children_of)
        live = LocalFolders(home / "datasets", store).live("d")
        with store.writing() as writing:
            root = building.build(_entries(), writing.put)
            writing.hold("snapshot:1", root)
        with closing(queries.open_index(live.root.parent / "index.sqlite")) as index, transaction(index):
            queries.put(index, ((one.path, one.kind.value, one.size, 1, 1, 1) for one in _entries()))
        places: dict[str, Files] = {"snapshot": StoredTree(store, root), "live": live}
        times: dict[tuple[str, str], list[float]] = {}
        turns = [(kind, *page) for kind in places for page in PAGES]
        for _ in range(ROUNDS):
            random.shuffle(turns)
            for kind, what, below, after in turns:
                times.setdefault((kind, what), []).append(_seconds(places[kind], below, after))
    _print(times)


def _seconds(files: Files, folder: str, after: str | None) -> float:
    began = time.perf_counter()
    found = browse(files, SafePath(folder), after, PAGE)
    took = time.perf_counter() - began
    if len(found.items) != (FEW if folder == "few" else PAGE):
        raise RuntimeError(f"{len(found.items)} entries on a page of {folder}")
    return took


def _print(times: dict[tuple[str, str], list[float]]) -> None:
    rows: list[tuple[str, ...]] = [("what", "snapshot", "ratio", "live", "ratio", "budget")]
    for what, folder, _ in PAGES:
        cells = [what]
        for kind in ("snapshot", "live"):
            median = statistics.median(times[kind, what])
            cells += [f"{median * 1e3:.2f} ms", f"{median / statistics.median(times[kind, PAGES[0][0]]):.2f}x"]
        rows.append((*cells, "2x" if folder != "nested" else ""))
    table(f"Pages of {PAGE} entries in a dataset of a million files", rows)


def _entries() -> Iterator[Entry]:
    """Empty files, in order."""
    for number in range(FEW):
        yield Entry(f"few/f{number}", Kind.FILE, 0, b"")
    for number in range(MANY):
        yield Entry(f"flat/f{number:07}", Kind.FILE, 0, b"")
    for number in range(MANY):
        yield Entry(f"nested/d{number // (MANY // FOLDERS):04}/f{number:07}", Kind.FILE, 0, b"")
