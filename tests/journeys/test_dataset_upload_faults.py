"""Uploads into datasets that break off: by a killed command, by a killed API, by a killed server."""

import contextlib
import filecmp
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from domino import Domino
from domino.datasets import Uploader

from tests.journeys.commands import Done, environment_of, modelyard
from tests.journeys.running import DONE_SECONDS, RunningServer, running, wait_for

CHUNK_BYTES, CHUNKS, SMALL = 8 * 2**20, 24, 20
# Seconds.
MOMENT = 0.05


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all of these tests, however often it is killed."""
    with running(tmp_path_factory.mktemp("faults") / "home") as started:
        yield started


@pytest.fixture
def calls(server: RunningServer) -> Iterator[str]:
    """The id of a dataset."""
    made = _does(server, "create", "calls", "--json").json
    assert isinstance(made, dict)
    yield made["id"]
    _does(server, "delete", "calls", "--yes")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a file of many chunks, each another one, and small files that are sent before it."""
    folder = tmp_path / "data"
    folder.mkdir()
    with (folder / "large.bin").open("wb") as file:
        for number in range(CHUNKS):
            file.seek(number * CHUNK_BYTES)
            file.write(os.urandom(2**16))
    for number in range(SMALL):
        (folder / f"{number}.txt").write_text(str(number))
    return folder


def _does(server: RunningServer, *words: str, cwd: Path | None = None) -> Done:
    done = modelyard(server, ["datasets", *words], cwd=cwd)
    assert done.code == 0, done.err
    return done


@contextlib.contextmanager
def _uploading(server: RunningServer, calls: str, data: Path, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process that stands still when the server has some of the chunks but not all."""
    words = [sys.executable, "-m", "modelyard", "datasets", "upload", "calls", "data", "--jobs", "1"]
    with (
        said.open("wb") as out,
        subprocess.Popen(
            words,
            env=environment_of(server),
            cwd=data.parent,
            stdout=out,
            stderr=out,
            preexec_fn=_heed_interrupts,  # noqa: PLW1509
        ) as process,
    ):
        # It runs a moment at a time: it is not to be done before it was looked at.
        def has_begun() -> bool:
            process.send_signal(signal.SIGCONT)
            time.sleep(MOMENT)
            process.send_signal(signal.SIGSTOP)
            return _received(server, calls) > SMALL or process.poll() is not None

        try:
            wait_for(has_begun, DONE_SECONDS, said.read_text)
            assert process.poll() is None, said.read_text()
            yield process
        finally:
            process.kill()


def _heed_interrupts() -> None:
    """What a shell starts in the background ignores them, and so does all that is started by it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _received(server: RunningServer, calls: str) -> int:
    """How many chunks the API has written down."""
    return sum(
        log.read_bytes().count(b"]\n") for log in server.home.glob(f"datasets/{calls}/staging/*/received/*")
    )


def _sent(server: RunningServer) -> int:
    """How many chunks the API was sent, since it was started."""
    with server.http() as http:
        metrics = http.get("/metrics").text
    pattern = r'requests_total\{method="POST",route="[^"]*/snapshot/file",status="200"\} (\d+)'
    found = re.search(pattern, metrics)
    return int(found[1]) if found else 0


def _is_whole(server: RunningServer, data: Path) -> None:
    """Asserts that a dataset has what a folder has, as it is fetched."""
    _does(server, "download", "calls", "--output", "back", cwd=data.parent)
    back = data.parent / "back" / "data"
    names = [path.name for path in data.iterdir()]
    assert filecmp.cmpfiles(data, back, names, shallow=False) == (names, [], [])


def test_an_upload_whose_command_is_killed_is_resumed(
    server: RunningServer, calls: str, data: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said.txt"
    with _uploading(server, calls, data, said) as process:
        process.kill()
    found = re.search(r"Upload ([0-9a-f]{24}) of 21 files", said.read_text())
    assert found
    assert _does(server, "ls", "calls").out == ""
    there, sent = _received(server, calls), _sent(server)
    done = _does(server, "upload", "calls", "data", "--resume", found[1], cwd=data.parent)
    assert "21 files uploaded" in done.err
    assert _sent(server) - sent <= SMALL + CHUNKS - (there - SMALL)
    _is_whole(server, data)
    again = _does(server, "upload", "calls", "data", "--resume", found[1], "--json", cwd=data.parent)
    assert again.json["files"] == 21  # type: ignore[index]


def test_a_stopped_upload_says_how_to_go_on(server: RunningServer, calls: str, data: Path, tmp_path: Path) -> None:
    said = tmp_path / "said.txt"
    with _uploading(server, calls, data, said) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        assert process.wait(DONE_SECONDS) == 1
    text = " ".join(said.read_text().split())
    found = re.search(
        r"Stopped\. Go on with: modelyard datasets (upload calls data --resume ([0-9a-f]{24}))$", text
    )
    assert found, text
    _does(server, "cancel-upload", "calls", found[2])
    done = modelyard(server, ["datasets", *found[1].split()], cwd=data.parent)
    assert (done.code, "cancelled" in done.err) == (1, True), done.err


def test_an_upload_goes_on_when_the_api_comes_back(
    server: RunningServer, calls: str, data: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said.txt"
    with _uploading(server, calls, data, said) as process:
        server.kill("api")
        process.send_signal(signal.SIGCONT)
        assert process.wait(DONE_SECONDS) == 0, said.read_text()
    assert "21 files uploaded into admin/quick-start/calls" in said.read_text()
    _is_whole(server, data)


def test_the_official_client_goes_on_after_the_server_was_killed(
    server: RunningServer, calls: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    first = _uploader(server, calls)
    first.__enter__()
    thread = threading.Thread(target=lambda: _ignoring(first.upload), daemon=True)
    thread.start()
    wait_for(lambda: _received(server, calls) > 2, DONE_SECONDS, server.describe)
    server.kill("supervisor", "api", "runner", "postgres")
    first.interrupted = True
    there = _received(server, calls)
    assert 2 < there < SMALL + CHUNKS

    server.start()
    second = _uploader(server, calls)
    second.upload_key = first.upload_key
    second.upload()
    assert second.__exit__(None, None, None)
    _is_whole(server, data)


def _uploader(server: RunningServer, dataset_id: str) -> Any:
    """The part of the official client that uploads, as its `datasets_upload_files` makes it."""
    client = Domino("admin/quick-start", api_key=server.key, host=server.url)
    return Uploader(
        csrf_no_check_header=client._csrf_no_check_header,
        dataset_id=dataset_id,
        local_path_to_file_or_directory="data",
        log=client.log,
        request_manager=client.request_manager,
        routes=client._routes,
        target_relative_path=None,
        file_upload_setting=None,
        max_workers=1,
        target_chunk_size=None,
    )


def _ignoring(act: Any) -> None:
    with contextlib.suppress(Exception):
        act()
