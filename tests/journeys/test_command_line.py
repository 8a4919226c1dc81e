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


def test_files_are_fetched_and_not_overwritten_by_accident(
    server: RunningServer, tmp_path: Path, folder: Path
) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "100%.csv").write_text("1,2\n")
    (folder / "work.py").chmod(0o755)
    run = ("run", "--environment", "Plain Python", "--follow", "--", "python", "work.py", "0")
    assert _modelyard(server, *run, cwd=folder)[0] == 0
    here = tmp_path / "here"
    here.mkdir()
    code, _, err = _modelyard(server, "download", cwd=here)
    assert (code, "2 files of quick-start at commit" in err) == (0, True), err
    assert (here / "quick-start" / "data" / "100%.csv").read_text() == "1,2\n"
    assert os.access(here / "quick-start" / "work.py", os.X_OK)
    assert _modelyard(server, "download", "data", "--output", "deep/er", cwd=here)[0] == 0
    assert (here / "deep" / "er" / "100%.csv").exists()
    assert _modelyard(server, "download", "data/100%.csv", cwd=here)[0] == 0
    (here / "100%.csv").write_text("mine")
    code, _, err = _modelyard(server, "download", "data/100%.csv", cwd=here)
    assert (code, "--force" in err, (here / "100%.csv").read_text()) == (1, True, "mine")
    assert _modelyard(server, "download", "data/100%.csv", "--force", cwd=here)[0] == 0
    assert sorted(path.name for path in here.iterdir()) == ["100%.csv", "deep", "quick-start"]
    assert (here / "100%.csv").read_text() == "1,2\n"
    for wrong in ("data/nothing", "../data", "README.md/x"):
        assert _modelyard(server, "download", wrong, cwd=here)[0] == 1
    assert _modelyard(server, "download", "data", "--commit", "0" * 40, cwd=here)[0] == 1


def test_the_past_of_a_file_is_listed_and_fetched(server: RunningServer, tmp_path: Path) -> None:
    with server.http() as http:
        for content in ("1", "22"):
            http.put("/v1/projects/admin/quick-start/data.csv", content=content)
    code, out, err = _modelyard(server, "history", "data.csv")
    assert code == 0, err
    assert [line.split()[3] for line in out.splitlines()[1:]] == ["changed", "added"]
    revisions = json.loads(_modelyard(server, "history", "data.csv", "--json")[1])
    assert [one["size"] for one in revisions] == [2, 1]
    first = revisions[1]["commitId"]
    assert _modelyard(server, "download", "data.csv", "--commit", first, cwd=tmp_path)[0] == 0
    assert (tmp_path / "data.csv").read_text() == "1"
    assert "older ones" in _modelyard(server, "history", "data.csv", "--limit", "1")[2]
    code, _, err = _modelyard(server, "history", "never.csv")
    assert (code, "never a file" in err) == (1, True)
