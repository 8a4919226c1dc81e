"""Another MLflow server moves in: with everything it has, also when the import is killed on its way."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mlflow import MlflowClient

from tests.journeys.commands import environment_of, modelyard
from tests.journeys.gate import Gate, gate
from tests.journeys.mlflow_server import Picture, fill, mlflow_server, picture
from tests.journeys.running import DONE_SECONDS, RunningServer

BY_GRACE = {"mlflow.user": "grace"}

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the MLflow server keeps files."""
    return tmp_path_factory.mktemp("source") / "server" / "artifacts"


@pytest.fixture(scope="module")
def source(stored: Path) -> Iterator[str]:
    """The URL of an MLflow server with something of everything."""
    with mlflow_server(stored.parent) as url:
        fill(url, stored.parents[1] / "files")
        yield url


@pytest.fixture
def wanted(source: str) -> Picture:
    """What is to come over."""
    found = picture(source)
    versions = found["registered"]["echo ü"]["versions"]
    assert sorted(versions) == ["1", "3", "4", "5"]
    assert versions["4"]["stage"] == "Production"
    return found


@contextmanager
def _experiment(source: str, name: str) -> Iterator[tuple[MlflowClient, str]]:
    """An experiment of the source that is gone with the block."""
    client = MlflowClient(source)
    made = client.create_experiment(name)
    try:
        yield client, made
    finally:
        client.delete_experiment(made)


def _found(server: RunningServer, source: str) -> Picture:
    return picture(f"{server.url}/mlflow", server.key, of=source)


def _does(server: RunningServer, *words: str) -> str:
    done = modelyard(server, ["import", "mlflow", *words])
    assert (done.code, done.out) == (0, ""), done.err
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


def _gate(url: str) -> AbstractContextManager[Gate]:
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
    assert "Not carried over" not in said
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
    with _gate(source) as way:
        _cut_often(through, 13)
        _cut_often(way, 17)
        url = f"http://127.0.0.1:{way.port}"
        _does(server, url)
    assert _found(server, url) == wanted


def _cut_often(way: Gate, every: int) -> None:
    """Breaks connections off at each so-many-th request."""

    def cut() -> None:
        way.cut()
        way.at(every, cut)

    way.at(every, cut)


def test_what_changed_since_comes_with_the_next_import(server: RunningServer, source: str) -> None:
    with _experiment(source, "growing") as (client, experiment):
        _grows(server, source, client, experiment)


def _grows(server: RunningServer, source: str, client: MlflowClient, experiment: str) -> None:
    run = client.create_run(experiment, tags=BY_GRACE).info.run_id
    client.log_metric(run, "loss", 1.0, step=1)
    _does(server, source, "--experiment", "growing")
    client.log_metric(run, "loss", 0.5, step=2)
    client.log_dict(run, {"late": True}, "late.json")
    client.set_tag(run, "checked", "yes")
    client.set_terminated(run)
    client.create_run(experiment, run_name="second", tags=BY_GRACE)
    said = _does(server, source, "--experiment", "growing")
    assert "Imported from" in said
    assert "2 runs, 2 metric values, 1 file." in said
    expected = {key: value for key, value in picture(source)["runs"].items() if value["of"] == experiment}
    assert _found(server, source)["runs"] == expected


def test_deleted_runs_and_experiments_come_when_they_are_asked_for(server: RunningServer, source: str) -> None:
    with _experiment(source, "thinned") as (client, experiment):
        kept, gone = (client.create_run(experiment).info.run_id for _ in range(2))
        client.delete_run(gone)
        _thins(server, source, kept, gone)


def _thins(server: RunningServer, source: str, kept: str, gone: str) -> None:
    _does(server, source, "--experiment", "thinned")
    assert set(_found(server, source)["runs"]) == {kept}
    _does(server, source, "--experiment", "thinned", "--experiment", "gone", "--deleted")
    stages = {key: run["info"]["lifecycle_stage"] for key, run in _found(server, source)["runs"].items()}
    assert stages == {kept: "active", gone: "deleted"}
    again = _does(server, source, "--experiment", "thinned", "--experiment", "gone", "--deleted")
    assert "nothing. There already: 2 experiments, 2 runs." in again
    with server.http() as http:
        body = {"max_results": 100, "view_type": "DELETED_ONLY"}
        found = http.post("/mlflow/api/2.0/mlflow/experiments/search", json=body).json()["experiments"]
    assert [one["name"] for one in found] == ["gone"]


