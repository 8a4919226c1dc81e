"""`modelyard project`, `org` and `git-credential` against a real server."""

import itertools
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.git_remotes.repositories import Repository
from tests.journeys.commands import Done, Somebody, environment_of, modelyard
from tests.journeys.running import RunningServer, running

_numbers = itertools.count()
GIT = "https://git.example.org/churn.git"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of git repositories that the server may use."""
    return tmp_path_factory.mktemp("git") / "served"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, served: Path) -> Iterator[RunningServer]:
    """One server for all of these tests."""
    home = tmp_path_factory.mktemp("commands") / "home"
    home.mkdir()
    (home / "modelyard.toml").write_text(f'git_allowed_paths = ["{served}"]\n')
    with running(home) as started:
        yield started


@pytest.fixture(scope="module")
def ada(server: RunningServer) -> Somebody:
    """Somebody."""
    return Somebody(server, "ada")


@pytest.fixture(scope="module")
def grace(server: RunningServer) -> Somebody:
    """Somebody else."""
    return Somebody(server, "grace")


@pytest.fixture
def project(ada: Somebody) -> str:
    """The name of a new project of Ada's."""
    name = f"p{next(_numbers)}"
    ada.does("project", "create", name, "--description", "[/] Words")
    return name


def test_projects_are_made_listed_shown_and_described(ada: Somebody, project: str) -> None:
    (found,) = [row for row in ada.does("project", "list").rows if row[0] == f"ada/{project}"]
    assert found[1] == "Private"
    assert found[3:] == ["[/]", "Words"]
    ada.does("project", "describe", project, "Other words")
    assert "is Public" in ada.does("project", "visibility", project, "public").err
    shown = ada.does("project", "show", f"ada/{project}").out
    assert "Other words" in shown
    assert "Public" in shown
    assert found[2] in shown
    assert "already has a project" in ada.is_refused("project", "create", project)
    assert "there is no project ada/nowhere" in ada.is_refused("project", "show", "nowhere").lower()


def test_all_projects_are_those_that_one_may_know_of(ada: Somebody, grace: Somebody, project: str) -> None:
    ada.does("project", "visibility", project, "Searchable")
    assert f"ada/{project}" not in grace.does("project", "list").out
    listed = grace.does("project", "list", "--all", "--json").json
    assert isinstance(listed, list)
    assert {"ada", "grace"} == {one["ownerUsername"] for one in listed}
    ada.does("project", "visibility", project, "Public")
    refusal = grace.is_refused("project", "visibility", f"ada/{project}", "Private")
    assert "ChangeProjectVisibility" in refusal


def test_archiving_asks_first(ada: Somebody, project: str) -> None:
    assert "was not archived" in ada.is_refused("project", "archive", project)
    assert "was not archived" in ada.is_refused("project", "archive", project, stdin="n\n")
    assert "Archived" in ada.does("project", "archive", project, stdin="y\n").err
    ada.does("project", "create", project)
    ada.does("project", "archive", project, "--yes")
    assert f"ada/{project}" not in ada.does("project", "list").out


def test_an_empty_name_is_not_the_quick_start(ada: Somebody) -> None:
    for name in ("", "ada/"):
        assert "names no project" in ada.is_refused("project", "archive", name, "--yes")
    assert "ada/quick-start" in ada.does("project", "list").out


def test_roles_are_given_listed_and_taken_away(ada: Somebody, grace: Somebody, project: str) -> None:
    assert ada.does("project", "members", project).rows == [["ada", "owner"]]
    ada.does("project", "add", project, "GRACE", "--role", "resultsconsumer")
    members = ada.does("project", "members", project).rows
    assert members == [["ada", "owner"], ["grace", "resultsConsumer", "individual", "grace"]]
    assert f"ada/{project}" in grace.does("project", "list").out
    refusal = grace.is_refused("project", "add", f"ada/{project}", "grace", "--role", "contributor")
    assert "ManageCollaborators" in refusal
    ada.does("project", "remove", project, "grace")
    assert "has no role" in ada.is_refused("project", "remove", project, "grace")
    assert "no account nobody" in ada.is_refused("project", "add", project, "nobody", "--role", "contributor")


def test_access_is_asked_for_where_one_may_only_know_of_a_project(
    ada: Somebody, grace: Somebody, project: str
) -> None:
    words = ("project", "request-access", f"ada/{project}", "--message", "please")
    assert "no project" in grace.is_refused(*words)
    ada.does("project", "visibility", project, "Searchable")
    assert "ListProject" in grace.is_refused("project", "show", f"ada/{project}")
    assert "asked to be contributor" in grace.does(*words).err
    assert "within a day" in grace.is_refused(*words)
    assert "project.accessRequested" in ada.does("events", "--project", project).out


