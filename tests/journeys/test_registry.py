"""The registry by the real MLflow client and on the command line, over a real socket."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.journeys.commands import Somebody
from tests.journeys.running import RunningServer, running
from tests.journeys.test_tracking import client_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all of these tests."""
    with running(tmp_path_factory.mktemp("registry") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def ada(server: RunningServer) -> Somebody:
    """Somebody."""
    return Somebody(server, "ada")


@pytest.fixture(scope="module")
def bob(server: RunningServer) -> Somebody:
    """Somebody else."""
    return Somebody(server, "bob")


def _run(client: MlflowClient, folder: Path, experiment: str, files: str = "forest") -> str:
    """A run with a model among its files."""
    run_id = str(client.create_run(client.create_experiment(experiment)).info.run_id)
    (folder / "MLmodel").write_text("flavors: {}\n")
    client.log_artifact(run_id, str(folder / "MLmodel"), files)
    client.log_metric(run_id, "auc", 0.9)
    client.log_param(run_id, "depth", 3)
    return run_id


def _fetched(client: MlflowClient, uri: str, folder: Path) -> Path:
    """A folder with the files at an address."""
    os.environ |= {"MLFLOW_TRACKING_URI": client.tracking_uri, "MLFLOW_REGISTRY_URI": client.tracking_uri}
    return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))


def test_the_client_registers_finds_and_fetches(server: RunningServer, ada: Somebody, tmp_path: Path) -> None:
    with client_of(server, ada.key) as client:
        run_id = _run(client, tmp_path, "registering")
        made = client.create_registered_model("churn", tags={"team": "a"}, description="Who leaves.")
        assert (made.name, made.description, made.tags["team"]) == ("churn", "Who leaves.", "a")
        with pytest.raises(MlflowException) as taken:
            client.create_registered_model("churn")
        assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"
        version = client.create_model_version("churn", f"runs:/{run_id}/forest", run_id, tags={"checked": "no"})
        assert (version.version, version.run_id, version.current_stage) == ("1", run_id, "None")
        assert version.status == "READY"
        client.set_registered_model_alias("churn", "best", "1")
        assert client.get_model_version_by_alias("churn", "best").aliases == ["best"]
        assert client.get_registered_model("churn").aliases == {"best": "1"}
        client.set_model_version_tag("churn", "1", "checked", "yes")
        client.update_model_version("churn", "1", "good")
        (found,) = client.search_model_versions("name = 'churn' AND tags.checked = 'yes'")
        assert (found.description, found.tags) == ("good", {"checked": "yes"})
        assert [one.name for one in client.search_registered_models("tags.team = 'a'")] == ["churn"]
        assert client.get_latest_versions("churn")[0].version == "1"
        back = _fetched(client, client.get_model_version_download_uri("churn", "1"), tmp_path / "back")
        assert (back / "MLmodel").read_text() == "flavors: {}\n"
        client.rename_registered_model("churn", "leaving")
        with pytest.raises(MlflowException, match="may not see it"):
            client.get_registered_model("churn")
        client.delete_registered_model_alias("leaving", "best")
        client.delete_model_version("leaving", "1")
        client.delete_registered_model("leaving")
        assert "leaving" not in [one.name for one in client.search_registered_models()]
        assert client.get_run(run_id).data.metrics == {"auc": 0.9}


def test_a_logged_model_is_registered_and_its_version_is_loaded_by_name(
    server: RunningServer, ada: Somebody, tmp_path: Path
) -> None:
    with client_of(server, ada.key) as client:
        run = client.create_run(client.create_experiment("logging")).info
        logged = client.create_logged_model(run.experiment_id, name="tree", source_run_id=run.run_id)
        (tmp_path / "MLmodel").write_text("flavors: {}\n")
        client.log_model_artifacts(logged.model_id, str(tmp_path))
        client.finalize_logged_model(logged.model_id, "READY")
        client.create_registered_model("fraud")
        made = client.create_model_version("fraud", f"models:/{logged.model_id}", model_id=logged.model_id)
        assert made.run_id == run.run_id
        assert (_fetched(client, "models:/fraud/1", tmp_path / "back") / "MLmodel").exists()
        copied = client.copy_model_version("models:/fraud/1", "fraud-live")
        assert (copied.name, copied.version, copied.run_id) == ("fraud-live", "1", run.run_id)


