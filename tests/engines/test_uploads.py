"""Uploads in chunks: any order, side by side, again; then all files at once, where they may be."""

import os
import random
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelyard.engines.folders import LiveFolder
from modelyard.engines.uploads import Chunk, Collision, Quota, SentFile, session
from modelyard.kit.errors import BadRequest, NotFound, TooLarge
from modelyard.kit.safe_path import SafePath
from tests.engines.uploading import MAX_FILE_BYTES, Uploader, content, live_folder, put

KIB = 2**10


@pytest.fixture
def live(tmp_path: Path) -> LiveFolder:
    return live_folder(tmp_path)


@pytest.fixture
def ada(live: LiveFolder) -> Uploader:
    return Uploader(live)


def test_chunks_come_in_any_order_and_again(live: LiveFolder, ada: Uploader) -> None:
    data = random.Random(1).randbytes(10 * KIB + 7)
    ada.send("a/large.bin", data, KIB, [11, 3, 3, 1, 2, 10, 9, 4, 5, 7, 6, 8, 11])
    assert content(live) == {}
    landed = ada.end("below/here")
    assert content(live) == {"below/here/a/large.bin": data}
    assert (landed.files, landed.bytes, landed.ignored, landed.renamed) == (1, len(data), 0, 0)
    [(settled, extent)] = ada.settled
    assert settled == landed
    assert (extent.files, extent.bytes) == (1, len(data))


