"""Live folders: what has changed is found and kept, whatever programs do there; views of them share the disk."""

import hashlib
import io
import mmap
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelyard.engines.blobs import Key
from modelyard.engines.blobs.local import LocalBlobStore
from modelyard.engines.folders import Extent, taking
from modelyard.engines.folders.local import LocalFolders, LocalLiveFolder
from modelyard.engines.folders.opening import Below, below
from modelyard.engines.folders.views import LocalViews
from modelyard.engines.trees import Kind, children_of, reading
from modelyard.engines.trees.files import Files, StoredTree, browse, members
from modelyard.kit.archives import ArchiveFormat, archive
from modelyard.kit.errors import NotFound
from modelyard.kit.safe_path import SafePath
from tests.disks import mounted

MIB = 2**20


class World:
    """A dataset's folder, its store and its views."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = LocalBlobStore(home / "blobs", children_of)
        self.folders = LocalFolders(home / "datasets", self.store)
        self.views = LocalViews(home / "views", self.store)
        self.live = self.folders.live("d")
        self.taken = 0

    def write(self, path: str, content: bytes = b"content") -> Path:
        """A live file, as a program would write it, and old enough to be trusted."""
        place = self.live.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return place

    def snapshot(self, *, look: bool = True) -> Key:
        """A tree of all that is there."""
        self.taken += 1
        if look:
            self.live.look()
        return self.live.take(f"snapshot:{self.taken}", quiet=True).root

    def contents(self, root: Key) -> dict[str, bytes]:
        """Every file of a tree."""
        with self.store.reading() as store:
            return {
                entry.path: b"".join(reading.content(entry, store.read))
                for entry in reading.entries(root, store.read)
                if entry.is_file
            }

    def kinds(self, root: Key) -> dict[str, Kind]:
        with self.store.reading() as store:
            return {entry.path: entry.kind for entry in reading.entries(root, store.read)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def plain(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def opened_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are opened from now on."""
    opened: list[str] = []
    original = Below.open_file
    monkeypatch.setattr(Below, "open_file", lambda self, path: opened.append(path) or original(self, path))
    return opened


def settle() -> None:
    """Until a change can be told from one just before."""
    time.sleep(0.12)


def test_a_snapshot_has_what_was_there(world: World) -> None:
    content = {"a.csv": b"1,2", "sub/deep/b.bin": os.urandom(3 * MIB + 5), "empty": b"", "café/日本.txt": b"u"}
    for path, data in content.items():
        world.write(path, data)
    root = world.snapshot()
    assert world.contents(root) == content
    assert world.live.extent == Extent(4, sum(map(len, content.values())))


def test_what_changed_after_a_snapshot_is_not_in_it(world: World) -> None:
    place = world.write("model.bin", b"a" * (2 * MIB))
    world.write("gone", b"gone")
    first = world.snapshot()
    with place.open("r+b") as file:  # in place: a hard link would have changed, too
        file.seek(MIB + 7)
        file.write(b"b")
    (world.live.root / "gone").unlink()
    world.write("new", b"new")
    second = world.snapshot()
    assert world.contents(first) == {"model.bin": b"a" * (2 * MIB), "gone": b"gone"}
    changed = b"a" * (MIB + 7) + b"b" + b"a" * (MIB - 8)
    assert world.contents(second) == {"model.bin": changed, "new": b"new"}


def test_the_same_files_have_the_same_root_whatever_happened_before(world: World, tmp_path: Path) -> None:
    for number in range(300):
        world.write(f"f{number}", str(number).encode())
    world.snapshot()
    for number in range(0, 300, 3):
        (world.live.root / f"f{number}").unlink()
    grown = world.snapshot()
    other = World(tmp_path / "other")
    shutil.copytree(world.live.root, other.live.root, dirs_exist_ok=True)
    assert other.snapshot() == grown == world.live.fingerprint(quiet=True)


