"""The official client uploads into a dataset, unchanged: folders, large files, names of all kinds."""

import os
from pathlib import Path
from typing import Any

import pytest
from domino import Domino

from tests.journeys.running import DONE_SECONDS, RunningServer, wait_for
from tests.journeys.test_large_files import bounded

PIECE = os.urandom(2**20)
LARGE = b"".join(PIECE[at:] + PIECE[:at] for at in range(256))


@pytest.fixture
def domino(server: RunningServer) -> Domino:
    return Domino("admin/quick-start", api_key=server.key, host=server.url)


@pytest.fixture
def dataset(domino: Domino) -> str:
    """A dataset of the administrator's."""
    return str(domino.datasets_create("files", "")["datasetId"])


def test_the_official_client_uploads_folders_and_large_files(
    server: RunningServer, domino: Domino, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"many/d{n % 5}/__init__{n // 5}.py": b"x" * (n % 3) for n in range(60)}
    files |= {"many/large.bin": LARGE, 'many/数据 & "so+on" 100%.csv': b"1,2", "many/empty": b""}
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    with bounded(server):
        assert domino.datasets_upload_files(dataset, "many", target_relative_path="a b/c+d & é") == "many"
    assert _live(server, dataset) == {f"a b/c+d & é/{path}": data for path, data in files.items()}

    domino.datasets_upload_files(dataset, "many/empty", file_upload_setting="Rename")
    (tmp_path / "many/empty").write_bytes(b"not any more")
    domino.datasets_upload_files(dataset, "many/empty", file_upload_setting="Ignore")
    domino.datasets_upload_files(dataset, "many/empty", file_upload_setting="Rename", target_chunk_size=5)
    live = _live(server, dataset)
    assert {path: live[path] for path in live if path.startswith("many/")} == {
        "many/empty": b"",
        "many/empty (1)": b"not any more",
    }
    staging = server.home / "datasets" / dataset / "staging"
    wait_for(lambda: {path.suffix for path in staging.iterdir()} == {".over"}, DONE_SECONDS)


def _live(server: RunningServer, dataset: str) -> dict[str, Any]:
    root = server.home / "datasets" / dataset / "live"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