def test_chunks_of_many_files_come_side_by_side(live: LiveFolder, ada: Uploader) -> None:
    files = {f"d{n % 3}/f{n}": random.Random(n).randbytes(n * 300) for n in range(40)}
    chunks = [
        (path, number) for path, data in files.items() for number in range(1, max(-(-len(data) // KIB), 1) + 1)
    ]
    # Everything twice, as when clients are impatient.
    chunks *= 2
    random.Random(2).shuffle(chunks)
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda one: ada.send(one[0], files[one[0]], KIB, [one[1]]), chunks))
    assert ada.end().files == 40
    assert content(live) == files


def test_a_chunk_is_known_by_its_file_number_and_bytes(ada: Uploader) -> None:
    data = b"a" * KIB + b"b" * KIB + b"c"
    ada.send("x/f.bin", data, KIB, [1, 3])
    assert [ada.has("x/f.bin", data, number, KIB) for number in (1, 2, 3)] == [True, False, True]
    assert not ada.has("x/f.bin", b"z" + data[1:], 1, KIB)
    assert not ada.has("x/f.bin", data + b"c", 1, KIB)
    assert not ada.has("x/f.bin", data, 1, 2 * KIB)
    assert not ada.has("y/f.bin", data, 1, KIB)
    assert not ada.sessions.has(ada.live, "ada", ada.key, None, 1, bytes(16))


def test_files_of_one_name_and_size_in_several_folders_stay_apart(live: LiveFolder, ada: Uploader) -> None:
    files = {"a/__init__.py": b"", "b/__init__.py": b"", "a/x": b"1", "b/x": b"2"}
    for path, data in files.items():
        ada.send(path, data)
    ada.end()
    assert content(live) == files


def test_bytes_that_changed_on_the_way_are_refused_and_leave_what_was_there(
    live: LiveFolder, ada: Uploader
) -> None:
    data = b"good" * 10
    file = SentFile("f", 40, 40)
    ada.send("f", data, 40)
    with pytest.raises(BadRequest, match="MD5"):
        ada.chunk(file, 1, b"evil" * 10, checksum=bytes(16))
    with pytest.raises(BadRequest, match="39 bytes instead of 40"):
        ada.chunk(file, 1, data[:39], length=40)
    assert ada.has("f", data, 1, 40)
    ada.end()
    assert content(live) == {"f": data}


def test_a_chunk_that_was_refused_is_not_there(ada: Uploader) -> None:
    with pytest.raises(BadRequest, match="MD5"):
        ada.chunk(SentFile("f", 4, 4), 1, b"evil", checksum=bytes(16))
    assert not ada.has("f", b"evil", 1, 4)
    assert ada.end().files == 0


@pytest.mark.parametrize(
    ("size", "number", "length", "total", "about"),
    [
        (10, 1, 4, 2, "has 3 chunks of 4 bytes, but resumableTotalChunks is 2"),
        (10, 4, 4, 3, "from 1 to 3, and not 4"),
        (10, 0, 4, 3, "from 1 to 3, and not 0"),
        (10, 3, 4, 3, "has 2 bytes, but resumableCurrentChunkSize is 4"),
        (10, 1, 3, 3, "has 4 bytes, but resumableCurrentChunkSize is 3"),
        (0, 1, 1, 1, "has 0 bytes"),
    ],
)
def test_a_chunk_must_be_one_of_its_file(size: int, number: int, length: int, total: int, about: str) -> None:
    with pytest.raises(BadRequest, match=about):
        Chunk(SentFile("f", size, 4), number, length, bytes(16), total)


@pytest.mark.parametrize(
    ("path", "size", "chunk_bytes", "about"),
    [
        ("", 1, 1, "no name"),
        ("f", 1, 0, "resumableChunkSize is over 0"),
        ("f", 2**30, 1, "more than 1,000,000 chunks"),
        ("/".join("x" * 102), 1, 1, "more than 100 folders deep"),
    ],
)
def test_a_file_must_be_possible(path: str, size: int, chunk_bytes: int, about: str) -> None:
    with pytest.raises(BadRequest, match=about):
        SentFile(path, size, chunk_bytes)


def test_a_file_may_be_announced_anew_with_another_size(live: LiveFolder, ada: Uploader) -> None:
    ada.send("f", b"x" * 10, 4, [1, 2])
    ada.send("f", b"y" * 8, 4)
    ada.end()
    assert content(live) == {"f": b"y" * 8}


def test_what_is_missing_is_named_and_can_be_sent_then(live: LiveFolder, ada: Uploader) -> None:
    data = bytes(range(100))
    ada.send("a/f", data, 10, [2, 3, 9])
    ada.send("whole", b"x")
    with pytest.raises(BadRequest, match=re.escape("of 'a/f' chunk 1, 4, 5, 6, 7 and 2 more of 10")):
        ada.end()
    assert content(live) == {}
    ada.send("a/f", data, 10, [1, 4, 5, 6, 7, 8, 10])
    assert ada.end().files == 2


def test_an_upload_may_be_of_an_empty_file_or_of_nothing(live: LiveFolder, ada: Uploader) -> None:
    ada.send("empty", b"")
    assert ada.end().files == 1
    assert content(live) == {"empty": b""}
    nothing = Uploader(live).end("never made")
    assert (nothing.files, nothing.bytes) == (0, 0)
    assert not (live.root / "never made").exists()


def test_names_may_be_long_and_in_any_language(live: LiveFolder, ada: Uploader) -> None:
    longest = "/".join(["é" * 127 + "x"] * 15 + ["y" * 255])
    assert len(longest.encode()) == 4095
    names = ["数据/🎉 файл.csv", ' "quoted" & it\'s 100%+.txt', "x" * 255, longest]
    for name in names:
        ada.send(str(SafePath(name)), name.encode())
    assert ada.end().files == 4
    descriptor = os.open(live.root, os.O_RDONLY)
    for part in longest.split("/"):
        descriptor = os.open(part, os.O_RDONLY, dir_fd=descriptor)
    assert os.read(descriptor, 5000) == longest.encode()
    assert (live.root / names[0]).read_bytes() == names[0].encode()


def test_a_target_that_makes_paths_too_long_is_refused(live: LiveFolder, ada: Uploader) -> None:
    ada.send("/".join(["y" * 255] * 15), b"x")
    with pytest.raises(BadRequest, match="longer than 4096 bytes"):
        ada.end("t" * 255 + "/" + "t" * 255)
    deep = Uploader(live)
    deep.send("/".join("x" * 101), b"x")
    with pytest.raises(BadRequest, match="more than 100 folders deep"):
        deep.end("t")
    assert list(live.root.iterdir()) == []
    assert deep.end().files == 1


def test_what_is_there_stays_unless_asked_otherwise(live: LiveFolder) -> None:
    expected = {
        Collision.IGNORE: ({"a/f.txt": b"old", "a/new": b"new"}, 1, 1, 0),
        Collision.OVERWRITE: ({"a/f.txt": b"new", "a/new": b"new"}, 2, 0, 0),
        Collision.RENAME: ({"a/f.txt": b"old", "a/f (1).txt": b"new", "a/new": b"new"}, 2, 0, 1),
    }
    for collision, (files, landed, ignored, renamed) in expected.items():
        put(live, {f"{collision}/a/f.txt": b"old"})
        upload = Uploader(live, collision)
        upload.send("a/f.txt", b"new")
        upload.send("a/new", b"new")
        done = upload.end(collision)
        assert (done.files, done.ignored, done.renamed) == (landed, ignored, renamed), collision
        found = {
            path.partition("/")[2]: data for path, data in content(live).items() if path.startswith(collision)
        }
        assert found == files, collision


def test_a_free_name_is_free_whatever_its_case(live: LiveFolder) -> None:
    put(live, dict.fromkeys(["F.tar.gz", "f.tar (1).gz", "g", ".hidden", "G (1)"], b"old") | {"g": b"old"})
    upload = Uploader(live, Collision.RENAME)
    names = ["F.tar.gz", "F.tar (2).gz", "g", ".hidden"]
    for name in names:
        upload.send(name, b"new")
    assert upload.end().renamed == 3
    fresh = {path for path, data in content(live).items() if data == b"new"}
    assert fresh == {"F.tar (3).gz", "F.tar (2).gz", "g (2)", ".hidden (1)"}


def test_a_free_name_is_not_longer_than_names_may_be(live: LiveFolder) -> None:
    names = ["é" * 127, "x" * 251 + ".csv", "x." + "y" * 250]
    for _ in range(2):
        upload = Uploader(live, Collision.RENAME)
        for name in names:
            upload.send(name, b"x")
        upload.end()
    found = {path.name for path in live.root.iterdir()}
    assert found - set(names) == {"é" * 125 + " (1)", "x" * 247 + " (1).csv", "x." + "y" * 249 + " (1)"}


@pytest.mark.parametrize(
    ("there", "sent", "about"),
    [
        ([], ["Data.csv", "data.csv"], "'data.csv' and 'Data.csv'|'Data.csv' and 'data.csv'"),
        ([], ["A/x", "a/y"], "'A' and 'a'|'a' and 'A'"),
        ([], ["d/A/x", "d/a"], "'d/A' and 'd/a'|'d/a' and 'd/A'"),
        ([], ["a", "a/b"], "'a' of the upload is a file and a folder"),
        (["data.csv"], ["Data.csv"], "'Data.csv' of the upload and 'data.csv' in the dataset differ only in case"),
        (["Sub/x"], ["sub/y"], "'sub' of the upload and 'Sub' in the dataset"),
        (["t/ÄRGER"], ["t/ärger"], "'t/ärger' of the upload and 't/ÄRGER' in the dataset"),
        (["a/b"], ["a"], "'a' is a file of the upload and a folder in the dataset"),
        (["a"], ["a/b"], "'a' is a folder of the upload and a file in the dataset"),
    ],
)
@pytest.mark.parametrize("collision", list(Collision))
def test_names_that_exclude_each_other_are_named_and_nothing_changes(
    live: LiveFolder, collision: Collision, there: list[str], sent: list[str], about: str
) -> None:
    put(live, dict.fromkeys(there, b"old"))
    before = content(live)
    upload = Uploader(live, collision)
    for path in [*sent, "innocent"]:
        upload.send(path, b"new")
    with pytest.raises(BadRequest, match=about):
        upload.end()
    assert content(live) == before
    upload.end("elsewhere") if there else upload.cancel()


def test_a_name_that_is_there_beside_another_of_its_case_is_no_trouble(live: LiveFolder) -> None:
    put(live, {"data": b"old", "DATA": b"old"})
    upload = Uploader(live, Collision.OVERWRITE)
    upload.send("data", b"new")
    upload.end()
    assert content(live) == {"data": b"new", "DATA": b"old"}


@pytest.mark.parametrize("collision", list(Collision))
def test_links_to_folders_are_not_followed(live: LiveFolder, tmp_path: Path, collision: Collision) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (live.root / "sub").mkdir()
    for link in ("link", "sub/link"):
        (live.root / link).symlink_to(outside)
    for path in ("link/x", "sub/link/deep/x"):
        upload = Uploader(live, collision)
        upload.send(path, b"x")
        with pytest.raises(BadRequest, match=r"link' in the dataset is a symbolic link"):
            upload.end()
    upload = Uploader(live, collision)
    upload.send("x", b"x")
    with pytest.raises(BadRequest, match="'link' in the dataset is a symbolic link"):
        upload.end("link")
    assert list(outside.iterdir()) == []


def test_a_link_with_the_name_of_a_file_is_left_or_replaced_itself(live: LiveFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"outside")
    for collision in Collision:
        (live.root / collision).symlink_to(outside)
        upload = Uploader(live, collision)
        upload.send(collision, b"new")
        upload.end()
    assert outside.read_bytes() == b"outside"
    assert [(live.root / one).is_symlink() for one in Collision] == [True, False, True]
    assert (live.root / "Overwrite").read_bytes() == (live.root / "Rename (1)").read_bytes() == b"new"


def test_sessions_belong_to_who_started_them(live: LiveFolder, ada: Uploader) -> None:
    ada.send("f", b"x")
    bob = Uploader(live, account="bob", key=ada.key)
    nobody = Uploader(live, account="ada", key="0" * 24)
    strange = Uploader(live, account="ada", key="../" + ada.key)
    for other in (bob, nobody, strange):
        for do in (lambda o: o.send("g", b"x"), lambda o: o.has("f", b"x", 1), Uploader.end, Uploader.cancel):
            with pytest.raises(NotFound, match="no upload with this key"):
                do(other)
    assert ada.end().files == 1
    with pytest.raises(NotFound):
        bob.end()


def test_an_upload_that_was_ended_says_so_again(live: LiveFolder, ada: Uploader) -> None:
    ada.send("f", b"x")
    landed = ada.end("t")
    put(live, {"t/f": b"changed since"})
    assert ada.end("t") == landed
    assert len(ada.settled) == 1
    assert content(live) == {"t/f": b"changed since"}
    with pytest.raises(BadRequest, match="was ended"):
        ada.cancel()
    with pytest.raises(NotFound):
        ada.send("f", b"x")


def test_ending_twice_at_a_time_is_ending_once(live: LiveFolder, ada: Uploader) -> None:
    for number in range(300):
        ada.send(f"f{number}", b"x")
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: ada.end(), range(4)))
    assert {one.files for one in done} == {300}
    assert len(ada.settled) == 1


