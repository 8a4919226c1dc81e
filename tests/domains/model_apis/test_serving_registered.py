"""Versions of registered models: their own requirements make their environment."""

import sysconfig
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modelyard.domains.model_apis.serving.requirements import build_of
from modelyard.domains.model_apis.serving.tools import CannotServe
from modelyard.settings import Settings
from tests.client import Person
from tests.domains.model_apis.conftest import make_model_api
from tests.domains.model_apis.serving import (
    asked,
    eventually,
    first_version,
    problem_of,
    says,
    sets_running,
    status_of,
    waits_for,
)
from tests.domains.registered_models.jobs import registers
from tests.domains.registered_models.runs import new_run, put_file
from tests.engines.test_builds import wheel

MLMODEL = """
flavors:
  python_function:
    loader_module: adding
    code: code
    env:
      virtualenv: python_env.yaml
mlflow_version: 3.17.2
"""
CODE = """
import tinyone


class Model:
    def predict(self, frame):
        return [tinyone.VALUE + sum(row) for row in frame.values.tolist()]


def _load_pyfunc(path):
    return Model()
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nothing is isolated, so that replicas find the MLflow that the platform has."""
    return Settings(home=settings.home, job_isolation="none")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of a tiny package, and of an MLflow that is the platform's own."""
    wheels = tmp_path / "wheels"
    wheel(wheels, "tinyone", body="VALUE = 40")
    link = f"{sysconfig.get_path('purelib')}\n".encode()
    wheel(wheels, "mlflow_skinny", "3.17.2", more={"platform.pth": link})
    wheel(wheels, "pandas")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))


async def registered(ada: Person, project: dict[str, Any], *without: str, **files: str) -> str:
    """A registered model of these files and the usual ones; its name."""
    usual = {"MLmodel": MLMODEL, "code/adding.py": CODE, "requirements.txt": "# the one\ntinyone\n"}
    run_id = await new_run(ada, project)
    for path, text in (usual | files).items():
        if path not in without:
            await put_file(ada, run_id, f"model/{path}", text.encode())
    await registers(ada, "forest", f"runs:/{run_id}/model", run_id)
    return "forest"


async def deployed(ada: Person, project: dict[str, Any], name: str) -> dict[str, Any]:
    """The first version of a model API of a registered model."""
    source = {"type": "Registry", "registeredModelName": name, "registeredModelVersion": 1}
    return await first_version(ada, await make_model_api(ada, project, version={"source": source}))


@pytest.mark.usefixtures("tracking", "index", "runner")
async def test_a_registered_model_is_served_in_the_environment_that_it_requires(
    ada: Person, project: dict[str, Any]
) -> None:
    version = await deployed(ada, project, await registered(ada, project))
    await waits_for(ada, version, "Running")
    body = {"dataframe_split": {"columns": ["x", "y"], "data": [[1, 1]]}}
    assert await asked(ada, version, body) == (200, [42])
    log = await says(ada, version, "environment is built", "build")
    assert "Registered model forest, version 1: 3 files" in log
    assert "tinyone==1.0" in log
    key = await ada.modelyard.db.value("SELECT build_key FROM model_api_versions WHERE id = $1", version["id"])
    assert (ada.modelyard.settings.home_path / "envs" / key).is_dir()
    # Whatever becomes of it where it is registered, it is served on.
    gone = await ada.request(
        "DELETE", "/api/2.0/mlflow/model-versions/delete", json={"name": "forest", "version": "1"}
    )
    assert gone.status_code == 200, gone.text
    await sets_running(ada, version, False)
    await waits_for(ada, version, "Stopped")
    await sets_running(ada, version, True)
    await waits_for(ada, version, "Running")
    assert await asked(ada, version, body) == (200, [42])


@pytest.mark.usefixtures("tracking", "index", "runner")
@pytest.mark.parametrize(
    ("without", "files", "says_why"),
    [
        (["MLmodel"], {}, "no MLflow model"),
        ([], {"MLmodel": "flavors:\n  sklearn:\n    pickled_model: x\n"}, "no python_function flavor"),
        ([], {"requirements.txt": "tinyone\n-e ./here\n"}, "editable"),
        ([], {"requirements.txt": "tinyone==9.9\n"}, "cannot be resolved"),
        ([], {"python_env.yaml": "python: 3.99.1\n"}, "Python 3.99 is not installed"),
    ],
)
async def test_what_cannot_be_built_fails_and_says_why(
    ada: Person, project: dict[str, Any], without: list[str], files: dict[str, str], says_why: str
) -> None:
    version = await deployed(ada, project, await registered(ada, project, *without, **files))

    async def has_failed() -> bool:
        return await status_of(ada, version) == "Failed"

    await eventually(has_failed, "the failure")
    assert says_why in str(await problem_of(ada, version))
    await says(ada, version, says_why, "build")
    folder = ada.modelyard.settings.home_path / "models" / version["id"]

    async def is_removed() -> bool:
        return not folder.exists()

    await eventually(is_removed, "the removal of its files")


def _asked(folder: Path, requirements: str, about: str = MLMODEL, python: str = "") -> tuple[str, list[list[str]]]:
    (folder / "MLmodel").write_text(about)
    (folder / "requirements.txt").write_text(requirements)
    (folder / "python_env.yaml").write_text(python)
    request = build_of(folder)
    lines = [
        msgspec.json.decode(line.removeprefix("RUN "), type=list[str]) for line in request.instructions.split("\n")
    ]
    assert all(line[:2] == ["pip", "install"] for line in lines)
    return request.image, [line[2:] for line in lines]


def test_requirements_as_mlflow_writes_them(tmp_path: Path) -> None:
    text = "mlflow==3.17.2\n\n# why\nscikit-learn==1.9 ; python_version < '4'  # this one\nx[a]>=1,\\\n<2\n"
    image, lines = _asked(tmp_path, text, python="python: 3.11.7\ndependencies:\n- -r requirements.txt\n")
    assert image == "python:3.11"
    assert lines == [["mlflow==3.17.2"], ["scikit-learn==1.9 ; python_version < '4'"], ["x[a]>=1, <2"]]


def test_indexes_go_with_the_packages(tmp_path: Path) -> None:
    _, lines = _asked(tmp_path, "--extra-index-url https://example.org/simple\nmlflow\ntorch\n")
    assert lines == [["--extra-index-url", "https://example.org/simple", "mlflow"], ["torch"]]


def test_what_loads_models_is_added(tmp_path: Path) -> None:
    assert _asked(tmp_path, "numpy\n") == ("", [["numpy"], ["mlflow-skinny==3.17.2"], ["pandas"]])
    assert _asked(tmp_path, "mlflow_skinny==3\npandas<3\n")[1] == [["mlflow_skinny==3"], ["pandas<3"]]
    about = "flavors:\n  python_function:\n    x: 1\nmlflow_version: 3.0.0.dev0\n"
    assert _asked(tmp_path, "", about)[1] == [["mlflow-skinny"], ["pandas"]]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="no MLmodel"):
        build_of(tmp_path)
