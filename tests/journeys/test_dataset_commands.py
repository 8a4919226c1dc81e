"""`modelyard datasets` against a real server."""

import io
import itertools
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.cli.connection import CommandError
from modelyard.cli.fetching import fetch_folder
from tests.journeys.commands import Somebody, modelyard
from tests.journeys.running import RunningServer, running

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all of these tests."""
    with running(tmp_path_factory.mktemp("datasets") / "home") as started:
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
def calls(ada: Somebody) -> str:
    """The name of a new dataset in Ada's quick-start."""
    name = f"calls{next(_numbers)}"
    ada.does("datasets", "create", name, "--description", "[/] Who called")
    return name


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with files of many kinds."""
    files = {f"data/day{n % 3}/{n}.csv": b"1,2\n" * n for n in range(30)}
    files |= {"data/empty": b"", 'data/数据 & "so+on" 100%.csv': b"1", "data/large.bin": os.urandom(9 * 2**20)}
    files |= {"notes.txt": b"notes"}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _names(somebody: Somebody, *words: str) -> list[str]:
    """What a folder of a dataset has."""
    return [line[21:] for line in somebody.does("datasets", "ls", *words).out.splitlines()]


def test_datasets_are_made_named_described_and_deleted(ada: Somebody, calls: str) -> None:
    (row,) = [row for row in ada.does("datasets", "list").rows if row[0] == f"ada/quick-start/{calls}"]
    assert row[1] == "0"
    assert row[3:] == ["[/]", "Who", "called"]
    for name in (calls.upper(), f"quick-start/{calls}", f"ADA/quick-start/{calls}", row[2]):
        assert ada.does("datasets", "info", name, "--json").json["id"] == row[2]  # type: ignore[index]
    ada.does("datasets", "describe", calls, "Who paid")
    assert f"is ada/quick-start/{calls}-2" in ada.does("datasets", "rename", calls, f"{calls}-2").err
    shown = ada.does("datasets", "info", f"{calls}-2").out
    assert "Who paid" in shown
    assert "ada (owner)" in shown
    for words, reason in {
        (calls,): f"no dataset {calls} in ada/quick-start",
        (f"nowhere/{calls}",): "ada/nowhere",
        (f"quick-start/{calls}", "--project", "quick-start"): "leave --project out",
        ("0" * 24,): f"no dataset {'0' * 24}",
    }.items():
        assert reason in ada.is_refused("datasets", "info", *words)
    assert "has a dataset named" in ada.is_refused("datasets", "create", f"{calls}-2")
    assert "was not deleted" in ada.is_refused("datasets", "delete", f"{calls}-2", stdin="n\n")
    ada.does("datasets", "delete", f"{calls}-2", stdin="y\n")
    assert row[2] not in ada.does("datasets", "list").out


def test_a_folder_comes_back_as_it_was_uploaded(ada: Somebody, calls: str, here: Path) -> None:
    upload = ada.does("datasets", "upload", calls, "data", "notes.txt", "--to", "a b/c+d", cwd=here)
    assert f"34 files uploaded into ada/quick-start/{calls}/a b/c+d, 9.0 MiB." in upload.err
    ada.does("datasets", "download", calls, "a b/c+d", "--output", "back", cwd=here)
    whole = _contents(here / "data")
    assert _contents(here / "back") == {f"data/{path}": content for path, content in whole.items()} | {
        "notes.txt": b"notes"
    }
    assert _names(ada, calls) == ["a b/"]
    assert _names(ada, calls, "a b/c+d/data") == [
        "day0/",
        "day1/",
        "day2/",
        "empty",
        "large.bin",
        *_strange(whole),
    ]
    assert ada.does("datasets", "ls", calls, "a b/c+d/data/large.bin").out.split() == ["9,437,184", "large.bin"]
    assert "34 files" in ada.does("datasets", "download", calls, cwd=here).err
    assert (here / calls / "a b/c+d/notes.txt").read_bytes() == b"notes"
    ada.does("datasets", "rm", calls, "a b/c+d/data/day1")
    assert "There is no file or folder" in ada.is_refused("datasets", "ls", calls, "a b/c+d/data/day1")


def _strange(files: dict[str, bytes]) -> list[str]:
    return [name for name in files if "so+on" in name]


def test_fetched_files_do_not_replace_what_is_there(ada: Somebody, calls: str, here: Path) -> None:
    ada.does("datasets", "upload", calls, ".", cwd=here)
    ada.does("datasets", "download", calls, "data/day0", cwd=here)
    assert "day0/0.csv is there already" in ada.is_refused("datasets", "download", calls, "data/day0", cwd=here)
    (here / "notes.txt").write_bytes(b"mine")
    assert "--force" in ada.is_refused("datasets", "download", calls, "notes.txt", cwd=here)
    assert (here / "notes.txt").read_bytes() == b"mine"
    ada.does("datasets", "download", calls, "notes.txt", "--force", cwd=here)
    ada.does("datasets", "download", calls, "data/day0", "--force", cwd=here)
    assert (here / "notes.txt").read_bytes() == b"notes"
    assert sorted(path.name for path in here.iterdir()) == ["data", "day0", "notes.txt"]
    assert "no file or folder x" in ada.is_refused("datasets", "download", calls, "x", cwd=here)
    assert "dot segment" in ada.is_refused("datasets", "download", calls, "../x", cwd=here)


def test_names_that_lead_to_one_file_here_are_not_unpacked(tmp_path: Path) -> None:
    """As where a file system knows no case: the second name leads to what the first one has written."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in ("top/a/file", "top/b", "top/a/file"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(CommandError, match="takes a/file and another name"):
        fetch_folder(iter([packed.getvalue()]), tmp_path / "back", "calls", None, 1, force=False)
    assert not (tmp_path / "back").exists()


