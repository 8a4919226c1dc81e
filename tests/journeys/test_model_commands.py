"""`modelyard models serve`, `call` and what goes with them, against a real server."""

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

import httpx
import mlflow
import pytest

from tests.journeys.commands import Done, Somebody, modelyard
from tests.journeys.running import DONE_SECONDS, RunningServer, running, wait_for
from tests.journeys.tracking import client_of

ADDER = "def predict(x, y=1):\n    print('asked for', x)\n    return {'sum': x + y}\n"
MULTIPLIER = "def predict(x, y=1):\n    return {'product': x * y}\n"
BROKEN = "raise RuntimeError('no weights here')\n"
SLOW = "def predict(x):\n    return x * 2\n"
PLAIN = ("--environment", "Plain Python")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all of these tests."""
    with running(tmp_path_factory.mktemp("serving") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def ada(server: RunningServer) -> Somebody:
    """Who serves models."""
    return Somebody(server, "ada")


@pytest.fixture(scope="module")
def bob(server: RunningServer) -> Somebody:
    """A stranger."""
    return Somebody(server, "bob")


def _project(ada: Somebody, name: str, folder: Path, text: str) -> None:
    """A project of Ada's, and a folder with a model for it."""
    ada.does("project", "create", name)
    folder.joinpath("model.py").write_text(text)


def _serve(ada: Somebody, project: str, folder: Path, *more: str, stdin: str = "") -> Done:
    words = ("models", "serve", "model.py:predict", "--project", project, "--folder", str(folder), *PLAIN, *more)
    return modelyard(ada.server, words, key=ada.key, stdin=stdin)


def _asked(address: str, token: str) -> httpx.Response:
    return httpx.post(address, json={"data": {"x": 2}}, auth=(token, token), timeout=30)


def test_a_function_is_served_and_called_in_every_way(ada: Somebody, bob: Somebody, tmp_path: Path) -> None:
    _project(ada, "adding", tmp_path, ADDER)
    done = _serve(ada, "adding", tmp_path, "--name", "adder", "--token", "ci")
    assert done.code == 0, done.err
    address, token = done.out.split()
    assert "Version 1 of adder" in done.err
    body = """'{"data":{"x":1,"y":1}}'"""
    assert f"curl -u TOKEN:TOKEN -H 'Content-Type: application/json' -d {body} {address}\n" in done.err
    assert _asked(address, token).json()["result"] == {"sum": 3}
    assert _asked(address, "mdm_wrong").status_code == 401

    call = ("models", "call", "adder")
    assert ada.does(*call, "--data", '{"x": 2}').json == {"sum": 3}
    assert ada.does(*call, "--data", "[2, 5]", "--version", "1").json == {"sum": 7}
    assert ada.does(*call, "--data", "2").json == {"sum": 3}
    assert ada.does(*call, "--example").json == {"sum": 2}
    assert ada.does(*call, stdin='{"data": {"x": 4}}').json == {"sum": 5}
    (tmp_path / "body.json").write_text('{"parameters": [1, 1]}')
    assert ada.does(*call, "--file", "body.json", cwd=tmp_path).json == {"sum": 2}
    raw = ada.does(*call, "--data", "[1]", "--raw").json
    assert isinstance(raw, dict)
    assert raw["release"]["model_version_number"] == 1
    model_api = address.split("/")[-3]
    assert bob.does("models", "call", model_api, "--token", token, "--data", "[1]").json == {"sum": 2}
    assert "no model API" in bob.is_refused(*call, "--data", "[1]")
    assert "It takes: x, y" in ada.is_refused(*call, "--data", '{"z": 1}')
    assert "not JSON" in ada.is_refused(*call, "--data", "{x: 1}")
    assert "no version" in ada.is_refused(*call, "--data", "[1]", "--version", "7")
    assert "in production" in ada.is_refused(*call, "--data", "[1]", "--prod")
    assert "--data, --file" in ada.is_refused(*call, "--data", "1", "--file", "-")
    assert "--version or --prod" in ada.is_refused(*call, "--data", "1", "--prod", "--version", "1")

    said = ada.does("models", "logs", "adder").out
    assert "asked for 2\n" in said
    assert ada.does("models", "logs", "adder", "--kind", "instance").out.startswith("asked for 2\n")
    assert "asked for" not in ada.does("models", "logs", "adder", "--kind", "deployment").out
    ((*_, listed),) = [row for row in ada.does("models", "apis").rows if row[0] == "adder"]
    assert listed == model_api