def test_defaults_are_set_one_by_one_and_reset(ada: Somebody, project: str) -> None:
    ada.does("project", "defaults", project, "--environment", "plain python")
    shown = ada.does("project", "defaults", project, "--tier", "small").out
    assert "Plain Python" in shown
    assert "small" in shown
    assert ada.does("project", "defaults", project, "--reset", "--json").json == {}
    assert "Plain Python" in ada.is_refused("project", "defaults", project, "--environment", "nothing")
    assert "no hardware tier" in ada.is_refused("project", "defaults", project, "--tier", "nothing")


def test_organizations_own_projects_for_their_members(ada: Somebody, grace: Somebody) -> None:
    ada.does("org", "create", "vision", "--member", "grace")
    assert [row[:2] for row in ada.does("org", "show", "Vision").rows] == [["ada", "admin"], ["grace", "member"]]
    assert [row[:2] for row in grace.does("org", "list").rows] == [["vision", "2"]]
    assert "EditMembers" in grace.is_refused("org", "add", "vision", "ada")
    grace.does("project", "create", "detector", "--owner", "vision")
    grace.does("project", "create", "tracker", "--owner", "vision", "--git", GIT)
    assert GIT in ada.does("project", "show", "vision/tracker").out
    assert "vision/detector" in ada.does("project", "list").out
    ada.does("org", "remove", "vision", "grace")
    assert "vision/detector" not in grace.does("project", "list").out
    assert "not a member" in grace.is_refused("org", "show", "vision")
    assert "last admin" in ada.is_refused("org", "add", "vision", "ada", "--role", "member")
    assert "ManageOrganizations" in ada.is_refused("org", "list", "--all")


def test_copies_say_what_they_are_called(ada: Somebody, project: str) -> None:
    assert f"as ada/{project}-copy (Private)" in ada.does("project", "copy", project).err
    made = ada.does("project", "copy", project, "--name", f"{project}-x", "--visibility", "Public", "--json").json
    assert isinstance(made, dict)
    assert (made["project"]["visibility"], made["notices"]) == ("Public", [])
    assert "already has" in ada.is_refused("project", "copy", project, "--name", project)


def test_git_based_projects_and_imported_repositories(ada: Somebody) -> None:
    ada.does("git-credential", "add", "theirs", "--host", "git.example.org", "--token-file", "-", stdin="t0ken\n")
    ada.does("project", "create", "gbp", "--git", GIT, "--ref", "branch:next", "--credential", "theirs")
    assert f"{GIT} (branch:next)" in ada.does("project", "show", "gbp").out
    ada.does("project", "add-repository", "gbp", "git@git.example.org:a/features.git", "--ref", "tag:v1")
    assert "branch:next" in ada.does("project", "change-repository", "gbp", "features", "--ref", "branch:next").err
    assert "--ref" in ada.is_refused("project", "change-repository", "gbp", "features")
    assert "no git credential" in ada.is_refused(
        "project", "change-repository", "gbp", "features", "--credential", "x"
    )
    ada.does("project", "change-repository", "gbp", "features", "--ref", "tag:v1")
    listed = [row[:3] for row in ada.does("project", "repositories", "gbp").rows]
    assert listed == [["churn", "main", "branch:next"], ["features", "imported", "tag:v1"]]
    assert "main repository" in ada.is_refused("project", "remove-repository", "gbp", "churn")
    ada.does("project", "remove-repository", "gbp", "features")
    assert "there are: churn" in ada.is_refused("project", "remove-repository", "gbp", "features")
    ada.does("git-credential", "remove", "theirs")


def test_a_run_of_a_git_based_project_uploads_nothing(ada: Somebody, served: Path, tmp_path: Path) -> None:
    code = Repository(served / "code.git")
    code.commit({"look.py": "print('of', open('version.txt').read())", "version.txt": "one"})
    code.tag("v1")
    code.commit({"version.txt": "two"})
    (tmp_path / "left.txt").write_text("not wanted")
    ada.does("project", "create", "coded", "--git", str(code.bare))
    run = ("run", "--project", "coded", "--environment", "Plain Python", "--follow")
    assert ada.does(*run, "--", "python", "look.py", cwd=tmp_path).out == "of two\n"
    assert ada.does(*run, "--ref", "tag:v1", "--", "python", "look.py", cwd=tmp_path).out == "of one\n"
    show = "import os; print(os.listdir(os.environ['DOMINO_ARTIFACTS_DIR']))"
    assert "left.txt" not in ada.does(*run, "--", "python", "-c", show, cwd=tmp_path).out
    uploaded = ada.does(*run, "--folder", str(tmp_path), "--", "python", "-c", show)
    assert "left.txt" in uploaded.out
    done = modelyard(ada.server, [*run, "--ref", "branch:nowhere", "--", "true"], key=ada.key)
    assert done.code == 3
    assert done.err.count("nowhere") == 1