def test_a_fingerprint_stores_nothing(world: World) -> None:
    world.write("f", os.urandom(MIB))
    world.live.look()
    root = world.live.fingerprint(quiet=True)
    assert world.store.disk_bytes() == 0
    assert world.snapshot() == root


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_done_to_the_files_the_next_snapshot_has_it(
    world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:
        monkeypatch.setattr(taking, "CHUNK", 3)
    chance = random.Random(seed)
    for step in range(12):
        for _ in range(chance.randrange(1, 12)):
            path = f"{chance.choice('abc')}/{chance.choice('xyz')}{chance.randrange(6)}"
            place = world.live.root / path
            match chance.randrange(6):
                case 0 if place.exists():
                    place.unlink()
                case 1 if place.exists():
                    place.rename(place.with_name("moved"))
                case 2 if place.parent.exists():
                    shutil.rmtree(place.parent)
                case 3 if place.exists():
                    with place.open("r+b") as file:
                        file.write(chance.randbytes(1))
                case _:
                    world.write(path, chance.randbytes(chance.choice([0, 5, 4096, MIB + 1])))
        if step % 3 == 0:
            shutil.rmtree(world.live._place / "index.sqlite", ignore_errors=True)
        world.live.look()
        fingerprint = world.live.fingerprint(quiet=True)
        root = world.snapshot()
        assert root == fingerprint
        assert world.contents(root) == plain(world.live.root)


def test_only_changed_files_are_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        world.write(f"f{number:02}", b"x")
    settle()
    world.snapshot()
    world.write("f07", b"y")
    opened = opened_files(monkeypatch)
    world.snapshot()
    assert opened == ["f07"]


def test_a_fingerprint_reads_only_what_has_changed_also_before_the_first_snapshot(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        world.write(name, name.encode())
    settle()
    opened = opened_files(monkeypatch)
    world.live.look()
    first = world.live.fingerprint(quiet=True)
    assert opened == ["a", "b", "c"]
    world.write("b", b"changed")
    settle()
    world.live.look()
    opened.clear()
    second = world.live.fingerprint(quiet=True)
    assert opened == ["b"]
    opened.clear()
    world.live.look()
    assert world.live.fingerprint(quiet=True) == second != first
    assert opened == []
    assert world.snapshot() == second


def test_a_change_within_the_clocks_tick_is_not_missed(world: World) -> None:
    place = world.write("f", b"one")
    world.snapshot()
    state = place.stat()
    place.write_bytes(b"two")
    os.utime(place, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert world.contents(world.snapshot()) == {"f": b"two"}


def test_what_is_written_through_a_map_while_others_look_is_not_missed(world: World) -> None:
    place = world.write("f", b"a" * 8192)
    settle()
    world.snapshot()
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0:1] = b"b"
        world.live.look()
        world.live.take("during", quiet=False)
        settle()
        mapped[1:2] = b"c"  # the page is dirty already: this moves no time of the file
    assert world.contents(world.snapshot())["f"][:3] == b"bca"


def test_the_rest_of_a_folder_is_read_when_its_index_is_lost(world: World) -> None:
    world.write("a", b"1")
    world.write("b", b"2")
    world.snapshot()
    (world.live.root / "a").unlink()
    for left in world.live._place.glob("index.sqlite*"):
        left.unlink()
    assert world.contents(world.snapshot()) == {"b": b"2"}


def test_a_store_that_lost_the_tree_before_gets_all_files_again(world: World) -> None:
    world.write("a", b"1")
    world.snapshot()
    world.store.release(world.store.holds())
    world.store.collect(lambda _: False, dry_run=False)
    assert world.contents(world.snapshot()) == {"a": b"1"}


def test_files_kinds_and_links(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    outside.write_text("secret")
    world.write("tool.sh", b"#!").chmod(0o755)
    world.write("sub/data", b"1")
    root = world.live.root
    (root / "nothing").mkdir()
    (root / "sub/inside").symlink_to("../tool.sh")
    (root / "leaves").symlink_to("../../../../secret")
    (root / "absolute").symlink_to(outside)
    (root / "folder-out").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    world.live.look()
    assert sorted(world.live.take("all", quiet=True).left_out) == ["absolute", "folder-out", "leaves", "pipe"]
    kinds = world.kinds(world.snapshot())
    assert kinds == {
        "nothing/": Kind.EMPTY_FOLDER,
        "sub/data": Kind.FILE,
        "sub/inside": Kind.LINK,
        "tool.sh": Kind.EXECUTABLE,
    }


def test_a_folder_that_becomes_a_link_is_not_followed(world: World, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/data").write_bytes(b"host's")
    world.write("sub/data", b"ours")
    world.live.look()
    shutil.rmtree(world.live.root / "sub")
    (world.live.root / "sub").symlink_to(tmp_path / "out")
    root = world.live.take("late", quiet=True).root
    assert world.contents(root) == {}
    with pytest.raises(NotFound):
        world.live.open_file(SafePath("sub/data"))


@pytest.mark.skipif(sys.platform != "linux", reason="the file system takes text only")
def test_names_that_are_not_text_are_left_out(world: World) -> None:
    (world.live.root / os.fsdecode(b"bad-\xff")).write_bytes(b"1")
    world.write("good\nname", b"2")
    world.live.look()
    assert world.live.take("all", quiet=True).left_out == ["bad-�"]
    assert world.contents(world.snapshot()) == {"good\nname": b"2"}


def test_a_snapshot_of_chosen_paths(world: World) -> None:
    for path in ("a/x", "a/y", "b/z", "c", "ab"):
        world.write(path, path.encode())
    world.live.look()
    taken = world.live.take("some", [SafePath("a"), SafePath("c")], quiet=True)
    assert world.contents(taken.root) == {"a/x": b"a/x", "a/y": b"a/y", "c": b"c"}
    assert taken.extent == Extent(3, 7)
    with pytest.raises(NotFound, match="nowhere"):
        world.live.take("none", [SafePath("nowhere")], quiet=True)
    assert world.store.held("none") is None


def test_noted_writes_need_no_look(world: World) -> None:
    world.write("a/x", b"1")
    world.write("a/y", b"22")
    world.write("b", b"333")
    with world.live.locked():
        assert world.live.note([SafePath("a"), SafePath("b")]) == Extent(3, 6)
    first = world.snapshot(look=False)
    assert world.live.unstored_bytes == 0
    shutil.rmtree(world.live.root / "a")
    world.write("b", b"4")
    with world.live.locked():
        assert world.live.note([SafePath("a"), SafePath("b")]) == Extent(1, 1)
    assert world.live.unstored_bytes == 1
    assert world.contents(world.snapshot(look=False)) == {"b": b"4"}
    assert world.contents(first) == {"a/x": b"1", "a/y": b"22", "b": b"333"}


def test_the_lock_keeps_others_out(world: World) -> None:
    order: list[str] = []

    def take() -> None:
        LocalLiveFolder(world.live._place, world.store, "live:d").take("t", quiet=True)
        order.append("taken")

    with world.live.locked():
        other = threading.Thread(target=take)
        other.start()
        time.sleep(0.2)
        order.append("released")
    other.join()
    assert order == ["released", "taken"]


def test_a_file_is_read_from_any_place(world: World) -> None:
    content = os.urandom(3 * MIB)
    world.write("big", content)
    opened = world.live.open_file(SafePath("big"))
    assert opened.size == 3 * MIB
    assert b"".join(opened.pieces(MIB - 3, 2 * MIB + 9)) == content[MIB - 3 : 2 * MIB + 9]
    world.write("big", b"other")
    assert world.live.open_file(SafePath("big")).version != opened.version


def views_of(world: World, **roots: Key) -> dict[str, Path]:
    return world.views.make("d", roots, world.live)


def test_a_view_is_a_plain_read_only_folder(world: World) -> None:
    world.write("a/x", b"1").chmod(0o755)
    world.write("big", os.urandom(2 * MIB + 1))
    (world.live.root / "link").symlink_to("a/x")
    (world.live.root / "nothing").mkdir()
    place = views_of(world, one=world.snapshot())["one"]
    assert plain(place) == plain(world.live.root)
    assert (place / "link").readlink() == Path("a/x")
    assert (place / "nothing").is_dir()
    assert oct((place / "a/x").stat().st_mode)[-3:] == "555"
    assert oct((place / "big").stat().st_mode)[-3:] == "444"
    assert oct((place / "a").stat().st_mode)[-3:] == "555"
    with (place / "big").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[MIB : MIB + 9] == (world.live.root / "big").read_bytes()[MIB : MIB + 9]


def test_views_share_files_with_each_other_and_never_with_the_live_ones(world: World) -> None:
    world.write("same", os.urandom(MIB))
    world.write("other", b"1")
    first = world.snapshot()
    world.write("other", b"2")
    second = world.snapshot()
    places = views_of(world, one=first, two=second)
    assert (places["one"] / "same").stat().st_ino == (places["two"] / "same").stat().st_ino
    assert (places["one"] / "other").read_bytes() == b"1"
    assert (places["two"] / "other").read_bytes() == b"2"
    with (world.live.root / "same").open("r+b") as file:
        file.write(b"changed")
    assert not (places["one"] / "same").read_bytes().startswith(b"changed")
    world.views.remove("d", "one")
    assert not places["one"].exists()
    assert (places["two"] / "same").stat().st_nlink == 1


def test_a_view_that_was_half_made_is_made_anew(world: World) -> None:
    world.write("f", b"1")
    root = world.snapshot()
    left = world.home / "views/d/.parts/one"
    left.mkdir(parents=True)
    (left / "rubbish").write_bytes(b"rubbish")
    assert plain(views_of(world, one=root)["one"]) == {"f": b"1"}
    assert world.views.names() == {"d": ["one"]}


@pytest.fixture
def reflinking(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system whose files can share blocks."""
    image, place = tmp_path / "disk", tmp_path / "mounted"
    if shutil.which("mkfs.xfs") is None or os.geteuid() != 0:
        pytest.skip("needs root and mkfs.xfs")
    with image.open("wb") as file:
        file.truncate(512 * MIB)
    subprocess.run(["mkfs.xfs", "-q", image], check=True)
    with mounted(place, "-o", "loop", image):
        yield place


def test_a_view_shares_blocks_with_the_live_file_where_the_disk_can(reflinking: Path) -> None:
    world = World(reflinking)
    place = world.write("big", os.urandom(100 * MIB))
    settle()
    root = world.snapshot()
    os.sync()
    before = shutil.disk_usage(reflinking).used
    view = views_of(world, one=root)["one"] / "big"
    os.sync()
    assert shutil.disk_usage(reflinking).used - before < 10 * MIB
    digest = hashlib.sha256(view.read_bytes()).digest()
    with place.open("r+b") as file:
        file.write(b"changed in place")
    assert hashlib.sha256(view.read_bytes()).digest() == digest


def test_empty_folders_stand_where_their_files_would(world: World) -> None:
    for path in ("e-x", "e.y", "e0"):
        world.write(path)
    (world.live.root / "e").mkdir()
    empty = world.snapshot()
    assert list(world.kinds(empty)) == ["e-x", "e.y", "e/", "e0"]
    world.write("e/file")
    assert list(world.kinds(world.snapshot())) == ["e-x", "e.y", "e/file", "e0"]
    shutil.rmtree(world.live.root / "e")
    (world.live.root / "e").mkdir()
    with world.live.locked():
        world.live.note([SafePath("e")])
    assert world.snapshot(look=False) == empty


def listed(files: Files, folder: str, limit: int) -> list[str]:
    """The names in a folder, page by page."""
    names: list[str] = []
    after: str | None = None
    while True:
        page = browse(files, SafePath(folder), after, limit)
        assert len(page.items) <= limit
        names += [item.name + "/" * item.is_folder for item in page.items]
        after = page.next
        if after is None:
            return names


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_a_folder_is_listed_in_pages(world: World, limit: int) -> None:
    for number in range(40):
        world.write(f"top/many/f{number}")
        world.write(f"top/f{number:02}")
    for path in ("top/many-more", "top/many.txt", "top/manyfold", "top/b/c/d", "other"):
        world.write(path)
    (world.live.root / "top/empty").mkdir()
    root = world.snapshot()
    files = [f"f{number:02}" for number in range(40)]
    expected = ["b/", "empty/", *files, "many-more", "many.txt", "many/", "manyfold"]
    for place in (world.live, StoredTree(world.store, root)):
        assert listed(place, "top", limit) == expected
        assert listed(place, "", limit) == ["other", "top/"]
        assert listed(place, "top/b/c", limit) == ["d"]
        assert listed(place, "nowhere", limit) == []


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_live_files_and_their_snapshot_are_the_same_archive(world: World, kind: ArchiveFormat) -> None:
    world.write("a/tool", b"#!").chmod(0o755)
    world.write("a/big", os.urandom(2 * MIB + 3))
    world.write("a/c\nd", b"odd name")
    (world.live.root / "a/link").symlink_to("tool")
    (world.live.root / "a/nothing").mkdir()
    tree = StoredTree(world.store, world.snapshot())
    one = b"".join(archive(members(world.live, SafePath("a"), "top"), kind, 0))
    assert one == b"".join(archive(members(tree, SafePath("a"), "top"), kind, 0))
    if kind == "tar":
        with tarfile.open(fileobj=io.BytesIO(one)) as tar:
            assert tar.getnames() == ["top/a/big", "top/a/c\nd", "top/a/link", "top/a/nothing", "top/a/tool"]
            assert tar.getmember("top/a/nothing").isdir()


def test_a_snapshot_is_restored_and_unchanged_files_stay_the_same_files(world: World) -> None:
    world.write("same", os.urandom(MIB))
    world.write("changed", b"1")
    world.write("tool", b"#!").chmod(0o755)
    (world.live.root / "nothing").mkdir()
    before = plain(world.live.root)
    root = world.snapshot()
    inode = (world.live.root / "same").stat().st_ino
    world.write("changed", b"2")
    world.write("new/file", b"3")
    (world.live.root / "tool").unlink()
    (world.live.root / "nothing").rmdir()
    world.live.look()
    assert world.live.restore(root) == Extent(3, MIB + 3)
    assert plain(world.live.root) == before
    assert (world.live.root / "same").stat().st_ino == inode
    assert (world.live.root / "nothing").is_dir()
    assert (world.live.root / "tool").stat().st_mode & 0o111
    world.write("changed", b"can be written")
    assert world.snapshot() != root
    world.write("changed", b"1")
    assert world.snapshot() == root


def test_after_a_restoration_nothing_has_to_be_read_again(world: World) -> None:
    world.write("a", b"1")
    settle()
    root = world.snapshot()
    world.write("b", b"2")
    world.live.look()
    world.live.restore(root)
    assert world.live.unstored_bytes == 0
    world.live.look()
    assert world.live.unstored_bytes == 0


@pytest.mark.parametrize("point", ["making", "ready", "last"])
def test_a_killed_restoration_leaves_the_files_as_they_were_or_restored(
    world: World, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write("f", b"old")
    root = world.snapshot()
    world.write("f", b"new")
    world.live.look()
    child = multiprocessing.get_context("fork").Process(target=_killed_at, args=(world, root, point))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    again = World(world.home)
    assert plain(again.live.root) == {"f": b"old" if point == "last" else b"new"}
    assert {one.name for one in again.live._place.iterdir()} & {"ready", "last"} == set()
    again.live.look()
    again.live.restore(root)
    assert plain(again.live.root) == {"f": b"old"}


def _killed_at(world: World, root: Key, point: str) -> None:
    """Restores, and is killed right after something has got this name."""
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        done = rename(self, target)
        if target.name == point:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    Path.rename = renamed  # type: ignore[method-assign]
    if point == "making":
        os.sync = lambda: os.kill(os.getpid(), signal.SIGKILL)
    World(world.home).live.restore(root)


def test_files_that_were_out_of_the_way_come_back_when_the_new_ones_are_lost(world: World) -> None:
    world.write("f", b"1")
    world.live.root.rename(world.live._place / "last")
    again = World(world.home)
    assert plain(again.live.root) == {"f": b"1"}
    assert not (again.live._place / "last").exists()


def test_a_live_folder_that_many_make_at_once_is_made_once(world: World) -> None:
    together = threading.Barrier(4, timeout=10)

    def make(name: int) -> LocalLiveFolder:
        together.wait()
        return world.folders.live(str(name))

    with ThreadPoolExecutor(4) as several:
        made = list(several.map(make, (name for name in range(50) for _ in range(4))))
    assert {one.is_known for one in made} == {True}


def test_a_file_or_a_folder_is_deleted_at_once(world: World, tmp_path: Path) -> None:
    for path in ("a/x", "a/y", "b"):
        world.write(path, b"1")
    (world.live.root / "out").symlink_to(tmp_path)
    world.live.look()
    assert world.live.delete(SafePath("a")) == Extent(1, 1)
    assert world.live.delete(SafePath("out")) == Extent(1, 1)
    assert world.live.delete(SafePath("b")) == Extent(0, 0)
    assert list(world.live.root.iterdir()) == []
    assert list(world.live.staging.iterdir()) == []
    assert tmp_path.exists()
    for path in ("a", "b/c", "nowhere"):
        with pytest.raises(NotFound):
            world.live.delete(SafePath(path))


def test_folders_that_no_path_could_reach_again_are_left_out(world: World) -> None:
    world.write("near", b"1")
    folder = world.live.root
    for _ in range(150):
        folder /= "d"
    folder.mkdir(parents=True)
    long = "x" * 200
    with below(world.live.root) as opened:
        descriptor = opened.open_folder("")
        for _ in range(30):  # longer than the system takes as one path
            os.mkdir(long, dir_fd=descriptor)
            deeper = os.open(long, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = deeper
        os.close(descriptor)
    world.live.look()
    taken = world.live.take("all", quiet=True)
    assert world.contents(taken.root) == {"near": b"1"}
    assert sorted(len(path) for path in taken.left_out) == [203, 3617]
    assert plain(views_of(world, one=taken.root)["one"]) == {"near": b"1"}


def test_a_folder_is_filled_once_and_again_after_a_kill(world: World) -> None:
    world.write("a", b"1")
    root = world.snapshot()
    other = world.folders.live("other")
    # As a fill leaves it that was killed while the files were made: the empty folder has been stored already.
    other.take("live:other", quiet=True)
    assert other.fill(root) == Extent(1, 1)
    (other.root / "b").write_bytes(b"22")
    assert other.fill(root) == Extent(2, 3)
    assert plain(other.root) == {"a": b"1", "b": b"22"}


def test_a_fingerprint_of_a_folder_whose_tree_was_lost(world: World) -> None:
    world.write("a", b"1")
    root = world.snapshot()
    world.store.release(world.store.holds())
    world.store.collect(lambda _: False, dry_run=False)
    world.write("b", b"2")
    world.live.look()
    fingerprint = world.live.fingerprint(quiet=True)
    assert fingerprint != root
    assert world.snapshot() == fingerprint