def test_files_whose_names_are_taken_are_left_out_replaced_or_renamed(
    ada: Somebody, calls: str, here: Path
) -> None:
    ada.does("datasets", "upload", calls, "notes.txt", cwd=here)
    (here / "notes.txt").write_bytes(b"newer notes")
    assert "Left out: 1;" in ada.does("datasets", "upload", calls, "notes.txt", cwd=here).err
    renamed = ada.does("datasets", "upload", calls, "notes.txt", "--on-collision", "rename", cwd=here)
    assert "Renamed: 1;" in renamed.err
    assert [line.split() for line in ada.does("datasets", "ls", calls).out.splitlines()] == [
        ["11", "notes", "(1).txt"],
        ["5", "notes.txt"],
    ]
    words = ("datasets", "upload", calls, "notes.txt", "--on-collision", "Overwrite", "--json")
    assert ada.does(*words, cwd=here).json == {"files": 1, "bytes": 11, "ignoredFiles": 0, "renamedFiles": 0}


def test_what_cannot_be_uploaded_is_said_before_anything_is_sent(ada: Somebody, calls: str, here: Path) -> None:
    for path in ("one/A/x", "two/a/y", "file/a"):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text(path)
    for paths, reason in {
        ("one/A", "two/a"): "A and a differ only in case",
        ("one/A", "file/a"): "A and a differ only in case",
        ("notes.txt", "./notes.txt"): "would both be notes.txt",
        ("two/a", "file/a"): "would both be a",
        ("nothing",): "nothing is no file or folder",
        (os.devnull,): "is no file or folder",
    }.items():
        assert reason in ada.is_refused("datasets", "upload", calls, *paths, cwd=here)
    assert "leave it out" in ada.is_refused(
        "datasets", "upload", calls, "data", "--resume", "x", "--on-collision", "rename", cwd=here
    )
    (here / "data/.git").mkdir()
    (here / "data/.git/config").write_text("secret")
    (here / "data/folder").symlink_to("day0")
    (here / "data/link").symlink_to("empty")
    (here / "data/broken").symlink_to("nothing")
    os.mkfifo(here / "data/pipe")
    said = ada.does("datasets", "upload", calls, "data", cwd=here).err
    for name, reason in {".git": "git's own", "folder": "a link to a folder", "pipe": "no plain file"}.items():
        assert f"data/{name} is left out: {reason}." in said
    assert "data/broken is left out: a link to nothing." in said
    assert _names(ada, calls, "data")[-2:] == ["link", *_strange(_contents(here / "data"))]


