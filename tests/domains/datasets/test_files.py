"""The files of datasets over HTTP: listed, downloaded, compared, restored, deleted, and by whom."""

import io
import os
import tarfile
import zipfile
from typing import Any

import pytest

from tests.client import Modelyard, Person
from tests.domains.datasets.conftest import NOBODY, READER, V1, grant
from tests.domains.datasets.live import PRIVATE, Live

MIB = 2**20


@pytest.fixture
async def live(modelyard: Modelyard, ada: Person, dataset: dict[str, Any]) -> Live:
    """The live files of Ada's dataset."""
    await ada.get(f"{PRIVATE}/{dataset['id']}/files")
    return Live(modelyard, ada, dataset)


async def test_a_folder_is_listed_live_and_as_it_was(live: Live) -> None:
    await live.write(a__csv=b"12", sub___b=b"1", sub___c=b"22")
    (live.root / "sub" / "tool").write_bytes(b"#!")
    (live.root / "sub" / "tool").chmod(0o755)
    (live.root / "sub" / "link").symlink_to("b")
    (live.root / "empty").mkdir()
    assert await live.names() == ["a.csv", "empty/", "sub/"]
    assert (await live.snapshot())["status"] == "active"
    (live.root / "a.csv").unlink()
    await live.change()
    assert await live.names() == ["empty/", "sub/"]
    assert await live.names(snapshot="1") == ["a.csv", "empty/", "sub/"]
    items = (await live.owner.get(f"{live.url}/files", path="sub"))["items"]
    assert [(one["path"], one["kind"], one["size"], one["isExecutable"]) for one in items] == [
        ("sub/b", "file", 1, False),
        ("sub/c", "file", 2, False),
        ("sub/link", "link", 1, False),
        ("sub/tool", "file", 2, True),
    ]
    assert await live.names("nowhere") == []


async def test_a_long_folder_comes_in_pages(live: Live) -> None:
    await live.write(**{f"f{number:03}": b"" for number in range(25)})
    names: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await live.owner.get(f"{live.url}/files", limit=10, **after)
        names += [item["name"] for item in page["items"]]
        if "next" not in page:
            break
        after = {"after": page["next"]}
    assert names == [f"f{number:03}" for number in range(25)]
    for wrong in (0, 1001, "many"):
        await live.owner.get(f"{live.url}/files", limit=wrong, expect=400)


async def test_a_file_is_downloaded_whole_and_in_part(live: Live) -> None:
    content = os.urandom(2 * MIB + 3)
    await live.write(big=content)
    await live.names()
    await live.snapshot()
    for snapshot in (None, "1"):
        assert await live.text("big", snapshot) == content
        assert (
            await live.text("big", snapshot, 206, range=f"bytes={MIB - 2}-{MIB + 1}") == content[MIB - 2 : MIB + 2]
        )
        assert await live.text("big", snapshot, 206, range="bytes=-5") == content[-5:]
        await live.text("big", snapshot, 416, range=f"bytes={3 * MIB}-")
        query = {"path": "big"} | ({"snapshot": snapshot} if snapshot else {})
        response = await live.owner.request("GET", f"{live.url}/file", params=query)
        await live.text("big", snapshot, 304, **{"if-none-match": response.headers["etag"]})
    await live.write(big=b"other")
    await live.text("big", None, 200, **{"if-none-match": response.headers["etag"]})
    await live.text("nowhere", expect=404)


async def test_no_path_leads_out_of_a_dataset(live: Live) -> None:
    await live.write(a=b"1")
    secret = live.modelyard.settings.home_path / "secret.key"
    (live.root / "link").symlink_to(secret)
    (live.root / "folder").symlink_to(secret.parent)
    for path in ("../../../secret.key", "/etc/passwd", "a/../../x", "..", "a\0b", "sub\\x"):
        response = await live.owner.request("GET", f"{live.url}/file", params={"path": path})
        assert response.status_code in {400, 404}, path
    for path in ("link", "folder/secret.key"):
        await live.text(path, expect=404)
        assert (
            await live.owner.request("DELETE", f"{live.url}/files", params={"path": "folder/secret.key"})
        ).status_code == 404
    assert secret.exists()
    archive = await live.owner.request("GET", f"{live.url}/archive", params={"format": "tar"})
    with tarfile.open(fileobj=io.BytesIO(archive.content)) as tar:
        assert tar.getnames() == ["calls-live/a"]


