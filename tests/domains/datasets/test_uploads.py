"""Uploads into datasets over HTTP, as the official client does them."""

import asyncio
import hashlib
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.dataset_storage import dataset_storage
from modelyard.engines.folders import Extent
from modelyard.engines.uploads import Landed, UploadSessions
from modelyard.kit.errors import Unavailable
from modelyard.kit.safe_path import SafePath
from modelyard.settings import Settings
from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import EDITOR, NOBODY, READER, V1, grant, make_dataset

CHUNK = 8 * 2**20
HEAD = b"--x\r\nContent-Disposition: form-data; name=f\r\n\r\n"


@pytest.fixture
def uploads(dataset: dict[str, Any]) -> str:
    """The address of uploads into a dataset of Ada's."""
    return _address(dataset["id"])


@pytest.fixture
def live(settings: Settings, uploads: str) -> Path:
    """The live files."""
    return settings.home_path / "datasets" / _id(uploads) / "live"


def _address(dataset_id: str) -> str:
    return f"/v4/datasetrw/datasets/{dataset_id}/snapshot/file"


def _id(uploads: str) -> str:
    return uploads.split("/")[4]


def _asked(key: str, path: str, data: bytes, number: int, chunk: int) -> dict[str, Any]:
    piece = data[(number - 1) * chunk : number * chunk]
    return {
        "key": key,
        "resumableChunkNumber": number,
        "resumableIdentifier": f"{len(data)}-{path.rpartition('/')[2]}",
        "resumableTotalChunks": max(-(-len(data) // chunk), 1),
        "checksum": hashlib.md5(piece, usedforsecurity=False).hexdigest().upper(),
    }


async def start(person: Person, uploads: str, setting: str = "Ignore", expect: int = 200) -> str:
    """A new upload; its key."""
    body = {"filePaths": [], "fileCollisionSetting": setting}
    key: str = await person.post(f"{uploads}/start", body, expect=expect)
    return key


async def chunk(
    person: Person,
    uploads: str,
    key: str,
    path: str,
    data: bytes,
    number: int = 1,
    size: int = CHUNK,
    /,
    **changed: Any,
) -> httpx.Response:
    """Sends one chunk of a file, with something about it changed."""
    piece = data[(number - 1) * size : number * size]
    params = _asked(key, path, data, number, size) | {
        "resumableChunkSize": size,
        "resumableCurrentChunkSize": len(piece),
        "resumableRelativePath": path,
    }
    files = {path: (path.rpartition("/")[2], piece, "application/octet-stream")}
    return await person.request("POST", uploads, params=params | changed, files=files)


async def send(person: Person, uploads: str, key: str, path: str, data: bytes, size: int = CHUNK) -> None:
    """Sends a file."""
    for number in range(1, max(-(-len(data) // size), 1) + 1):
        response = await chunk(person, uploads, key, path, data, number, size)
        assert response.status_code == 200, response.text


async def end_in(person: Person, uploads: str, key: str, target: str, expect: int = 200) -> Any:
    """Ends an upload below a folder, whose name is put into the address as it is."""
    response = await person.request("GET", f"{uploads}/end/{key}?targetRelativePath={target}")
    assert response.status_code == expect, response.text
    return response.json()


def _files(live: Path) -> dict[str, bytes]:
    return {str(path.relative_to(live)): path.read_bytes() for path in live.rglob("*") if path.is_file()}


async def test_files_in_chunks_land_in_the_dataset(
    modelyard: Modelyard, ada: Person, project: dict[str, Any], uploads: str, live: Path
) -> None:
    data = bytes(range(256)) * 10_000
    key = await start(ada, uploads)
    for number in (3, 1, 2):
        response = await chunk(ada, uploads, key, "data/large.bin", data, number, 2**20)
        assert response.status_code == 200, response.text
    await send(ada, uploads, key, "data/empty", b"")
    assert _files(live) == {}
    reply = await ada.get(f"{uploads}/end/{key}")
    assert reply == {"files": 2, "bytes": len(data), "ignoredFiles": 0, "renamedFiles": 0}
    assert _files(live) == {"data/large.bin": data, "data/empty": b""}
    row = "SELECT file_count || ' ' || size_bytes FROM datasets WHERE id = $1"
    assert await modelyard.db.value(row, _id(uploads)) == f"2 {len(data)}"
    events = await modelyard.db.values(
        "SELECT action || ' ' || actor_name || ' ' || project_id FROM events"
        " WHERE target_id = $1 AND request_id IS NOT NULL ORDER BY id",
        _id(uploads),
    )
    actions = ["dataset.created", "dataset.uploadStarted", "dataset.filesUploaded"]
    assert events == [f"{action} ada {project['id']}" for action in actions]
    details = await modelyard.db.value("SELECT details FROM events WHERE action = 'dataset.filesUploaded'")
    assert details == {
        "upload": key, "folder": "", "files": 2, "bytes": len(data), "ignoredFiles": 0, "renamedFiles": 0
    }  # fmt: skip


async def test_the_files_below_a_target_arrive_as_the_client_names_it(
    ada: Person, uploads: str, live: Path
) -> None:
    # The official client puts the target into the address as it is; its library then encodes what it must.
    for raw, folder in (
        ("to%20a+b", "to a+b"),
        ("R&D=x/100%25", "R&D=x/100%"),
        ("./%C3%BC/", "ü"),
    ):
        key = await start(ada, uploads)
        await send(ada, uploads, key, "./f", b"x")
        await end_in(ada, uploads, key, raw)
        assert (live / folder / "f").is_file(), folder


async def test_a_chunk_is_to_be_sent_unless_its_path_and_bytes_are_there(ada: Person, uploads: str) -> None:
    key = await start(ada, uploads)
    await send(ada, uploads, key, "a/f", b"same")
    for path, data, more, status in (
        ("a/f", b"same", {"resumableRelativePath": "a/f", "resumableChunkSize": CHUNK}, 200),
        ("a/f", b"same", {"resumableRelativePath": "./a/f", "resumableChunkSize": CHUNK}, 200),
        ("a/f", b"same", {"resumableRelativePath": "a/f", "resumableChunkSize": CHUNK, "checksum": "0" * 32}, 204),
        ("a/f", b"same", {"resumableRelativePath": "a/f", "resumableChunkSize": 2}, 204),
        ("b/f", b"same", {"resumableRelativePath": "b/f", "resumableChunkSize": CHUNK}, 204),
        # This may be b/f as well.
        ("a/f", b"same", {}, 204),
    ):
        params = _asked(key, path, data, 1, CHUNK) | more
        response = await ada.request("GET", f"{uploads}/test", params=params)
        assert response.status_code == status, more
        assert response.headers["cache-control"] == "no-store"


async def test_taken_names_are_treated_as_asked_for(ada: Person, uploads: str, live: Path) -> None:
    for setting, content in (("Ignore", b"0"), ("overwrite", b"1"), ("Rename", b"2")):
        key = await start(ada, uploads, setting)
        await send(ada, uploads, key, "f.txt", content)
        await ada.get(f"{uploads}/end/{key}")
    assert _files(live) == {"f.txt": b"1", "f (1).txt": b"2"}
    assert (
        "fileCollisionSetting"
        in (await ada.post(f"{uploads}/start", {"fileCollisionSetting": "x"}, 400))["message"]
    )


async def test_an_end_and_a_cancel_are_never_answered_by_a_cache(ada: Person, uploads: str) -> None:
    for what in ("end", "cancel"):
        key = await start(ada, uploads)
        for address, status in ((key, 200), ("0" * 24, 404)):
            response = await ada.request("GET", f"{uploads}/{what}/{address}")
            assert response.status_code == status
            assert response.headers["cache-control"] == "no-store"


async def test_an_upload_ends_once_and_says_so_again(modelyard: Modelyard, ada: Person, uploads: str) -> None:
    key = await start(ada, uploads)
    await send(ada, uploads, key, "f", b"x")
    assert await ada.get(f"{uploads}/end/{key}") == await ada.get(f"{uploads}/end/{key}")
    count = "SELECT count(*) FROM events WHERE action = 'dataset.filesUploaded'"
    assert await modelyard.db.value(count) == 1
    assert "was ended" in (await ada.get(f"{uploads}/cancel/{key}", 400))["message"]


async def test_a_cancelled_upload_is_gone(modelyard: Modelyard, ada: Person, uploads: str, live: Path) -> None:
    key = await start(ada, uploads)
    await send(ada, uploads, key, "f", b"x")
    for _ in range(2):
        await ada.get(f"{uploads}/cancel/{key}")
    assert (await chunk(ada, uploads, key, "f", b"x")).status_code == 404
    assert "was cancelled" in (await ada.get(f"{uploads}/end/{key}", 400))["message"]
    assert _files(live) == {}
    count = "SELECT count(*) FROM events WHERE action = 'dataset.uploadCancelled' AND details->>'upload' = $1"
    assert await modelyard.db.value(count, key) == 1


@pytest.mark.parametrize(
    ("changed", "status", "about"),
    [
        ({"checksum": "0" * 32}, 400, "MD5"),
        ({"checksum": "xyz"}, 400, "checksum"),
        ({"resumableTotalChunks": 2}, 400, "resumableTotalChunks is 2"),
        ({"resumableChunkNumber": 2}, 400, "resumableChunkNumber is from 1 to 1"),
        ({"resumableChunkNumber": 0}, 400, "resumableChunkNumber"),
        ({"resumableCurrentChunkSize": 3}, 400, "resumableCurrentChunkSize is 3"),
        ({"resumableIdentifier": "f"}, 400, "size of the file in bytes"),
        ({"resumableRelativePath": "../f"}, 400, "dot segment"),
        ({"resumableRelativePath": "a/../../f"}, 400, "dot segment"),
        ({"resumableRelativePath": ""}, 400, "no name"),
        ({"resumableRelativePath": "a\x00b"}, 400, "control character"),
        ({"resumableRelativePath": "x" * 256}, 400, "longer than 255 bytes"),
        ({"resumableRelativePath": "/".join(["x" * 200] * 21)}, 400, "longer than 4096 bytes"),
        ({"key": "0" * 24}, 404, "no upload with this key"),
        ({"key": "../../x"}, 404, "no upload with this key"),
    ],
)
async def test_a_chunk_that_contradicts_itself_is_refused(
    ada: Person, uploads: str, changed: dict[str, Any], status: int, about: str
) -> None:
    key = await start(ada, uploads)
    response = await chunk(ada, uploads, key, "f", b"data", 1, CHUNK, **changed)
    assert response.status_code == status
    assert about in response.json()["message"]
    assert (await ada.get(f"{uploads}/end/{key}"))["files"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data",
        b"data\r\n\r\ndata\r\n--x--",
        HEAD + b"data",
        HEAD + b"dat\r\n--x--\r\n",
        HEAD + b"data!\r\n--x--\r\n",
        HEAD + b"data\r\n--x\r\nMore: f\r\n\r\nmore\r\n--x--\r\n",
        b"--x\r\n" + b"h" * 100_000 + b"\r\n\r\ndata\r\n--x--\r\n",
        HEAD + b"data\r\n--x--\r\n" + b"y" * 100_000,
    ],
    ids=["empty", "bare", "no boundary", "cut", "short", "long", "two parts", "endless head", "endless tail"],
)
async def test_a_body_is_one_part_with_the_chunk(ada: Person, uploads: str, body: bytes) -> None:
    key = await start(ada, uploads)
    params = _asked(key, "f", b"data", 1, 4) | {
        "resumableChunkSize": 4, "resumableCurrentChunkSize": 4, "resumableRelativePath": "f"
    }  # fmt: skip
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    for content in (body, _one_by_one(pieces)):
        response = await ada.request("POST", uploads, params=params, content=content, headers=headers)
        assert response.status_code == 400
        assert "multipart/form-data with one part" in response.json()["message"]


async def test_a_body_may_come_in_pieces_of_any_size(ada: Person, uploads: str, live: Path) -> None:
    data = b"\r\n--x\r\n\r\n--" * 50
    body = HEAD + data + b"\r\n--x--\r\n"
    for size in (1, 2, 3, 50, 10_000):
        key = await start(ada, uploads)
        params = _asked(key, f"f{size}", data, 1, CHUNK) | {
            "resumableChunkSize": CHUNK,
            "resumableCurrentChunkSize": len(data),
            "resumableRelativePath": f"f{size}",
        }
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        response = await ada.request("POST", uploads, params=params, content=_one_by_one(pieces), headers=headers)
        assert response.status_code == 200, response.text
        await ada.get(f"{uploads}/end/{key}")
        assert (live / f"f{size}").read_bytes() == data


async def _one_by_one(pieces: list[bytes]) -> Any:
    for piece in pieces:
        yield piece


async def test_what_does_not_fit_is_named(ada: Person, uploads: str, live: Path) -> None:
    key = await start(ada, uploads)
    await send(ada, uploads, key, "Data.csv", b"x")
    await send(ada, uploads, key, "data.csv", b"y")
    await chunk(ada, uploads, key, "large", b"0123456789", 2, 4)
    message = (await ada.get(f"{uploads}/end/{key}", 400))["message"]
    assert "of 'large' chunk 1, 3 of 3" in message
    await send(ada, uploads, key, "large", b"0123456789", 4)
    message = (await ada.get(f"{uploads}/end/{key}", 400))["message"]
    assert "Data.csv" in message
    assert "data.csv" in message
    assert str(live) not in message
    for target, about in (("../x", "dot segment"), ("a/./b", "dot segment"), ("%ff", "not valid UTF-8")):
        assert about in (await end_in(ada, uploads, key, target, 400))["message"]
    assert _files(live) == {}


async def test_quotas_of_the_dataset_and_of_its_project_are_kept(
    ada: Person, admin: Person, project: dict[str, Any], uploads: str
) -> None:
    quotas = f"/v4/datasetrw/datasets/{_id(uploads)}/quota", f"/v4/projects/{project['id']}/datasetQuota"
    first = await start(ada, uploads)
    await send(ada, uploads, first, "f", bytes(60))
    await ada.get(f"{uploads}/end/{first}")
    await admin.put(quotas[0], {"quotaBytes": 100})
    key = await start(ada, uploads, "Rename")
    refused = await chunk(ada, uploads, key, "f", bytes(41))
    assert refused.status_code == 400
    message = refused.json()["message"]
    assert "41 bytes do not fit: the quota of the dataset calls is 100 bytes, of which 60 are used" in message
    assert "ask an administrator" in message
    await send(ada, uploads, key, "f", bytes(40))
    await admin.put(quotas[1], {"quotaBytes": 99})
    message = (await ada.get(f"{uploads}/end/{key}", 400))["message"]
    assert "the quota of the project's datasets is 99 bytes" in message
    await admin.put(quotas[1], {"quotaBytes": 100})
    assert (await ada.get(f"{uploads}/end/{key}"))["files"] == 1


async def test_what_was_uploaded_is_listed_and_in_the_next_snapshot(
    ada: Person, project: dict[str, Any], dataset: dict[str, Any], uploads: str
) -> None:
    key = await start(ada, uploads)
    await send(ada, uploads, key, "sub/f", b"first")
    await ada.get(f"{uploads}/end/{key}")
    private = f"/v4/datasetrw/datasets/{dataset['id']}"
    assert [one["name"] for one in (await ada.get(f"{private}/files"))["items"]] == ["sub"]
    snapshot = (await ada.post(f"{V1}/{dataset['id']}/snapshots", {"relativeFilePaths": []}))["snapshot"]
    assert snapshot["status"] == "active"
    assert await ada.get(f"{private}/file", path="sub/f", snapshot=snapshot["id"]) == b"first"
    # A dataset that is made from a snapshot gets its files when somebody first asks for them.
    made = await make_dataset(ada, project, "copy", snapshotId=snapshot["id"], projectId=None)
    copy = _address(made["id"])
    key = await start(ada, copy)
    await send(ada, copy, key, "sub/f", b"second")
    await send(ada, copy, key, "g", b"more")
    assert (await ada.get(f"{copy}/end/{key}"))["ignoredFiles"] == 1
    usage = await ada.get(f"/v4/datasetrw/datasets/{made['id']}/usage")
    assert (usage["fileCount"], usage["sizeBytes"]) == (2, 9)


async def test_files_and_chunks_have_a_limit(ada: Person, uploads: str) -> None:
    key = await start(ada, uploads)
    size = 2**40 + 1
    changed = {"resumableIdentifier": f"{size}-f", "resumableTotalChunks": size // 2**23 + 1}
    refused = await chunk(ada, uploads, key, "f", bytes(2**23), 1, 2**23, **changed)
    assert refused.status_code == 413
    assert "1,099,511,627,776 bytes a file" in refused.json()["message"]
    assert (await chunk(ada, uploads, key, "f", bytes(2**26 + 1), 1, 2**27)).status_code == 413


async def test_an_upload_is_only_its_starters(
    ada: Person, bob: Person, dataset: dict[str, Any], uploads: str
) -> None:
    await grant(ada, dataset, bob.id, EDITOR)
    key = await start(ada, uploads)
    await send(ada, uploads, key, "f", b"x")
    params = _asked(key, "f", b"x", 1, CHUNK)
    for response in (
        await bob.request("GET", f"{uploads}/test", params=params),
        await chunk(bob, uploads, key, "f", b"x"),
        await bob.request("GET", f"{uploads}/end/{key}"),
        await bob.request("GET", f"{uploads}/cancel/{key}"),
    ):
        assert response.status_code == 404
        assert "You have no upload with this key" in response.json()["message"]
    assert (await ada.get(f"{uploads}/end/{key}"))["files"] == 1
    mine = await start(bob, uploads)
    await send(bob, uploads, mine, "g", b"x")
    assert (await bob.get(f"{uploads}/end/{mine}"))["files"] == 1


async def test_who_may_not_write_to_a_dataset_any_more_cannot_end_an_upload(
    ada: Person, bob: Person, dataset: dict[str, Any], uploads: str, live: Path
) -> None:
    await grant(ada, dataset, bob.id, EDITOR)
    key = await start(bob, uploads)
    await send(bob, uploads, key, "f", b"x")
    await grant(ada, dataset, bob.id, READER)
    assert (await chunk(bob, uploads, key, "g", b"x")).status_code == 403
    await bob.get(f"{uploads}/end/{key}", 403)
    assert _files(live) == {}
    await start(ada, _address(NOBODY), expect=404)


async def test_the_next_start_finishes_what_was_being_ended(
    modelyard: Modelyard, ada: Person, uploads: str, live: Path, settings: Settings, dsn: str
) -> None:
    key = await start(ada, uploads)
    await send(ada, uploads, key, "f", b"data")

    def dies(_: Landed, __: Extent) -> None:
        raise Unavailable("The API ends here.")

    sessions, folder = UploadSessions(2**30), dataset_storage(settings).folders.live(_id(uploads))
    with pytest.raises(Unavailable):
        sessions.end(folder, ada.id, key, SafePath("t"), None, dies)
    row = "SELECT file_count || ' ' || size_bytes FROM datasets WHERE id = $1"
    assert await modelyard.db.value(row, _id(uploads)) == "0 0"
    async with Modelyard.over(settings, dsn) as restarted:
        deadline = time.monotonic() + 30
        while await restarted.db.value(row, _id(uploads)) != "1 4":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert _files(live) == {"t/f": b"data"}
        again = Person(restarted, ada.id, "ada", ada.key)
        assert (await again.get(f"{uploads}/end/{key}"))["files"] == 1
    uploaded = "SELECT actor_name FROM events WHERE action = 'dataset.filesUploaded'"
    assert await modelyard.db.values(uploaded) == ["ada"]