def test_snapshots_are_taken_tagged_compared_and_brought_back(ada: Somebody, calls: str, here: Path) -> None:
    ada.does("datasets", "upload", calls, "data", "notes.txt", cwd=here)
    taken = ada.does("datasets", "snapshot", calls, "--tag", "first")
    assert f"Snapshot 1 of ada/quick-start/{calls}, first, is taken: 34 files, 9.0 MiB." in taken.err
    (here / "notes.txt").write_bytes(b"newer")
    (here / "new.txt").write_bytes(b"")
    ada.does("datasets", "upload", calls, "notes.txt", "new.txt", "--on-collision", "overwrite", cwd=here)
    ada.does("datasets", "rm", calls, "data")
    changes = ada.does("datasets", "diff", calls, "first")
    assert "1 added, 1 changed, 33 removed." in changes.err
    assert {"+ new.txt  (0 bytes)", "~ notes.txt  (5 bytes -> 5 bytes)", "- data/empty  (0 bytes)"} <= set(
        changes.out.splitlines()
    )
    assert "--limit" in ada.does("datasets", "diff", calls, "1", "--limit", "2").err
    partly = ada.does("datasets", "snapshot", calls, "new.txt", "--json").json
    assert isinstance(partly, dict)
    assert (partly["status"], partly["fileCount"], partly["number"]) == ("active", 1, 2)
    assert ada.does("datasets", "diff", calls, "1", partly["id"], "--json").json["added"] == 1  # type: ignore[index]
    listed = ada.does("datasets", "snapshots", calls).rows
    assert [row[:2] for row in listed] == [["2", "active"], ["1", "active"]]
    assert listed[0][-2:] == ["only", "new.txt"]
    assert "was not restored" in ada.is_refused("datasets", "restore", calls, "first")
    assert "34 files" in ada.does("datasets", "restore", calls, "first", "--yes").err
    assert _names(ada, calls) == ["data/", "notes.txt"]
    assert _names(ada, calls, "--snapshot", "2") == ["new.txt"]
    ada.does("datasets", "download", calls, "--snapshot", "2", cwd=here)
    assert _contents(here / calls) == {"new.txt": b""}


def test_tags_move_and_snapshots_go(ada: Somebody, calls: str, here: Path) -> None:
    ada.does("datasets", "upload", calls, "notes.txt", cwd=here)
    for number in "12":
        ada.does("datasets", "snapshot", calls)
        ada.does("datasets", "tag", calls, number, "best")
    assert "best (snapshot 2)" in ada.does("datasets", "info", calls).out
    ada.does("datasets", "create", f"{calls}-best", "--from", f"{calls}@best")
    assert _names(ada, f"{calls}-best") == ["notes.txt"]
    ada.does("datasets", "untag", calls, "best")
    for words, reason in {
        ("untag", calls, "best"): "no tag best",
        ("tag", calls, "9", "best"): "tag or id 9",
        ("tag", calls, "1", "7"): "is not a number",
        ("snapshot", calls, "nothing"): "no file or folder nothing",
        ("snapshot", calls, "--no-wait", "--tag", "x"): "--no-wait",
        ("create", "x", "--from", calls): "DATASET@NUMBER",
        ("create", "x", "--from", f"{calls}@best"): "tag or id best",
        ("delete-snapshot", calls, "1"): "was not deleted",
    }.items():
        assert reason in ada.is_refused("datasets", *words)
    ada.does("datasets", "delete-snapshot", calls, "1", "--yes")
    active = [row[0] for row in ada.does("datasets", "snapshots", calls).rows if row[1] == "active"]
    assert active == ["2"]


def test_damage_is_named(server: RunningServer, ada: Somebody, calls: str, here: Path) -> None:
    (here / "precious.txt").write_bytes(os.urandom(100).hex().encode())
    ada.does("datasets", "upload", calls, "precious.txt", "notes.txt", cwd=here)
    ada.does("datasets", "snapshot", calls)
    assert "Nothing is damaged in 1 snapshot" in ada.does("datasets", "verify", calls).err
    for pack in (server.home / "blobs" / "packs").iterdir():
        content = bytearray(pack.read_bytes())
        if (place := content.find((here / "precious.txt").read_bytes())) >= 0:
            content[place] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(content)
    done = modelyard(server, ["datasets", "verify", calls], key=ada.key)
    assert done.code == 1
    assert done.rows == [["1", "precious.txt"]]
    assert "1 file named above cannot be relied on" in " ".join(done.err.split())
    ada.does("datasets", "delete", calls, "--yes")