def test_a_cancelled_upload_leaves_nothing(live: LiveFolder, ada: Uploader) -> None:
    ada.send("f", b"x" * 100)
    assert ada.cancel()
    assert not ada.cancel()
    with pytest.raises(BadRequest, match="was cancelled"):
        ada.end()
    assert content(live) == {}
    [left] = live.staging.iterdir()
    assert left.is_file()


def test_nothing_is_added_to_an_upload_that_is_being_ended(live: LiveFolder, ada: Uploader) -> None:
    ada.send("f", b"x")
    with (
        session.opened(live.staging / ada.key, "ada", alone=True),
        pytest.raises(BadRequest, match="takes no more chunks"),
    ):
        ada.send("g", b"x")


def test_many_files_in_many_folders_land_together(live: LiveFolder, ada: Uploader) -> None:
    files = {f"a{n % 100}/b{n}/f": str(n).encode() for n in range(500)}
    for path, data in files.items():
        ada.send(path, data)
    ada.end("t")
    assert content(live) == {f"t/{path}": data for path, data in files.items()}


def test_files_over_the_limit_are_refused_at_their_first_chunk(ada: Uploader) -> None:
    size = MAX_FILE_BYTES + 1
    with pytest.raises(TooLarge, match=f"{MAX_FILE_BYTES:,} bytes a file"):
        ada.chunk(SentFile("f", size, 2**20), 1, bytes(2**20))
    with pytest.raises(TooLarge, match="at most 67,108,864 bytes"):
        ada.chunk(SentFile("f", 2**27, 2**27), 1, b"", length=2**27)
    # A client may say that its chunks are large though its files are small.
    ada.send("small", b"x", 2**30)
    assert ada.end().files == 1


