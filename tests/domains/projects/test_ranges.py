"""Files in parts, and files that the client has already."""

from typing import Any

import pytest

from tests.client import Person
from tests.domains.projects.conftest import upload

SMALL, LARGE = bytes(range(100)), bytes(range(256)) * 40_000


async def _url(person: Person, content: bytes) -> str:
    made = await upload(person, "ada/churn", "file", content)
    [file] = [
        file
        for file in (await person.get(f"/v1/projects/ada/churn/files/{made['commitId']}"))["data"]
        if file["path"] == "file"
    ]
    return f"/v1/projects/ada/churn/blobs/{file['key']}"


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(
    ("asked", "first", "after"),
    [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=90-", 90, None), ("bytes=-7", -7, None),
     ("bytes=0-", 0, None), ("bytes=50-999999999", 50, None), ("bytes=-99999999999", 0, None)],
)  # fmt: skip
async def test_a_range_is_answered_with_its_part(
    ada: Person, project: dict[str, Any], content: bytes, asked: str, first: int, after: int | None
) -> None:
    response = await ada.request("GET", await _url(ada, content), headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == content[first:after]
    begin = first if first >= 0 else len(content) + first
    end = len(content) if after is None else after
    assert response.headers["content-range"] == f"bytes {begin}-{end - 1}/{len(content)}"
    assert response.headers["content-length"] == str(end - begin)


async def test_a_download_that_broke_off_is_resumed(ada: Person, project: dict[str, Any]) -> None:
    url = await _url(ada, LARGE)
    whole = await ada.request("GET", url)
    assert whole.headers["accept-ranges"] == "bytes"
    middle = 9_000_000
    headers = {"Range": f"bytes={middle}-", "If-Range": whole.headers["etag"]}
    rest = await ada.request("GET", url, headers=headers)
    assert whole.content[:middle] + rest.content == LARGE
    changed = await ada.request("GET", url, headers=headers | {"If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, LARGE)


@pytest.mark.parametrize(("content", "asked"), [(SMALL, "bytes=100-"), (SMALL, "bytes=-0"), (b"", "bytes=0-5")])
async def test_a_range_outside_of_the_file_is_refused(
    ada: Person, project: dict[str, Any], content: bytes, asked: str
) -> None:
    response = await ada.request("GET", await _url(ada, content), headers={"Range": asked})
    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{len(content)}"
    assert f"{len(content)} bytes" in response.json()["message"]


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "x"])
async def test_what_is_no_single_range_gives_the_whole_file(
    ada: Person, project: dict[str, Any], asked: str
) -> None:
    response = await ada.request("GET", await _url(ada, SMALL), headers={"Range": asked})
    assert (response.status_code, response.content) == (200, SMALL)


async def test_a_file_that_the_client_has_is_not_sent_again(ada: Person, project: dict[str, Any]) -> None:
    url = await _url(ada, SMALL)
    etag = (await ada.request("GET", url)).headers["etag"]
    for held in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        response = await ada.request("GET", url, headers={"If-None-Match": held})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
    response = await ada.request("GET", url, headers={"If-None-Match": '"other"'})
    assert (response.status_code, response.content) == (200, SMALL)