def test_prompts_are_kept_and_loaded(server: RunningServer, ada: Somebody) -> None:
    with client_of(server, ada.key) as client:
        client.register_prompt("greeting", "Hi {{name}}!", tags={"tone": "warm"})
        client.register_prompt("greeting", "Hello {{name}}!")
        assert client.load_prompt("prompts:/greeting/2").format(name="Ada") == "Hello Ada!"
        client.set_prompt_alias("greeting", "live", 1)
        assert client.load_prompt("prompts:/greeting@live").template == "Hi {{name}}!"
        assert "greeting" not in [one.name for one in client.search_registered_models()]
        assert client.load_prompt("prompts:/nothing/1", allow_missing=True) is None


def test_many_clients_register_one_name_at_once(server: RunningServer, ada: Somebody, tmp_path: Path) -> None:
    with client_of(server, ada.key) as client:
        run_id = _run(client, tmp_path, "racing")
        versions: list[str] = []

        def register() -> None:
            with contextlib.suppress(MlflowException):  # somebody else was first
                client.create_registered_model("race")
            versions.append(client.create_model_version("race", f"runs:/{run_id}/forest", run_id).version)

        threads = [threading.Thread(target=register) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(map(int, versions)) == list(range(1, 9))


def test_others_see_nothing_of_it(server: RunningServer, ada: Somebody, bob: Somebody, tmp_path: Path) -> None:
    with client_of(server, ada.key) as client:
        run_id = _run(client, tmp_path, "hiding")
        client.create_registered_model("hidden")
        client.create_model_version("hidden", f"runs:/{run_id}/forest", run_id)
    with client_of(server, bob.key) as client:
        assert "hidden" not in [one.name for one in client.search_registered_models()]
        for refused in (
            lambda: client.get_registered_model("hidden"),
            lambda: client.get_model_version("hidden", "1"),
            lambda: client.delete_registered_model("hidden"),
            lambda: client.create_model_version("hidden", f"runs:/{run_id}/forest"),
        ):
            with pytest.raises(MlflowException, match="may not see it"):
                refused()


def test_models_on_the_command_line(server: RunningServer, ada: Somebody, bob: Somebody, tmp_path: Path) -> None:
    name = "größe/50% a%2Fb"
    with client_of(server, ada.key) as client:
        run_id = _run(client, tmp_path, "by hand")
        client.log_artifact(run_id, str(tmp_path / "MLmodel"), "tree")
    several = ada.is_refused("models", "register", name, "--run", run_id)
    assert "several models (forest, tree)" in several
    ada.does("models", "register", name, "--run", run_id, "--artifact", "forest", "--description", "first")
    again = ada.does("models", "register", name, "--run", run_id, "--artifact", "tree", "--json").json
    assert (again["modelName"], again["modelVersion"]) == (name, 2)
    assert "already" in ada.is_refused("models", "register", name, "--run", run_id)
    assert name in ada.does("models", "search", "GRÖSSE").out + ada.does("models", "search", "größe").out
    listed = ada.does("models", "list", "--project", "quick-start", "--json").json
    assert name in [one["name"] for one in listed]
    assert [row[0] for row in ada.does("models", "versions", name).rows] == ["2", "1"]
    shown = ada.does("models", "show", name, "1").out
    assert "auc=0.9" in shown
    assert f"{server.url}/mlflow/#/experiments/" in shown
    assert "first" in shown
    assert "ada/quick-start" in ada.does("models", "show", name).out
    assert "no registered model" in bob.is_refused("models", "show", name)
    assert "no key 'size'" in ada.is_refused("models", "search", "size > 1")


def test_the_only_model_of_a_run_is_registered_by_its_name_alone(
    server: RunningServer, ada: Somebody, tmp_path: Path
) -> None:
    with client_of(server, ada.key) as client:
        run_id = _run(client, tmp_path, "alone")
    ada.does("models", "register", "alone", "--run", run_id)
    assert ada.does("models", "show", "alone", "1", "--json").json["experimentRunId"] == run_id