def test_roles_are_given_and_taken_away(ada: Somebody, grace: Somebody, calls: str, here: Path) -> None:
    name = f"ada/quick-start/{calls}"
    ada.does("datasets", "upload", calls, "notes.txt", cwd=here)
    assert "no dataset" in grace.is_refused("datasets", "info", name)
    assert "is reader" in ada.does("datasets", "grant", calls, "GRACE", "--role", "Reader").err
    assert _names(grace, name) == ["notes.txt"]
    assert "UpdateDatasetRwV2" in grace.is_refused("datasets", "upload", name, "notes.txt", cwd=here)
    assert "EditSecurityDatasetRwV2" in grace.is_refused("datasets", "grant", name, "grace", "--role", "owner")
    ada.does("datasets", "grant", calls, "grace", "--role", "editor")
    assert "grace (editor)" in ada.does("datasets", "info", calls).out
    grace.does("datasets", "upload", name, "data", cwd=here)
    ada.does("datasets", "revoke", calls, "grace")
    assert "no role of its own" in ada.is_refused("datasets", "revoke", calls, "grace")
    assert "last owner" in ada.is_refused("datasets", "revoke", calls, "ada")
    assert name not in grace.does("datasets", "list").out


def test_projects_use_datasets_of_others(ada: Somebody, grace: Somebody, calls: str) -> None:
    name = f"ada/quick-start/{calls}"
    ada.does("datasets", "grant", calls, "grace", "--role", "reader")
    assert f"grace/quick-start uses {name}" in grace.does("datasets", "share", name, "--with", "quick-start").err
    (row,) = [row for row in grace.does("datasets", "list", "--project", "quick-start").rows if row[0] == name]
    ada.does("datasets", "revoke", calls, "grace")
    assert "1 shared dataset more" in grace.does("datasets", "list", "--project", "quick-start").err
    grace.does("datasets", "unshare", row[2], "--with", "quick-start")
    assert "uses no dataset" in grace.is_refused("datasets", "unshare", row[2], "--with", "quick-start")
    assert "no project" in ada.is_refused("datasets", "share", calls, "--with", "grace/quick-start").lower()


def test_quotas_and_space_are_for_administrators(
    server: RunningServer, ada: Somebody, calls: str, here: Path
) -> None:
    def admin(*words: str) -> str:
        done = modelyard(server, ["datasets", *words])
        return f"{done.code} {' '.join(done.err.split())}"

    assert "AsAdmin" in ada.is_refused("datasets", "quota", calls, "1GiB")
    assert "AsAdmin" in ada.is_refused("datasets", "gc")
    name = f"ada/quick-start/{calls}"
    assert admin("quota", name, "1.5 MiB") == f"0 {name}: up to 1.5 MiB."
    assert "0 bytes of 1.5 MiB" in ada.does("datasets", "info", calls).out
    assert "quota of the dataset" in ada.is_refused("datasets", "upload", calls, "data", cwd=here)
    assert admin("quota", name, "none") == f"0 {name}: the server's own quota holds."
    assert "up to 1.0 GiB" in admin("project-quota", "ada/quick-start", "1GiB")
    ada.does("datasets", "upload", calls, "data", cwd=here)
    assert " of 1.0 GiB" in ada.does("datasets", "info", calls).out
    assert "server's own" in admin("project-quota", "ada/quick-start", "None")
    for size in ("much", "10Gi", "-1", "", "9" * 30):
        assert "give a number of bytes" in admin("quota", "--", name, size)
    assert "There would be given back" in admin("gc", "--dry-run")
    assert "Given back" in admin("gc")


def test_a_job_works_with_a_dataset_and_says_what_it_saw(ada: Somebody, calls: str, here: Path) -> None:
    ada.does("datasets", "upload", calls, "notes.txt", cwd=here)
    ada.does("datasets", "snapshot", calls, "--tag", "v1")
    code = here / "code"
    code.mkdir()
    (code / "work.py").write_text(
        "import os, pathlib, sys\n"
        "data = pathlib.Path(os.environ['DOMINO_DATASETS_DIR'])\n"
        "print((data / 'snapshot' / sys.argv[1] / 'v1' / 'notes.txt').read_text())\n"
        "(data / 'local' / sys.argv[1] / 'result.txt').write_text('42')\n"
    )
    run = ("run", "--environment", "Plain Python", "--snapshot-datasets", "--follow")
    done = ada.does(*run, "--", "python", "work.py", calls, cwd=code)
    assert done.out == "notes\n"
    assert _names(ada, calls, "--snapshot", "2") == ["notes.txt", "result.txt"]
    job_id = done.err.split("started")[1].split(":")[1].split()[0]
    rows = [row for row in ada.does("datasets", "of-job", job_id).rows if calls in row[0]]
    assert [row[:2] for row in rows] == [[f"local/{calls}", "writable"], [f"snapshot/{calls}/1", "read-only"]]
    assert rows[0][2] != rows[0][3]
    assert [row[0] for row in ada.does("datasets", "uses", calls, "v1").rows] == [job_id]
