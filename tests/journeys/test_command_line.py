"""The command line against a real server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.running import RunningServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "x.pyc").write_text("x")
    (folder / "work.py").write_text("import sys\nprint('working')\nsys.exit(int(sys.argv[1]))\n")
    return folder


def _modelyard(server: RunningServer, *words: str, cwd: Path | None = None, **more: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELYARD_")}
    environment |= {"MODELYARD_HOME": str(server.home)} | more
    command = [sys.executable, "-m", "modelyard", *words]
    done = subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_folder_is_run_followed_and_ends_with_its_exit_code(server: RunningServer, folder: Path) -> None:
    words = ("run", "--environment", "Plain Python", "--follow", "--", "python", "work.py")
    code, out, err = _modelyard(server, *words, "0", cwd=folder)
    assert (code, out) == (0, "working\n"), err
    code, out, err = _modelyard(server, *words, "7", cwd=folder)
    assert (code, out) == (7, "working\n"), err
    assert "exit code 7" in err

    code, out, err = _modelyard(server, "jobs", "--json")
    jobs = json.loads(out)
    assert [job["status"]["executionStatus"] for job in jobs] == ["Failed", "Succeeded"]
    assert _modelyard(server, "logs", jobs[1]["id"], "--stream", "stdOut")[1] == "working\n"
    assert "work.py" in _modelyard(server, "jobs")[1]


def test_accounts_and_keys(server: RunningServer) -> None:
    code, key, _ = _modelyard(server, "user", "create", "ada", "--email", "ada@example.org")
    assert code == 0
    elsewhere = {"MODELYARD_URL": server.url, "MODELYARD_API_KEY": key.strip()}
    assert "ada" in _modelyard(server, "user", "list", **elsewhere)[1]
    code, _, err = _modelyard(server, "user", "create", "eve", "--email", "e@example.org", **elsewhere)
    assert code == 1
    assert "ManageUsers" in err
    code, made, _ = _modelyard(server, "user", "new-key", "ada", "--label", "laptop")
    keys = [line.split() for line in _modelyard(server, "user", "keys", "ada")[1].splitlines()]
    laptop = next(words[0] for words in keys if "laptop" in words)
    assert _modelyard(server, "user", "revoke-key", "ada", laptop)[0] == 0
    code, _, err = _modelyard(server, "jobs", **elsewhere | {"MODELYARD_API_KEY": made.strip()})
    assert (code, "not valid" in err) == (1, True)


def test_events_read_like_a_log(server: RunningServer) -> None:
    _, key, _ = _modelyard(server, "user", "create", "ada", "--email", "ada@example.org")
    _, out, err = _modelyard(server, "events", "--since", "1h")
    lines = out.splitlines()
    assert lines[0].split() == ["TIME", "WHO", "WHAT", "OBJECT", "PROJECT", "FROM"], err
    assert any(line.split()[2:] == ["admin", "user.created", "user", "ada", "127.0.0.1"] for line in lines)
    assert lines[1:] == sorted(lines[1:], key=lambda line: line[:19])

    words = ("events", "--actor", "admin", "--event", "apiKey.created", "--limit", "1", "--json")
    (event,) = json.loads(_modelyard(server, *words)[1])
    assert event["targets"][0]["entity"]["name"] == "ada"

    as_ada = {"MODELYARD_URL": server.url, "MODELYARD_API_KEY": key.strip()}
    code, out, _ = _modelyard(server, "events", "--project", "ada/quick-start", **as_ada)
    assert (code, [line.split()[3] for line in out.splitlines()[1:]]) == (0, ["project.created"])
    for words, reason in {
        ("events",): "withinProjectId",
        ("events", "--project", "admin/quick-start"): "no project admin/quick-start",
        ("events", "--since", "yesterday"): "--since",
    }.items():
        code, _, err = _modelyard(server, *words, **as_ada)
        assert (code, reason in err) == (1, True), err


def test_a_second_server_on_one_home_is_refused(server: RunningServer) -> None:
    code, _, err = _modelyard(server, "serve", "--home", str(server.home), "--port", "0")
    assert code == 1
    assert "Another Modelyard server" in err


def test_doctor_says_what_holds(server: RunningServer) -> None:
    code, out, _ = _modelyard(server, "doctor")
    assert code == 0
    assert "solated" in out
