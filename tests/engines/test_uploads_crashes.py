"""Uploads and what happens to them: killed processes, machines that go down, full disks, programs in the way."""

import errno
import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from modelyard.engines.blobs.local import LocalBlobStore
from modelyard.engines.folders import LiveFolder
from modelyard.engines.folders.local import LocalLiveFolder
from modelyard.engines.trees import children_of
from modelyard.engines.uploads import Collision
from modelyard.kit.errors import BadRequest, NotFound, Unavailable
from tests.disks import small_disk
from tests.engines.uploading import Uploader, content, live_folder, put

KIB, MIB = 2**10, 2**20
DATA = random.Random(0).randbytes(40 * MIB)
FILES = {f"d{n % 7}/f{n}": str(n).encode() for n in range(100)}
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def live(tmp_path: Path) -> LiveFolder:
    return live_folder(tmp_path)


def _send_some(root: Path, key: str, paths: list[str], numbers: list[int]) -> None:
    upload = Uploader(live_folder(root), key=key)
    for number in numbers:
        for path in paths:
            upload.send(path, DATA[: 40 * KIB], KIB, [number])


def test_several_processes_write_one_upload(live: LiveFolder, tmp_path: Path) -> None:
    ada = Uploader(live)
    paths = ["a", "b", "c"]
    numbers = random.Random(3).sample(range(1, 41), 40)
    shares = [numbers[:25], numbers[15:]]
    processes = [SPAWN.Process(target=_send_some, args=(tmp_path, ada.key, paths, share)) for share in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    ada.end()
    assert content(live) == dict.fromkeys(paths, DATA[: 40 * KIB])


def _send_and_tell(root: Path, key: str, parent: Connection) -> None:
    upload = Uploader(live_folder(root), key=key)
    for number in random.Random(4).sample(range(1, 41), 40):
        upload.send("large", DATA, MIB, [number])
        parent.send(number)
        parent.recv()


@pytest.mark.parametrize("after", [1, 7, 20])
def test_what_was_acknowledged_before_a_kill_need_not_be_sent_again(
    live: LiveFolder, tmp_path: Path, after: int
) -> None:
    key = Uploader(live).key
    pipe, its_end = SPAWN.Pipe()
    process = SPAWN.Process(target=_send_and_tell, args=(tmp_path, key, its_end))
    process.start()
    acknowledged: set[int] = set()
    for _ in range(after):
        acknowledged.add(pipe.recv())
        pipe.send("go on")
    # It is at the next one now.
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    ada = Uploader(live, key=key)
    there = [number for number in range(1, 41) if ada.has("large", DATA, number)]
    assert acknowledged <= set(there)
    assert len(there) < 40
    with pytest.raises(BadRequest, match="not complete"):
        ada.end()
    ada.send("large", DATA, MIB, [number for number in range(1, 41) if number not in there])
    ada.end()
    assert content(live) == {"large": DATA}


def _end_and_die(root: Path, key: str, event: str, ending: str, times: int) -> None:
    """Ends the upload, and is killed when the interpreter is about to do something for the nth time."""
    upload, seen = Uploader(live_folder(root), key=key), 0

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if name == event and any(str(one).endswith(ending) for one in arguments[:2]):
            seen += 1
            if seen == times:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    upload.end("t")


# Received files are named so, for their chunk size is the last part.
RECEIVED = f"-{MIB}"
# What the process is about to do when it is killed, and whether the upload then is decided.
MOMENTS = {
    "before the commit is written": (("open", "commit.json.new", 1), False),
    "before the commit counts": (("os.rename", "commit.json", 1), False),
    "before the first move": (("os.rename", RECEIVED, 1), True),
    "between the moves": (("os.rename", RECEIVED, 50), True),
    "before the session is over": (("open", ".over", 2), True),
    "before the session is removed": (("os.rename", ".left", 1), True),
}


@contextmanager
def _killed(
    live: LiveFolder, root: Path, moment: str, collision: Collision = Collision.IGNORE
) -> Iterator[Uploader]:
    """An upload of many files whose end was killed at a moment."""
    put(live, {"t/d0/f0": b"old"})
    ada = Uploader(live, collision)
    for path, data in FILES.items():
        ada.send(path, data)
    where, _ = MOMENTS[moment]
    process = SPAWN.Process(target=_end_and_die, args=(root, ada.key, *where))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    yield ada


def _expected(collision: Collision) -> dict[str, bytes]:
    files = {f"t/{path}": data for path, data in FILES.items()}
    if collision is Collision.IGNORE:
        files["t/d0/f0"] = b"old"
    if collision is Collision.RENAME:
        files |= {"t/d0/f0": b"old", "t/d0/f0 (1)": FILES["d0/f0"]}
    return files


@pytest.mark.parametrize("moment", [name for name, (_, decided) in MOMENTS.items() if not decided])
def test_a_kill_before_the_decision_leaves_the_dataset_and_the_upload_as_they_were(
    live: LiveFolder, tmp_path: Path, moment: str
) -> None:
    with _killed(live, tmp_path, moment) as ada:
        assert content(live) == {"t/d0/f0": b"old"}
        ada.recover()
        assert content(live) == {"t/d0/f0": b"old"}
        assert ada.has("d1/f1", b"1", 1)
        ada.end("t")
        assert content(live) == _expected(Collision.IGNORE)


@pytest.mark.parametrize("again", ["recovered", "ended again"])
@pytest.mark.parametrize(
    ("moment", "collision"),
    [
        *((name, Collision.IGNORE) for name, (_, decided) in MOMENTS.items() if decided),
        ("between the moves", Collision.OVERWRITE),
        ("between the moves", Collision.RENAME),
    ],
)
def test_a_kill_after_the_decision_is_made_up_for(
    live: LiveFolder, tmp_path: Path, moment: str, again: str, collision: Collision
) -> None:
    with _killed(live, tmp_path, moment, collision) as ada:
        landed = ada.end("t") if again == "ended again" else None
        for _ in range(2):
            ada.recover()
        assert content(live) == _expected(collision)
        assert [path.suffix for path in live.staging.iterdir()] == [".over"]
        assert ada.end("t") == (landed or ada.end("t"))
        assert ada.end("t").files == (99 if collision is Collision.IGNORE else 100)
        # The tombstone says that somebody was told.
        assert len(ada.settled) == (0 if moment == "before the session is removed" else 1)


def test_a_decided_upload_can_not_be_cancelled(live: LiveFolder, tmp_path: Path) -> None:
    with _killed(live, tmp_path, "between the moves") as ada:
        with pytest.raises(BadRequest, match="on its way into the dataset"):
            ada.cancel()
        ada.end("t")
        assert content(live) == _expected(Collision.IGNORE)


def test_a_program_that_took_the_name_meanwhile_keeps_its_file(live: LiveFolder, tmp_path: Path) -> None:
    for collision in Collision:
        root = tmp_path / collision
        other = live_folder(root)
        with _killed(other, root, "between the moves", collision) as ada:
            put(other, {"t/d6/f97": b"a program's", "t/d6/F97 (1)": b"another's"})
            ada.end("t")
            found = content(other)
            ours = "t/d6/f97 (1)" if collision is Collision.RENAME else "t/d6/f97"
            assert found.get(ours) == (b"a program's" if collision is Collision.IGNORE else b"97")
            if collision is not Collision.OVERWRITE:
                assert found["t/d6/f97"] == b"a program's"
            assert list(other.staging.glob("*.over"))


def test_a_folder_that_became_a_link_meanwhile_leads_nobody_out(live: LiveFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with _killed(live, tmp_path, "before the first move", Collision.OVERWRITE) as ada:
        (live.root / "t/d6").symlink_to(outside)
        ada.recover()
        with pytest.raises(BadRequest, match="put where 't/d6' belongs; move it away"):
            ada.end("t")
        assert list(outside.iterdir()) == []
        (live.root / "t/d6").unlink()
        (live.root / "t/d6/f6").mkdir(parents=True)
        with pytest.raises(BadRequest, match="put where 't/d6/f6' belongs"):
            ada.end("t")
        (live.root / "t/d6/f6").rmdir()
        ada.end("t")
        assert content(live) == _expected(Collision.OVERWRITE)
        assert len(ada.settled) == 1


class _Restless(LocalLiveFolder):
    """A live folder in which a program does something each time somebody wants it alone."""

    def __init__(self, place: Path, program: Callable[[Path], None]) -> None:
        self._program: Callable[[Path], None] = lambda root: None
        super().__init__(place / "d", LocalBlobStore(place / "blobs", children_of), "live:d")
        self._program = program

    @contextmanager
    def locked(self) -> Iterator[None]:
        with super().locked():
            self._program(self.root)
            yield


def test_what_a_program_does_between_looking_and_deciding_counts(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()

    def links(root: Path) -> None:
        (root / "sub").rename(root / "was sub")
        (root / "sub").symlink_to(outside)

    live = _Restless(tmp_path / "links", links)
    (live.root / "sub").mkdir()
    ada = Uploader(live)
    ada.send("sub/f", b"x")
    with pytest.raises(BadRequest, match="'sub' in the dataset is a symbolic link"):
        ada.end()
    assert list(outside.iterdir()) == []

    def removes(root: Path) -> None:
        (root / "kept").unlink(missing_ok=True)

    live = _Restless(tmp_path / "removes", removes)
    put(live, {"kept": b"old"})
    ada = Uploader(live)
    ada.send("kept", b"new")
    assert ada.end().files == 1
    assert content(live) == {"kept": b"new"}


def test_who_could_not_be_told_is_told_at_the_next_try(live: LiveFolder) -> None:
    ada = Uploader(live)
    ada.send("f", b"x")
    settle, ada._settle = ada._settle, _away  # type: ignore[assignment,method-assign]
    for _ in range(2):
        with pytest.raises(Unavailable):
            ada.end()
    ada.recover()
    ada._settle = settle  # type: ignore[method-assign]
    ada.end()
    assert len(ada.settled) == 1
    assert content(live) == {"f": b"x"}


def _away(*_: Any) -> None:
    raise Unavailable("The database is away.")


def test_after_the_machine_went_down_nothing_that_was_received_is_trusted(live: LiveFolder) -> None:
    before = Uploader(live, boot="before")
    before.send("f", b"x")
    ada = Uploader(live, key=before.key)
    for do in (lambda: ada.has("f", b"x", 1), lambda: ada.send("f", b"x"), ada.end):
        with pytest.raises(BadRequest, match="was restarted since this upload began"):
            do()
    assert content(live) == {}
    assert ada.cancel()


def test_what_was_decided_before_the_machine_went_down_happens(live: LiveFolder) -> None:
    before = Uploader(live, boot="before")
    before.send("f", b"x")
    before._settle = _away  # type: ignore[assignment,method-assign]
    with pytest.raises(Unavailable):
        before.end()
    ada = Uploader(live, key=before.key)
    ada.recover()
    assert content(live) == {"f": b"x"}
    assert ada.end().files == 1


def test_what_was_lost_with_the_machine_is_no_session(live: LiveFolder) -> None:
    ada = Uploader(live)
    (live.staging / ada.key / "session.json").write_bytes(b"")
    with pytest.raises(NotFound):
        ada.send("f", b"x")


def test_a_note_that_was_cut_off_hides_no_other(live: LiveFolder) -> None:
    ada = Uploader(live)
    data = bytes(range(30))
    ada.send("f", data, 10, [1])
    [log] = (live.staging / ada.key / "received").iterdir()
    with log.open("ab") as file:
        file.write(b'\n["f",30,10,3,"00')
    ada.send("f", data, 10, [2])
    assert [ada.has("f", data, number, 10) for number in (1, 2, 3)] == [True, True, False]
    ada.send("f", data, 10, [3])
    ada.end()
    assert content(live) == {"f": data}


def test_uploads_that_nobody_touches_are_removed_after_a_week(live: LiveFolder) -> None:
    old, used, over, begun = Uploader(live), Uploader(live), Uploader(live), Uploader(live)
    old.send("f", b"x")
    over.cancel()
    (live.staging / begun.key / "session.json").unlink()
    doomed = Uploader(live)
    (live.staging / doomed.key).rename(live.staging / f"{doomed.key}.left")
    (live.staging / "somebody else's").mkdir()
    week_ago = (0, 0)
    for path in live.staging.rglob("*"):
        os.utime(path, week_ago)
    os.utime(live.staging / old.key, week_ago)
    os.utime(live.staging / begun.key, week_ago)
    used.send("f", b"x")
    used.recover()
    assert sorted(path.name for path in live.staging.iterdir()) == sorted([used.key, "somebody else's"])
    used.end()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[LiveFolder]:
    """A live folder on a disk of 2 MiB."""
    with small_disk(tmp_path / "tiny") as root:
        yield live_folder(root)


@contextmanager
def _full(live: LiveFolder) -> Iterator[None]:
    """The disk has no room at all during the block."""
    filling = live.root.parent / "filling"
    with suppress(OSError), filling.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    yield
    filling.unlink()


def test_a_chunk_that_does_not_fit_is_not_there_and_can_be_sent_again(tiny: LiveFolder) -> None:
    ada = Uploader(tiny)
    data = DATA[: 3 * MIB // 2]
    ada.send("f", data, MIB // 2, [1])
    with _full(tiny):
        for _ in range(3):
            with pytest.raises(OSError, match="space") as raised:
                ada.send("f", data, MIB // 2, [2])
            assert raised.value.errno == errno.ENOSPC
        with pytest.raises(OSError, match="space"):
            ada.send("g", b"small")
        assert [ada.has("f", data, number, MIB // 2) for number in (1, 2, 3)] == [True, False, False]
        with pytest.raises(OSError, match="space"):
            Uploader(tiny)
    ada.send("f", data, MIB // 2, [2, 3])
    assert ada.end().files == 1
    assert content(tiny) == {"f": data}


def test_a_large_chunk_that_does_not_fit_is_not_there(tiny: LiveFolder) -> None:
    ada = Uploader(tiny)
    with pytest.raises(OSError, match="space"):
        ada.send("f", DATA[: 3 * MIB], 4 * MIB)
    assert ada.cancel()
    ada = Uploader(tiny)
    ada.send("f", DATA[: MIB // 2], 4 * MIB)
    assert ada.end().files == 1


def test_an_upload_that_cannot_be_decided_on_a_full_disk_changes_nothing(tiny: LiveFolder) -> None:
    put(tiny, {"kept": b"kept"})
    ada = Uploader(tiny)
    ada.send("new/f", b"x")
    with _full(tiny):
        with pytest.raises(OSError, match="space"):
            ada.end()
        assert content(tiny) == {"kept": b"kept"}
    assert ada.end().files == 1


def test_cancelling_makes_room_on_a_full_disk(tiny: LiveFolder) -> None:
    ada = Uploader(tiny)
    ada.send("f", DATA[:MIB])
    with _full(tiny):
        assert ada.cancel()
        Uploader(tiny).send("f", DATA[: MIB // 2])
