"""The store of pieces: what is put is there, what nothing holds goes, and what is damaged is found."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path

import msgspec
import pytest

from modelyard.engines.blobs import Damaged, Key, Missing, Vanished, content_key, node_key
from modelyard.engines.blobs.local import LocalBlobStore, uncollected


def children_of(node: bytes) -> list[Key]:
    return list(msgspec.msgpack.decode(node, type=list[bytes]))


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blobs", children_of)


def put(store: LocalBlobStore, name: str, *contents: bytes) -> Key:
    """Pieces under one node, which the name holds."""
    with store.writing() as writing:
        keys = [content_key(content) for content in contents]
        for key, content in zip(keys, contents, strict=True):
            if key in writing.missing([key]):
                writing.put(key, content)
        node = msgspec.msgpack.encode(keys)
        if writing.missing([node_key(node)]):
            writing.put(node_key(node), node, keys)
        writing.hold(name, node_key(node))
    return node_key(node)


def read(store: LocalBlobStore, content: bytes) -> bytes:
    with store.reading() as reading:
        return reading.read(content_key(content))


def never(_: str) -> bool:
    return False


def test_what_was_put_is_read_by_another_process_life(store: LocalBlobStore, tmp_path: Path) -> None:
    root = put(store, "one", b"alpha", b"beta" * 500_000)
    again = LocalBlobStore(tmp_path / "blobs", children_of)
    assert read(again, b"alpha") == b"alpha"
    assert read(again, b"beta" * 500_000) == b"beta" * 500_000
    assert again.held("one") == root


def test_the_same_piece_is_kept_once(store: LocalBlobStore) -> None:
    put(store, "one", b"x" * 100_000)
    before = store.disk_bytes()
    put(store, "two", b"x" * 100_000, b"y")
    assert store.disk_bytes() - before < 20_000


def test_what_fails_leaves_nothing(store: LocalBlobStore, tmp_path: Path) -> None:
    def fail() -> None:
        with store.writing() as writing:
            writing.put(content_key(b"lost"), b"lost")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(Missing):
        read(store, b"lost")
    assert list((tmp_path / "blobs" / "packs").iterdir()) == []


def test_what_nothing_holds_is_collected_and_its_disk_is_free(store: LocalBlobStore) -> None:
    put(store, "kept", b"shared" * 100, b"mine" * 100)
    put(store, "gone", b"shared" * 100, os.urandom(3_000_000))
    store.release(["gone"])
    planned = store.collect(never, dry_run=True)
    taken = store.disk_bytes()
    assert planned.pieces == 2
    assert planned.piece_bytes > 3_000_000
    assert store.disk_bytes() == taken
    done = store.collect(never, dry_run=False)
    assert (done.pieces, done.piece_bytes) == (planned.pieces, planned.piece_bytes)
    assert done.disk_bytes >= 2_900_000
    assert store.disk_bytes() < 100_000
    assert read(store, b"shared" * 100) == b"shared" * 100
    assert read(store, b"mine" * 100) == b"mine" * 100
    assert store.collect(never, dry_run=False).pieces == 0


def test_stale_holds_end_with_a_collection(store: LocalBlobStore) -> None:
    put(store, "snapshot:1", b"one")
    put(store, "snapshot:2", b"two")
    store.collect(lambda name: name == "snapshot:1", dry_run=False)
    assert set(store.holds()) == {"snapshot:2"}
    with pytest.raises(Missing):
        read(store, b"one")


def test_a_hold_that_moves_on_lets_go_of_what_it_held(store: LocalBlobStore) -> None:
    put(store, "live", b"before")
    put(store, "live", b"after")
    store.collect(never, dry_run=False)
    assert read(store, b"after") == b"after"
    with pytest.raises(Missing):
        read(store, b"before")


def test_pieces_that_are_collected_meanwhile_must_be_put_again(store: LocalBlobStore) -> None:
    put(store, "one", b"piece")
    node = msgspec.msgpack.encode([content_key(b"piece")])

    def write_while_it_is_collected() -> None:
        with store.writing() as writing:
            assert not writing.missing([content_key(b"piece")])
            store.release(["one"])
            store.collect(never, dry_run=False)
            writing.put(node_key(node), node, [content_key(b"piece")])
            writing.hold("two", node_key(node))

    with pytest.raises(Vanished):
        write_while_it_is_collected()
    put(store, "two", b"piece")
    assert read(store, b"piece") == b"piece"


def test_many_small_packs_become_one(store: LocalBlobStore, tmp_path: Path) -> None:
    for number in range(20):
        put(store, f"n{number}", f"content {number}".encode())
    store.collect(never, dry_run=False)
    assert len(list((tmp_path / "blobs" / "packs").iterdir())) == 1
    assert [read(store, f"content {number}".encode()) for number in range(20)] == [
        f"content {number}".encode() for number in range(20)
    ]


def test_a_reader_goes_on_while_packs_are_written_anew(store: LocalBlobStore) -> None:
    put(store, "kept", b"kept")
    put(store, "gone", b"gone" * 1000)
    with store.reading() as reading:
        store.release(["gone"])
        store.collect(never, dry_run=False)
        assert reading.read(content_key(b"kept")) == b"kept"


def test_a_flipped_byte_is_found(store: LocalBlobStore, tmp_path: Path) -> None:
    put(store, "one", b"precious" * 1000)
    (pack,) = (tmp_path / "blobs" / "packs").iterdir()
    content = bytearray(pack.read_bytes())
    content[content.index(b"precious") + 5] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    with pytest.raises(Damaged) as found:
        read(store, b"precious" * 1000)
    assert found.value.key == content_key(b"precious" * 1000)


def test_a_content_that_looks_like_a_node_is_none(store: LocalBlobStore) -> None:
    node = msgspec.msgpack.encode([content_key(b"child")])
    put(store, "one", node)
    put(store, "two", b"child")
    assert content_key(node) != node_key(node)
    store.release(["one"])
    store.collect(never, dry_run=False)
    assert read(store, b"child") == b"child"


def _killed_while_writing(folder: Path) -> None:
    store = LocalBlobStore(folder, children_of)
    with store.writing() as writing:
        writing.put(content_key(b"half"), b"half" * 10)
        writing.put(content_key(b"x" * 2_000_000), b"x" * 2_000_000)
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_writer_leaves_the_store_as_it_was(store: LocalBlobStore, tmp_path: Path) -> None:
    put(store, "one", b"there")
    child = multiprocessing.get_context("spawn").Process(target=_killed_while_writing, args=(tmp_path / "blobs",))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    with pytest.raises(Missing):
        read(store, b"x" * 2_000_000)
    (left,) = [pack for pack in (tmp_path / "blobs" / "packs").iterdir() if pack.stat().st_size > 1_000_000]
    store.collect(never, dry_run=False)
    assert left.exists()  # it may be another's that is still at work
    os.utime(left, (0, 0))
    store.collect(never, dry_run=False)
    assert not left.exists()
    assert read(store, b"there") == b"there"


def test_a_store_that_is_being_copied_is_not_collected(store: LocalBlobStore, tmp_path: Path) -> None:
    put(store, "gone", b"x" * 1000)
    store.release(["gone"])
    collected: list[int] = []
    collecting = threading.Thread(target=lambda: collected.append(store.collect(never, dry_run=False).pieces))
    with uncollected(tmp_path / "blobs"):
        collecting.start()
        collecting.join(0.2)
        assert read(store, b"x" * 1000) == b"x" * 1000
    collecting.join()
    assert collected == [2]