def test_versions_are_rolled_out_promoted_rolled_back_and_stopped(ada: Somebody, tmp_path: Path) -> None:
    _project(ada, "rolling", tmp_path, ADDER)
    assert _serve(ada, "rolling", tmp_path, "--name", "roller").code == 0
    ada.does("models", "promote", "roller", "1")
    (tmp_path / "model.py").write_text(MULTIPLIER)
    refused = _serve(ada, "rolling", tmp_path, "--name", "roller", stdin="n\n")
    assert (refused.code, "Nothing is served" in refused.err) == (1, True), refused.err
    done = _serve(
        ada, "rolling", tmp_path, "--name", "roller", "--env", "UNIT=1", "--replicas", "2", stdin="yes\n"
    )
    assert done.code == 0, done.err
    call = ("models", "call", "roller", "--data", "[3, 2]")
    assert ada.does(*call).json == {"product": 6}
    assert ada.does(*call, "--prod").json == {"sum": 5}
    assert ada.does("models", "promote", "roller", "2").err.endswith("/labels/prod/model\n")
    assert ada.does(*call, "--prod").json == {"product": 6}
    ada.does("models", "promote", "roller", "1")
    assert ada.does(*call, "--prod").json == {"sum": 5}
    rows = ada.does("models", "versions", "roller").rows
    assert [row[:3] for row in rows] == [["2", "Running", "model.py:predict"], ["1", "Running", "prod"]]

    assert ada.does("models", "demote", "roller").err.startswith("Version 1 of roller is not")
    assert "No version" in ada.is_refused("models", "demote", "roller")
    ada.does("models", "stop", "roller", "--version", "2")
    assert ada.does("models", "logs", "roller", "--version", "2", "--follow", "--kind", "deployment").out
    assert "Stopped" in ada.is_refused(*call, "--version", "2")
    ada.does("models", "start", "roller", "--version", "2")
    assert "has no version 9" in ada.is_refused("models", "start", "roller", "--version", "9")
    assert "version" in ada.does("models", "stop", "roller").err
    assert "was not archived" in ada.is_refused("models", "archive", "roller", stdin="\n")
    ada.does("models", "archive", "roller", "--yes")
    assert "no model API" in ada.is_refused("models", "versions", "roller")


def test_a_version_that_cannot_be_loaded_says_why(ada: Somebody, tmp_path: Path) -> None:
    _project(ada, "breaking", tmp_path, ADDER)
    assert _serve(ada, "breaking", tmp_path, "--name", "fragile").code == 0
    (tmp_path / "model.py").write_text(BROKEN)
    done = _serve(ada, "breaking", tmp_path, "--name", "fragile", "--yes")
    assert (done.code, done.out) == (1, ""), done.err
    assert "Version 2 of fragile failed" in done.err
    assert "RuntimeError: no weights here" in done.err
    assert ada.does("models", "call", "fragile", "--data", "[1]").json == {"sum": 2}
    (tmp_path / "model.py").write_text(ADDER)
    for words, reason in {
        ("model.py:missing", "--folder", str(tmp_path)): "no function missing",
        ("other.py:predict",): "no file other.py",
        ("model.py",): "model.py:FUNCTION",
        ("model.py:predict", "--version", "1"): "--commit",
        ("model.py:predict", "--env", "NOT_SET_HERE"): "NOT_SET_HERE=VALUE",
        ("model.py:predict", "--async", "--name", "fragile"): "answers at once",
        ("nothing-registered",): "nothing-registered",
    }.items():
        done = modelyard(
            ada.server, ("models", "serve", *words, "--project", "breaking", *PLAIN, "--yes"), key=ada.key
        )
        assert (done.code, reason in done.err) == (1, True), (words, done.err)