@pytest.mark.parametrize("kind", ["tar.gz", "tar", "zip"])
async def test_a_folder_is_downloaded_as_an_archive(live: Live, kind: str) -> None:
    await live.write(a=b"1", sub___b=b"22", sub___deep___c=os.urandom(MIB + 1))
    await live.names()
    await live.snapshot()
    for snapshot, top in ((None, "calls-live"), ("1", "calls-1")):
        query = {"format": kind, "path": "sub"} | ({"snapshot": snapshot} if snapshot else {})
        response = await live.owner.request("GET", f"{live.url}/archive", params=query)
        assert response.headers["content-disposition"] == f'attachment; filename="{top}.{kind}"'
        if kind == "zip":
            names = zipfile.ZipFile(io.BytesIO(response.content)).namelist()
        else:
            with tarfile.open(fileobj=io.BytesIO(response.content)) as tar:
                names = tar.getnames()
        assert names == [f"{top}/sub/b", f"{top}/sub/deep/c"]


async def test_versions_are_compared(live: Live) -> None:
    await live.write(same=b"s", changed=b"1", removed=b"r")
    await live.names()
    await live.snapshot()
    await live.write(changed=b"22", added=b"a")
    (live.root / "removed").unlink()
    await live.names()
    diff = await live.owner.get(f"{live.url}/diff", before="1")
    assert (diff["added"], diff["changed"], diff["removed"], diff["hasMore"]) == (1, 1, 1, False)
    assert diff["files"] == [
        {"path": "added", "change": "added", "sizeAfter": 1},
        {"path": "changed", "change": "changed", "sizeBefore": 1, "sizeAfter": 2},
        {"path": "removed", "change": "removed", "sizeBefore": 1},
    ]
    second = await live.snapshot()
    await live.owner.post(f"{V1}/{live.id}/tags", {"tagName": "gold", "snapshotId": second["id"]})
    for before, after in (("1", "2"), ("1", "gold"), ("1", second["id"])):
        assert (await live.owner.get(f"{live.url}/diff", before=before, after=after))["files"] == diff["files"]
    short = await live.owner.get(f"{live.url}/diff", before="1", after="2", limit=1)
    assert (len(short["files"]), short["hasMore"], short["removed"]) == (1, True, 1)
    backwards = await live.owner.get(f"{live.url}/diff", before="2", after="1")
    assert (backwards["added"], backwards["removed"]) == (1, 1)
    await live.owner.get(f"{live.url}/diff", before="7", expect=404)


async def test_a_snapshot_is_restored(live: Live) -> None:
    await live.write(a=b"1", sub___b=b"22")
    await live.names()
    first = await live.taken()
    await live.write(a=b"changed", c=b"new")
    usage = await live.owner.post(f"{live.url}/restore", snapshot="1")
    assert (usage["fileCount"], usage["sizeBytes"]) == (2, 3)
    assert await live.text("a") == b"1"
    assert await live.names() == ["a", "sub/"]
    assert (await live.taken())["root"] == first["root"]
    await live.owner.post(f"{live.url}/restore", snapshot="9", expect=404)
    await live.owner.post(f"{live.url}/restore", expect=400)


async def test_files_and_folders_are_deleted_and_snapshots_keep_theirs(live: Live) -> None:
    await live.write(a=b"1", sub___b=b"22", sub___c=b"333")
    await live.names()
    await live.snapshot()
    usage = await live.owner.delete(f"{live.url}/files", path="sub")
    assert (usage["fileCount"], usage["sizeBytes"], usage["snapshotCount"], usage["snapshotBytes"]) == (1, 1, 1, 6)
    assert await live.names() == ["a"]
    assert await live.text("sub/c", snapshot="1") == b"333"
    await live.owner.delete(f"{live.url}/files", path="sub", expect=404)
    await live.owner.delete(f"{live.url}/files", path="", expect=400)


async def test_every_byte_is_behind_the_datasets_guard(
    live: Live, bob: Person, dataset: dict[str, Any], modelyard: Modelyard
) -> None:
    await live.write(a=b"1")
    await live.names()
    await live.snapshot()
    reads = [("files", {}), ("file", {"path": "a"}), ("archive", {}), ("diff", {"before": "1"}), ("usage", {})]
    for path, query in reads:
        await bob.get(f"{live.url}/{path}", expect=404, **query)
        await modelyard.stranger().get(f"{live.url}/{path}", expect=401, **query)
        await live.owner.get(f"{PRIVATE}/{NOBODY}/{path}", expect=404, **query)
    await grant(live.owner, dataset, bob.id, READER)
    for path, query in reads:
        assert (await bob.request("GET", f"{live.url}/{path}", params=query)).status_code == 200
    await bob.delete(f"{live.url}/files", path="a", expect=403)
    await bob.post(f"{live.url}/restore", snapshot="1", expect=403)
