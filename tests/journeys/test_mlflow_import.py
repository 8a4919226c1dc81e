"""Another MLflow server moves in: with everything it has, also when the import is killed on its way."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric

from tests.journeys.commands import Done, environment_of, modelyard
from tests.journeys.gate import Gate, gate
from tests.journeys.mlflow_server import Picture, fill, mlflow_server, picture
from tests.journeys.running import DONE_SECONDS, RunningServer, running

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an MLflow server with something of everything."""
    folder = tmp_path_factory.mktemp("source")
    with mlflow_server(folder / "server") as url:
        fill(url, folder / "files")
        yield url


@pytest.fixture(scope="module")
def wanted(source: str) -> Picture:
    """What is to come over."""
    found = picture(source)
    assert [len(found[kind]) for kind in ("experiments", "runs", "models", "traces")] == [3, 11, 5, 5]
    assert sorted(found["registered"]["echo ü"]["versions"]) == ["1", "3", "4", "5"]
    return found


def _found(server: RunningServer, source: str) -> Picture:
    return picture(f"{server.url}/mlflow", server.key, of=source)


def _does(server: RunningServer, *words: str) -> str:
    done = modelyard(server, ["import", "mlflow", *words])
    assert done.code == 0, done.err
    return " ".join(done.err.split())


def _is_refused(server: RunningServer, *words: str) -> str:
    done = modelyard(server, ["import", "mlflow", *words])
    assert (done.code, done.out) == (1, ""), done.err
    assert "Traceback" not in done.err
    return " ".join(done.err.split())


@pytest.fixture
def through(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """The way to the server that is filled."""
    with _gate(server.url) as made:
        monkeypatch.setattr("tests.journeys.commands.environment_of", lambda server, key="": _words(server, made))
        yield made


def _gate(url: str):  # type: ignore[no-untyped-def]
    parts = urlsplit(url)
    return gate(str(parts.hostname), int(parts.port or 0))


def _words(server: RunningServer, way: Gate) -> dict[str, str]:
    return environment_of(server, server.key) | {"MODELYARD_URL": f"http://127.0.0.1:{way.port}"}


def test_everything_comes_over_once(server: RunningServer, through: Gate, source: str, wanted: Picture) -> None:
    would = _does(server, source, "--dry-run")
    assert "Would come" in would
    assert "11 runs" in would
    said = _does(server, source)
    assert "11 runs, 12,515 metric values, 43 files, 5 logged models, 2 registered models" in said
    assert _found(server, source) == wanted
    before = through.requests
    again = _does(server, source)
    assert "nothing. There already: 3 experiments, 11 runs, 5 logged models" in again
    # Lists of each experiment, and two of each registered model.
    assert through.requests - before <= 2 + 3 * 3 + 2 * 2
    assert _found(server, source) == wanted


def test_an_import_that_is_killed_goes_on_where_it_was(
    server: RunningServer, source: str, wanted: Picture, tmp_path: Path
) -> None:
    with _gate(server.url) as way:
        moments = iter((1, 3, 4, 9, 16, 25, *range(30, 400, 10)))
        kills = 0
        while _killed_at(next(moments), server, way, source, tmp_path / "said.txt"):
            kills += 1
    assert kills >= 10
    assert _found(server, source) == wanted


def _killed_at(moment: int, server: RunningServer, way: Gate, source: str, said: Path) -> bool:
    """Imports, and kills that when it has made so many requests; whether it was not done before."""
    words = [sys.executable, "-m", "modelyard", "import", "mlflow", source]
    with (
        said.open("wb") as out,
        subprocess.Popen(words, env=_words(server, way), stdout=out, stderr=out) as process,
    ):
        way.at(moment, lambda: os.kill(process.pid, signal.SIGKILL))
        code = process.wait(DONE_SECONDS)
    way.at(0, lambda: None)
    assert code in {0, -signal.SIGKILL}, said.read_text()
    return code != 0


def test_connections_that_break_off_are_made_again(
    server: RunningServer, through: Gate, source: str, wanted: Picture
) -> None:
    parts = urlsplit(source)
    with gate(str(parts.hostname), int(parts.port or 0)) as way:
        _cut_often(through, 7)
        _cut_often(way, 11)
        url = f"http://127.0.0.1:{way.port}"
        _does(server, url)
    assert _found(server, url) == wanted


def _cut_often(way: Gate, every: int) -> None:
    """Breaks connections off at each so-many-th request."""

    def cut() -> None:
        way.cut()
        way.at(every, cut)

    way.at(every, cut)