def test_tokens_are_made_renewed_and_deleted(ada: Somebody, tmp_path: Path) -> None:
    _project(ada, "opening", tmp_path, ADDER)
    done = _serve(ada, "opening", tmp_path, "--name", "opened")
    address = done.out.strip()
    first = ada.does("models", "tokens", "opened", "--new", "ci").out.strip()
    ((name, *_, token_id),) = ada.does("models", "tokens", "opened").rows
    assert name == "ci"
    assert _asked(address, first).status_code == 200
    second = ada.does("models", "tokens", "opened", "--renew", token_id).out.strip()
    assert second != first
    assert [_asked(address, token).status_code for token in (first, second)] == [401, 200]
    ada.does("models", "tokens", "opened", "--delete", token_id)
    assert _asked(address, second).status_code == 401
    assert "one of --new" in ada.is_refused("models", "tokens", "opened", "--new", "a", "--delete", token_id)
    assert "no access token" in ada.is_refused("models", "tokens", "opened", "--renew", token_id)


def test_an_asynchronous_model_api_is_waited_for(ada: Somebody, tmp_path: Path) -> None:
    _project(ada, "waiting", tmp_path, SLOW)
    assert _serve(ada, "waiting", tmp_path, "--name", "waiter", "--async").code == 0
    assert ada.does("models", "call", "waiter", "--data", '{"x": 21}').json == {"result": 42}
    assert "TypeError" in ada.is_refused("models", "call", "waiter", "--data", '{"x": null}')
    assert "give --data" in ada.is_refused("models", "call", "waiter", "--example")


def test_a_registered_model_is_served_by_its_version_or_alias(
    server: RunningServer, ada: Somebody, tmp_path: Path
) -> None:
    (tmp_path / "doubling.py").write_text(
        dedent("""
        import mlflow

        class Doubling(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input):
                return (model_input["x"] * 2).tolist()

        mlflow.models.set_model(Doubling())
    """)
    )
    requirements = [f"mlflow-skinny=={version('mlflow')}", "pandas"]
    with client_of(server, ada.key) as client:
        # Not for the whole process: what comes after is for other servers.
        os.environ["MLFLOW_TRACKING_URI"] = client.tracking_uri
        experiment = client.create_experiment("doubling")
        for _ in range(2):
            with mlflow.start_run(experiment_id=experiment):
                mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(tmp_path / "doubling.py"),
                    pip_requirements=requirements,
                    registered_model_name="doubling",
                )
        client.set_registered_model_alias("doubling", "good", "1")
    done = ada.does("models", "serve", "doubling@good", "--name", "twice")
    assert "serves doubling/1." in done.err
    assert ada.does("models", "call", "twice", "--data", '{"x": 4}').json == [8]
    body = '{"dataframe_split": {"columns": ["x"], "data": [[1], [2]]}}'
    assert ada.does("models", "call", "twice", stdin=body).json == [2, 4]
    ada.does("models", "serve", "doubling/2", "--name", "twice", "--yes")
    after = [["2", "Running", "doubling/2"], ["1", "Stopped", "doubling/1"]]
    wait_for(lambda: [row[:3] for row in ada.does("models", "versions", "twice").rows] == after, DONE_SECONDS)
    ada.does("models", "serve", "doubling", "--no-wait")
    assert [row[0] for row in ada.does("models", "versions", "doubling").rows] == ["2", "1"]
    assert [row[0] for row in ada.does("models", "versions", "doubling", "--api").rows] == ["1"]
    assert "no version" in ada.is_refused("models", "serve", "doubling/7")