def test_an_upload_has_so_many_files_at_most(ada: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MAX_FILES", 2)
    for name in ("a", "b", "a", "b"):
        ada.send(name, b"x")
    with pytest.raises(BadRequest, match="at most 2 files"):
        ada.send("c", b"x")
    assert ada.end().files == 2


def test_a_quota_is_kept_from_the_first_chunk_on(live: LiveFolder) -> None:
    quota = Quota("the dataset d", 100, 60)
    renaming = Uploader(live, Collision.RENAME, quota=quota)
    renaming.send("a", bytes(30), 10, [1])
    with pytest.raises(
        BadRequest, match=r"41 bytes do not fit: the quota of the dataset d is 100 bytes.* 60 are used"
    ):
        renaming.send("b", bytes(11))
    renaming.send("b", bytes(10))
    # Of what may replace something, only what would never fit is refused before the end.
    replacing = Uploader(live, Collision.OVERWRITE, quota=quota)
    replacing.send("a", bytes(100))
    with pytest.raises(BadRequest, match="101 bytes do not fit"):
        replacing.send("b", bytes(1))


def test_at_the_end_a_quota_counts_what_is_replaced_and_left_out(live: LiveFolder) -> None:
    put(live, {"a": bytes(60)})
    quota = Quota("the dataset d", 100, 60)
    for collision, size, fits in (
        (Collision.IGNORE, 90, True),
        (Collision.OVERWRITE, 101, False),
        (Collision.OVERWRITE, 100, True),
        (Collision.RENAME, 41, False),
        (Collision.RENAME, 40, True),
    ):
        put(live, {"a": bytes(60)})
        upload = Uploader(live, collision)
        upload.send("a", bytes(size))
        before = content(live)
        if fits:
            upload.end(quota=quota)
            continue
        with pytest.raises(BadRequest, match="do not fit"):
            upload.end(quota=quota)
        assert content(live) == before
    # Over its quota already, a folder takes what adds nothing.
    upload = Uploader(live, Collision.OVERWRITE)
    upload.send("a", bytes(1))
    assert upload.end(quota=Quota("the dataset d", 10, 60)).files == 1