def test_git_based_projects_that_cannot_be(ada: Somebody, tmp_path: Path) -> None:
    for words, reason in {
        ("x", "--git", GIT, "--ref", "next"): "branch:NAME",
        ("x", "--ref", "branch:next"): "--git",
        ("x", "--git", "https://u:p@git.example.org/x"): "git credential",
        ("x", "--git", "https://127.0.0.1/x"): "git_allowed_hosts",
        ("x", "--git", "/tmp/x"): "git_allowed_paths",
        ("x", "--git", GIT, "--credential", "nothing"): "no git credential nothing",
    }.items():
        assert reason in ada.is_refused("project", "create", *words)
    assert "no main git repository" in ada.is_refused("run", "--ref", "tag:v1", "--", "true", cwd=tmp_path)


def test_secrets_come_from_files(ada: Somebody, tmp_path: Path) -> None:
    key, password = tmp_path / "id", tmp_path / "password"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "pass phrase", "-f", str(key)], check=True)
    password.write_text("s3cret\n")
    add = ("git-credential", "add", "key", "--host", "git.example.org")
    assert "passphrase" in ada.is_refused(*add, "--key-file", str(key))
    assert "does not open" in ada.is_refused(*add, "--key-file", str(key), "--passphrase-file", "-", stdin="no\n")
    ada.does(*add, "--key-file", str(key), "--passphrase-file", "-", stdin="pass phrase\n")
    ada.does(*add[:2], "password", *add[3:], "--username", "ada", "--password-file", str(password))
    listed = ada.does("git-credential", "list").out
    public = subprocess.run(["ssh-keygen", "-lf", str(key)], capture_output=True, text=True, check=True).stdout
    assert public.split()[1] in listed
    assert "s3cret" not in ada.does("git-credential", "list", "--json").out
    for words, reason in {
        (): "no terminal",
        ("--key-file", str(tmp_path / "none")): "No such file",
        ("--key-file", f"{key}.pub"): "public key",
        ("--token-file", "-"): "is empty",
        ("--token-file", "-", "--password-file", "-"): "Give one of",
        ("--password-file", str(password)): "--username",
    }.items():
        assert reason in ada.is_refused(*add, *words)
    assert "there are: key, password" in ada.is_refused("git-credential", "remove", "nothing")
    ada.does("git-credential", "remove", "key")
    ada.does("git-credential", "remove", "password")


def _typed(server: RunningServer, somebody: Somebody, answer: str, *words: str) -> Done:
    """A command at a terminal, and what is seen there."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "modelyard", *words],
            env=environment_of(server, somebody.key),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        seen = b""
        while b"ccess token" not in seen:
            seen += os.read(ours, 1024)
        os.write(ours, answer.encode() + b"\n")
        code = process.wait(30)
        return Done(code, (seen + os.read(ours, 65536)).decode(), "")
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_secret_that_is_asked_for_is_not_seen(server: RunningServer, ada: Somebody) -> None:
    done = _typed(server, ada, "t0psecret", "git-credential", "add", "asked", "--host", "gitlab.com")
    assert done.code == 0, done.out
    assert "Added the git credential asked" in done.out
    assert "t0psecret" not in done.out
    ada.does("git-credential", "remove", "asked")


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_names_and_ids_stay_whole_however_narrow_a_terminal_is(
    server: RunningServer, ada: Somebody, project: str, columns: int
) -> None:
    words = [sys.executable, "-m", "modelyard", "project", "list"]
    variables = environment_of(server, ada.key) | {"COLUMNS": str(columns), "FORCE_COLOR": "1"}
    seen = subprocess.run(words, env=variables, capture_output=True, text=True, check=True).stdout
    (row,) = [line.split() for line in seen.splitlines() if line.startswith(f"ada/{project} ")]
    assert len(row[2]) == 24
    if columns > 40:
        assert all(
            len(line.replace("\x1b[1m", "").replace("\x1b[0m", "")) <= columns for line in seen.splitlines()
        )
