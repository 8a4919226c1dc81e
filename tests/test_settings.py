"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path

import msgspec
import pytest

from modelyard.git_hosting import check_git_settings
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


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"MODELYARD_GIT_ALLOWED_HOSTS": "git.example.org,not a host"}, "not a host"),
        ({"MODELYARD_GIT_ALLOWED_PATHS": "relative"}, "relative"),
        ({"MODELYARD_GITHUB_API_URL": "http://api.github.com"}, "github_api_url"),
        ({"MODELYARD_GITHUB_API_URL": "https://127.0.0.1/api/v3"}, "github_api_url"),
    ],
)
def test_git_settings_that_cannot_be_used_stop_the_start(wrong: dict[str, str], named: str) -> None:
    with pytest.raises(BadSettings, match=named):
        check_git_settings(load_settings(wrong))


def test_git_settings_may_name_a_host_and_github() -> None:
    good = {"MODELYARD_GIT_ALLOWED_HOSTS": "127.0.0.0/8", "MODELYARD_GITHUB_API_URL": "https://api.github.com"}
    check_git_settings(load_settings(good))
