"""Files of runs and logged models, copied without the tracker."""

from pathlib import Path

import pytest

from modelyard.engines.tracker.artifacts import ArtifactFiles
from modelyard.kit.errors import BadRequest, NotFound

PLACE = "mlflow-artifacts:/1/run/artifacts/model"


@pytest.fixture
def files(tmp_path: Path) -> ArtifactFiles:
    """A model of two files and a link that leads elsewhere."""
    model = tmp_path / "artifacts" / "1" / "run" / "artifacts" / "model"
    (model / "code").mkdir(parents=True)
    (model / "MLmodel").write_text("about")
    (model / "code" / "x.py").write_text("code")
    (tmp_path / "secret").write_text("secret")
    (model / "link").symlink_to(tmp_path / "secret")
    return ArtifactFiles(tmp_path / "artifacts")


@pytest.mark.parametrize("link", [True, False])
def test_a_folder_is_copied(files: ArtifactFiles, tmp_path: Path, link: bool) -> None:
    copy = tmp_path / "copies" / "one"
    assert files.copy(PLACE, copy, link=link) == 2
    assert (copy / "MLmodel").read_text() == "about"
    assert (copy / "code" / "x.py").read_text() == "code"
    assert not (copy / "link").is_symlink()
    original = tmp_path / "artifacts" / "1" / "run" / "artifacts" / "model" / "MLmodel"
    assert copy.joinpath("MLmodel").samefile(original) == link


def test_what_is_not_there_and_what_leads_out_is_refused(files: ArtifactFiles, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        files.copy(f"{PLACE}/none", tmp_path / "copy", link=False)
    with pytest.raises(BadRequest):
        files.copy("mlflow-artifacts:/../..", tmp_path / "copy", link=False)
