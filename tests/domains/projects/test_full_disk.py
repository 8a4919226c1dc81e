"""A disk that is really full: what was acknowledged stays, what does not fit is refused as a whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.settings import Settings
from tests.client import Person
from tests.disks import small_disk
from tests.domains.projects.conftest import newest, paths, read, tar, upload
from tests.domains.running import as_


@pytest.fixture
def settings(settings: Settings) -> Iterator[Settings]:
    """A home whose repositories lie on a disk of 2 MiB."""
    with small_disk(settings.home_path / "repos"):
        yield settings


async def test_an_upload_that_does_not_fit_changes_nothing(
    ada: Person, project: dict[str, Any], settings: Settings
) -> None:
    kept = (await upload(ada, "ada/churn", "kept.txt", b"kept"))["commitId"]
    large = Path("/dev/urandom").open("rb").read(3 * 2**20)  # noqa: SIM115
    refused = await upload(ada, "ada/churn", "large.bin", large, expect=503)
    assert "disk is full" in refused["message"]
    assert str(settings.home_path) not in refused["message"]
    response = await ada.request("POST", f"/v4/projects/{project['id']}/commits", content=tar(("a.bin", large)))
    assert response.status_code == 503
    assert await newest(ada, "ada/churn") == kept
    assert await read(ada, project["id"], kept, "kept.txt") == b"kept"
    await upload(ada, "ada/churn", "small.txt", b"fits")
    assert {"kept.txt", "small.txt"} <= await paths(ada, "ada/churn", await newest(ada, "ada/churn"))


async def test_a_project_that_finds_no_room_for_its_first_files_gets_them_later(
    ada: Person, project: dict[str, Any], settings: Settings
) -> None:
    filling = settings.home_path / "repos" / "filling"
    with pytest.raises(OSError, match="space"):
        filling.write_bytes(bytes(2**22))
    reply = await ada.get("/v1/projects/ada/churn/commits", expect=503)
    assert "disk is full" in reply["message"]
    filling.unlink()
    assert len(await ada.get("/v1/projects/ada/churn/commits")) == 1


@pytest.mark.usefixtures("runner")
async def test_a_job_whose_results_do_not_fit_says_so(ada: Person, project: dict[str, Any]) -> None:
    await newest(ada, "ada/churn")
    job = await as_(ada).runs(project["id"], "head -c 3000000 /dev/urandom > result.bin")
    assert job["status"]["executionStatus"] == "Error"
    problem = (await ada.get(f"/api/jobs/beta/jobs/{job['id']}/logs"))["logs"]["problem"]
    assert "results could not be kept" in problem
    assert "full" in problem or "space" in problem