def test_what_is_left_out_comes_later_and_alone(server: RunningServer, source: str, wanted: Picture) -> None:
    said = _does(server, source, "--no-artifacts", "--no-models")
    assert "11 runs, 12,515 metric values." in said
    assert _found(server, source)["models"] == {}
    assert "11 runs, 12,515 metric values, 43 files, 5 logged models" in _does(server, source)
    assert _found(server, source) == wanted
    assert "Imported from" in _does(server, source, "--no-artifacts")


def test_names_that_are_taken_are_left_alone(server: RunningServer, source: str) -> None:
    with server.http() as http:
        made = http.post("/mlflow/api/2.0/mlflow/experiments/create", json={"name": "plain"})
        assert made.status_code == 200
        http.post("/mlflow/api/2.0/mlflow/registered-models/create", json={"name": "plain"}).raise_for_status()
        said = _is_refused(server, source, "--experiment", "plain")
        assert (
            "The registered model plain was left behind: a registered model of this name is there already" in said
        )
        assert "Left behind: 1 registered model." in said
        body = {"max_results": 10, "order_by": ["name ASC"]}
        found = http.post("/mlflow/api/2.0/mlflow/experiments/search", json=body).json()["experiments"]
        model = http.get("/mlflow/api/2.0/mlflow/registered-models/get", params={"name": "plain"}).json()
    assert [one["name"] for one in found] == ["plain", "plain (imported)"]
    assert "latest_versions" not in model["registered_model"] or not model["registered_model"]["latest_versions"]


def test_a_stage_that_the_project_does_not_have_is_said(server: RunningServer, source: str) -> None:
    with server.http() as http:
        projects = http.get("/api/projects/beta/projects").json()["projects"]
        project = next(one["id"] for one in projects if one["name"] == "quick-start")
        body = {"items": [{"label": "None"}, {"label": "Live"}]}
        http.put(f"/api/registeredmodels/v1/versionstages/{project}", json=body).raise_for_status()
    said = _does(server, source, "--experiment", "churn", "--no-artifacts")
    assert "Version 4 of echo ü is not in the stage Production as it was" in said
    assert (
        "Not carried over: model versions of other experiments (1), registered models of other experiments (1)"
        in said
    )
    assert "stages of model versions (1)" in said


def test_what_cannot_be_imported_is_said(server: RunningServer, source: str) -> None:
    assert "has no experiment missing" in _is_refused(server, source, "--experiment", "missing")
    assert "is not the URL of an MLflow server" in _is_refused(server, "tracking:5000")
    assert "does not answer as an MLflow server does" in _is_refused(server, f"{server.url}/health")
    assert "There is no project" in _is_refused(server, source, "--project", "missing")


def test_a_file_that_cannot_come_is_named_and_tried_again(
    server: RunningServer, source: str, stored: Path
) -> None:
    with _experiment(source, "damaged") as (client, experiment):
        run = client.create_run(experiment).info.run_id
        client.log_text(run, "whole", "whole.txt")
        folder = stored / experiment / run / "artifacts"
        (folder / "..%2Fodd.txt").write_text("odd")
        said = _is_refused(server, source, "--experiment", "damaged")
        assert f"The run {run} of experiment damaged was left behind: the file ..%2Fodd.txt:" in said
        assert "Left behind: 1 run." in said
        (folder / "..%2Fodd.txt").rename(folder / "even.txt")
        assert "1 run, 1 file." in _does(server, source, "--experiment", "damaged")
    assert len(_found(server, source)["runs"][run]["files"]) == 2


def test_credentials_are_sent_and_never_written_down(server: RunningServer, source: str) -> None:
    parts = urlsplit(source)
    with_secret = f"{parts.scheme}://ada:s3cret@{parts.netloc}"
    said = _does(server, with_secret, "--experiment", "prices/2026")
    assert "s3cret" not in said
    runs = _found(server, source)["runs"]
    assert len(runs) == 2
    with server.http() as http:
        events = http.get("/v4/events", params={"limit": 100})
    assert "s3cret" not in events.text
