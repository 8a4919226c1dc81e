"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path

import msgspec
import pytest

from modelyard.settings import BadSettings, Settings, load_settings


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "modelyard.toml").write_text('port = 1\nhost = "file"\nlog_level = "error"\n')
    environ = {"MODELYARD_HOME": str(tmp_path), "MODELYARD_PORT": "2", "MODELYARD_HOST": "environment"}
    settings = load_settings(environ, port=3, host=None)
    assert (settings.port, settings.host, settings.log_level) == (3, "environment", "error")


def test_lists_are_comma_separated() -> None:
    settings = load_settings({"MODELYARD_TRUSTED_PROXIES": "10.0.0.1, 10.0.0.2"})
    assert settings.trusted_proxies == ("10.0.0.1", "10.0.0.2")
    settings = load_settings({"MODELYARD_GIT_ALLOWED_HOSTS": "git.local:8443,127.0.0.0/8", "MODELYARD_HOME": "/"})
    assert settings.git_allowed_hosts == ("git.local:8443", "127.0.0.0/8")


def test_a_list_of_the_file_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "modelyard.toml").write_text('git_allowed_paths = ["/srv/one, two", "/srv/three"]\n')
    assert load_settings({"MODELYARD_HOME": str(tmp_path)}).git_allowed_paths == ("/srv/one, two", "/srv/three")


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"MODELYARD_PORT": "many"}, "port"),
        ({"MODELYARD_PORT": "70000"}, "port"),
        ({"MODELYARD_JOB_ISOLATION": "maybe"}, "job_isolation"),
        ({"MODELYARD_CONFIG": "/no/such/file"}, "/no/such/file"),
    ],
)
def test_a_wrong_value_is_named(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadSettings, match=sentence):
        load_settings(environ)


def test_an_unknown_field_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "modelyard.toml").write_text("prot = 1\n")
    with pytest.raises(BadSettings, match="prot"):
        load_settings({"MODELYARD_HOME": str(tmp_path)})


def test_every_setting_is_described() -> None:
    schema = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    assert [name for name, about in schema.items() if not about.get("description")] == []
